/* SPDX-License-Identifier: 0BSD */
/* refused.h - calls that must be refused, and change nothing: of the space floor, and of the one above where
 * WORLD_HAS_KVA is set. */
#ifndef ASHLAR_TESTS_SPACE_REFUSED_H
#define ASHLAR_TESTS_SPACE_REFUSED_H

#include "space/world.h"

static struct ashlar_space space;

static uint64_t add_parts(uint64_t sum, const uint64_t *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum = sum * UINT64_C(1000003) + parts[i];
    }
    return sum;
}

#define ADD_PARTS(sum, parts) add_parts((sum), (parts), sizeof(parts) / sizeof(parts)[0])

/* All that can be counted from outside, as one number. */
static uint64_t sum(void)
{
    uint64_t sum = world_free_frames();
    struct ashlar_space_stats s = world_stats();
    const uint64_t parts[] = {space.table_frames, space.mapped_pages, s.kernel_table_frames,
                              s.flush_pages,      s.flush_alls,       s.root_writes};
    sum = ADD_PARTS(sum, parts);
#ifdef WORLD_HAS_KVA
    struct ashlar_kva_stats k = world_kva_stats();
    const uint64_t more[] = {k.arena_free_pages, k.ranges, k.stacks, k.strip_frames};
    sum = ADD_PARTS(sum, more);
#endif
    return sum;
}

static void check_refused(int line, ashlar_status got, ashlar_status want, uint64_t before, const char *title)
{
    bool same = sum() == before;
    const char *broken = world_broken();
    if (!tap_report(got == want && same && broken == NULL, line, "%s: %s", world.name, title)) {
        printf("#   got %s, want %s; %s; %s\n", ashlar_status_text(got), ashlar_status_text(want),
               same ? "nothing has changed" : "something has changed", broken != NULL ? broken : "sound");
    }
}

#define refused(call, want, title)                                                                                     \
    do {                                                                                                               \
        uint64_t before_ = sum();                                                                                      \
        ashlar_status got_ = (call);                                                                                   \
        check_refused(__LINE__, got_, (want), before_, (title));                                                       \
    } while (0)

#endif
