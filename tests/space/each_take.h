/* SPDX-License-Identifier: 0BSD */
/* each_take.h - each take of a frame fails in turn, once and for good: no call leaves anything half done. Of the space floor, and
 * of the one above where WORLD_HAS_KVA is set. In a thread; and with interrupts off, by the one CPU that takes part, where
 * nobody is asked for relief.
 *
 * For each operation, in a world where it would succeed: fail its Nth take, and see that all is as before; then the next
 * N, until it succeeds. What may stay are reserves: empty tables of the kernel half and pages of descriptors, so frames
 * and those are counted together.
 */
#ifndef ASHLAR_TESTS_SPACE_EACH_TAKE_H
#define ASHLAR_TESTS_SPACE_EACH_TAKE_H

#include "space/world.h"

static struct ashlar_space space;
static ashlar_pfn run; /* 2048 frames on a multiple of 1024 */
static ashlar_vpn range;
static size_t whole; /* pages of a large page */

struct operation {
    const char *name;
    ashlar_status (*run)(void);
    void (*undo)(void);
    void (*prepare)(void); /* may be NULL: makes what the operation changes */
    void (*unprepare)(void);
    unsigned least; /* takes that it needs at least, in every format */
};

/* --- what is compared -------------------------------------------------------------------- */

/* Every entry of all tables of the user half, accessed and dirty apart: the tables' own frames included.
 * NOLINTNEXTLINE(misc-no-recursion): at most five levels, on the host. */
static uint64_t sum_table(ashlar_pfn frame, unsigned level, uint64_t sum)
{
    const struct ashlar_paging *p = world.paging;
    unsigned entries = ashlar_table_entries(p, level);
    if (level == ashlar_paging_levels(p)) {
        entries = ashlar_entry_index(p, level, ashlar_user_end());
    }
    for (unsigned i = 0; i < entries; i++) {
        uint64_t entry = ashlar_entry_load(p, sim_ram_frame(frame), i) & ~ashlar_entry_mmu_bits(p);
        if (entry != 0) {
            sum = (sum ^ entry ^ i) * UINT64_C(0x100000001b3);
        }
        if (ashlar_entry_is_link(p, level, entry)) {
            sum = sum_table(ashlar_entry_frame(p, entry), level - 1u, sum);
        }
    }
    return sum;
}

struct state {
    uint64_t tables;
    size_t frames; /* free ones, and reserves */
    size_t user_tables;
    size_t mapped;
    size_t spaces;
    size_t free_pages; /* of the arena */
    size_t ranges;
    size_t promised;
};

#ifdef WORLD_HAS_KVA
static void add_kva(struct state *s)
{
    (void)ashlar_magazines_empty(&ashlar_kva.general);
    (void)ashlar_magazines_empty(&ashlar_kva.stacks);
    struct ashlar_kva_stats stats = world_kva_stats();
    s->frames += stats.strip_frames;
    s->free_pages = stats.arena_free_pages;
    s->ranges = stats.ranges + stats.stacks;
}
#endif

static struct state state_now(void)
{
    struct state s = {.frames = world_free_frames()};
    struct ashlar_space_stats stats = world_stats();
    s.tables = sum_table((ashlar_pfn)(space.root >> 12), ashlar_paging_levels(world.paging), 7);
    s.frames += stats.kernel_table_frames;
    s.user_tables = space.table_frames;
    s.mapped = space.mapped_pages;
    s.spaces = stats.spaces;
#ifdef WORLD_HAS_KVA
    add_kva(&s);
#endif
    struct ashlar_frames_stats frames;
    ashlar_frames_stats(world.pool, &frames);
    s.promised = frames.reserved_frames;
    return s;
}

