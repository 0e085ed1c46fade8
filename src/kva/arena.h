/* SPDX-License-Identifier: 0BSD */
/* arena.h - the two arenas of kernel addresses. */
#ifndef ASHLAR_KVA_ARENA_H
#define ASHLAR_KVA_ARENA_H

#include "arch/formats.h"
#include "kva/internal.h"
#include "kva/kinds.h"

struct range_request {
    size_t pages; /* guards included */
    size_t align_pages;
    enum range_kind kind;
    const char *name;
};

static inline uintptr_t ashlar_kva_address(ashlar_vpn page)
{
    return ashlar_paging_address(ashlar_kva.paging, page);
}

static inline struct arena *ashlar_arena_of(ashlar_vpn page)
{
    const struct ashlar_kva_layout *layout = &ashlar_kva.layout;
    return page - layout->stacks_first < layout->stacks_pages ? &ashlar_kva.stacks : &ashlar_kva.general;
}

void ashlar_arena_init(struct arena *arena, const char *name, ashlar_vpn first, size_t pages);

/* Once: ASHLAR_NO_FRAMES: there is no descriptor; feed, and try again. ASHLAR_NO_ADDRESSES. */
ashlar_status ashlar_arena_take(struct arena *arena, const struct range_request *request,
                                struct ashlar_range_info *info);
/* One more page of descriptors, unless somebody else was faster. May ask for relief. */
ashlar_status ashlar_arena_feed(struct arena *arena);
/* caller: for the message where no range begins at first. */
void ashlar_arena_give(struct arena *arena, ashlar_vpn first, const void *caller);
/* The range that begins at first, marked as given back; fatal if none does, if it was given back before, or is of none of
 * these kinds (a bit for each). */
struct ashlar_range_info ashlar_arena_claim(ashlar_vpn first, unsigned kinds, const void *caller);
/* Bits above the kind, in the range's note. */
void ashlar_arena_set_flags(struct ashlar_range_info *range, uint32_t flags);

/* Fatal if any of the pages of a range that is given back was missing. */
ASHLAR_NORETURN void ashlar_range_refuse_missing(const struct ashlar_range_info *range, size_t missing,
                                                 const void *caller);
static inline void ashlar_range_check_missing(const struct ashlar_range_info *range, size_t missing, const void *caller)
{
    if (missing != 0) {
        ashlar_range_refuse_missing(range, missing, caller);
    }
}

#endif