static const char *difference(const struct state *a, const struct state *b)
{
    return a->tables != b->tables             ? "user tables"
           : a->frames != b->frames           ? "frames"
           : a->user_tables != b->user_tables ? "count of user tables"
           : a->mapped != b->mapped           ? "count of mapped pages"
           : a->spaces != b->spaces           ? "spaces"
           : a->free_pages != b->free_pages   ? "free addresses"
           : a->ranges != b->ranges           ? "ranges"
           : a->promised != b->promised       ? "promised frames"
                                              : world_broken();
}

/* --- failing ------------------------------------------------------------------------------------ */

static void start(const struct world_format *format, ashlar_sharing_policy policy)
{
    const struct world_options options = {.policy = policy, .ram_bytes = 32u * MIB};
    world_start(format, &options);
    whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    range = world_addresses(4096, 1024);
    if (ashlar_space_create(&space) != ASHLAR_OK || range == ASHLAR_PFN_NONE) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    run = world_frames(2048, 1024);
    ashlar_space_switch(&space);
}

enum mode { ONCE, FOR_GOOD, ALONE, MODES };

static unsigned times_asked;

static size_t relieve_nothing(void *context)
{
    (void)context;
    times_asked++;
    return 0;
}

static ashlar_status run_in_mode(const struct operation *operation, enum mode mode)
{
    uintptr_t interrupts = mode == ALONE ? ashlar_port_irq_save() : 0;
    ashlar_status status = operation->run();
    if (mode == ALONE) {
        ashlar_port_irq_restore(interrupts);
    }
    return status;
}

/* Without and then with the Nth take failing; each time in a world that looks as at first. */
static unsigned fail_each(const struct operation *operation, enum mode mode)
{
    unsigned n = 0;
    ashlar_status status;
    do {
        if (operation->prepare != NULL) {
            operation->prepare();
        }
        struct state before = state_now();
        ashlar_frames_fail_nth(world.pool, ++n, mode != ONCE);
        status = run_in_mode(operation, mode);
        ashlar_frames_fail_nth(world.pool, 0, 0);
        if (status != ASHLAR_OK) {
            struct state after = state_now();
            const char *broken = difference(&before, &after);
            if (status != ASHLAR_NO_FRAMES || broken != NULL) {
                printf("# take %u: %s; %s\n", n, ashlar_status_text(status), broken != NULL ? broken : "sound");
                return 0;
            }
        } else {
            operation->undo();
        }
        if (operation->unprepare != NULL) {
            operation->unprepare();
        }
    } while (status != ASHLAR_OK && n < 1000);
    return n;
}

static void test_operation(const struct world_format *format, const struct operation *operation,
                           ashlar_sharing_policy policy)
{
    static const char *const mode_text[] = {"once", "for good", "alone, with interrupts off"};
    static struct ashlar_reliever reliever;
    for (enum mode mode = ONCE; mode < MODES; mode++) {
        start(format, policy);
        reliever = (struct ashlar_reliever){.relieve = relieve_nothing};
        ashlar_frames_add_reliever(world.pool, &reliever);
        if (mode == ALONE) {
            world_leave();
        }
        times_asked = 0;
        unsigned n = fail_each(operation, mode);
        ok(n > operation->least, "%s, %s: %s, %s, fails %u times and leaves nothing", world.name,
           ashlar_sharing_text(policy), operation->name, mode_text[mode], n - 1u);
        ok(times_asked == 0 ? mode == ALONE || n == 1 : mode != ALONE, "%s: asked for relief %u times", world.name,
           times_asked);
        struct state before = state_now();
        ok(before.user_tables == 0 && before.mapped == 0, "%s: the space is empty afterwards", world.name);
        world_ok("%s", operation->name);
    }
}

static void test_operations(const struct operation *operations, size_t count)
{
    FOR_EACH_FORMAT(format)
    {
        for (size_t i = 0; i < count; i++) {
            test_operation(format, &operations[i], ASHLAR_SHARING_PREALLOCATE);
            test_operation(format, &operations[i], ASHLAR_SHARING_HYBRID);
        }
    }
}

#endif
