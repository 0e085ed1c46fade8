/* SPDX-License-Identifier: 0BSD */
/* nth.c - each take of a frame fails in turn, once and for good: no call leaves anything half done.
 *
 * For each operation, in a world where it would succeed: fail its Nth take, and see that all is as before; then the next
 * N, until it succeeds. What may stay are reserves: empty tables of the kernel half and pages of descriptors, so frames
 * and those are counted together.
 */
#include "kva/world.h"

static struct ashlar_space space, fresh;
static ashlar_pfn run; /* 2048 frames on a multiple of 1024 */
static ashlar_vpn range;
static size_t whole; /* pages of a large page */
static ashlar_pfn out[4096];

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
        entries = ashlar_entry_index(p, level, ashlar_user_pages());
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

static struct state state_now(void)
{
    struct state s;
    size_t free_frames = world_free_frames();
    struct ashlar_space_stats stats = world_stats();
    s.tables = sum_table((ashlar_pfn)(space.root >> 12), ashlar_paging_levels(world.paging), 7);
    s.frames = free_frames + stats.kernel_table_frames + stats.strip_frames;
    s.user_tables = space.table_frames;
    s.mapped = space.mapped_pages;
    s.spaces = stats.spaces;
    (void)ashlar_magazines_empty(&ashlar_half.general);
    (void)ashlar_magazines_empty(&ashlar_half.stacks);
    stats = world_stats();
    s.free_pages = stats.arena_free_pages;
    s.ranges = stats.ranges + stats.stacks;
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

/* --- operations ------------------------------------------------------------------------------ */

static size_t top_pages(void)
{
    return (size_t)1 << ashlar_slot_shift(world.paging);
}

static ashlar_status map_far(void)
{
    for (size_t i = 0; i < 6; i++) {
        out[i] = run + 10u - i;
    }
    return ashlar_space_map(&space, top_pages() - 3u, 6, out, ASHLAR_MAP_WRITE);
}

static void unmap_far(void)
{
    (void)!ashlar_space_unmap(&space, top_pages() - 3u, 6, out);
}

static ashlar_status map_large(void)
{
    return ashlar_space_map_linear(&space, 8u * whole - 2u, whole + 4u, run + whole - 2u,
                                   ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE);
}

static void unmap_large(void)
{
    (void)!ashlar_space_unmap(&space, 8u * whole - 2u, whole + 4u, out);
}

static void make_large(void)
{
    (void)!ashlar_space_map_linear(&space, 8u * whole, 2u * whole < 2048u ? 2u * whole : whole, run,
                                   ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE);
}

static void drop_large(void)
{
    (void)!ashlar_space_unmap(&space, 8u * whole, 2u * whole < 2048u ? 2u * whole : whole, out);
}

static ashlar_status split_protect(void)
{
    return ashlar_space_protect(&space, 8u * whole + 3u, 4, 0);
}

static ashlar_status split_unmap(void)
{
    return ashlar_space_unmap(&space, 8u * whole + whole - 3u, 3, out);
}

static void remap(void)
{
    (void)!ashlar_space_map_linear(&space, 8u * whole + whole - 3u, 3, run + whole - 3u, ASHLAR_MAP_WRITE);
}

static void nothing(void)
{
}

static ashlar_status map_kernel(void)
{
    return ashlar_space_map_linear(NULL, range + whole - 2u, 4, run, ASHLAR_MAP_WRITE);
}

static void unmap_kernel(void)
{
    (void)!ashlar_space_unmap(NULL, range + whole - 2u, 4, out);
}

static ashlar_status commit(void)
{
    return ashlar_kva_commit(range + 2u * whole - 40u, 80, ASHLAR_MAP_WRITE);
}

static void decommit(void)
{
    ashlar_kva_decommit(range + 2u * whole - 40u, 80);
}

static ashlar_vpn taken;
static uintptr_t top, device;

static ashlar_status take(void)
{
    return ashlar_kva_take(70, ASHLAR_MAP_WRITE, "seventy", &taken);
}

static ashlar_status take_demand(void)
{
    return ashlar_kva_take_demand(70, ASHLAR_MAP_WRITE, "seventy", &taken);
}

static void give(void)
{
    ashlar_kva_give(taken);
}

static ashlar_status take_stack(void)
{
    return ashlar_kva_take_stack(4, "stack", &top);
}

static void give_stack(void)
{
    ashlar_kva_give_stack(top);
}

static ashlar_status map_mmio(void)
{
    return ashlar_kva_map_mmio(0xfee00000u, whole * 4096u, ASHLAR_MAP_WRITE, "device", &device);
}

static void unmap_mmio(void)
{
    ashlar_kva_unmap_mmio(device);
}

static ashlar_status create(void)
{
    return ashlar_space_create(&fresh);
}

static void destroy(void)
{
    ashlar_space_destroy(&fresh);
}

static const struct operation operations[] = {
    {"[fault 43] map across two top-level slots", map_far, unmap_far, NULL, NULL, 2},
    {"[fault 43] map linear, small and large", map_large, unmap_large, NULL, NULL, 2},
    {"[fault 44] protect a part of a large page", split_protect, nothing, make_large, drop_large, 1},
    {"[fault 44] unmap a part of a large page", split_unmap, remap, make_large, drop_large, 1},
    {"[fault 43] map kernel pages across two tables", map_kernel, unmap_kernel, NULL, NULL, 0},
    {"commit", commit, decommit, NULL, NULL, 2},
    {"take", take, give, NULL, NULL, 2},
    {"take a demand region", take_demand, give, NULL, NULL, 1},
    {"take a stack", take_stack, give_stack, NULL, NULL, 1},
    {"map device memory", map_mmio, unmap_mmio, NULL, NULL, 0},
    {"create a space", create, destroy, NULL, NULL, 1},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

/* --- failing ------------------------------------------------------------------------------------ */

static void start(const struct world_format *format, ashlar_sharing_policy policy)
{
    const struct world_options options = {.policy = policy, .ram_bytes = 32u * MIB};
    world_start(format, &options);
    whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    if (ashlar_space_create(&space) != ASHLAR_OK || ashlar_kva_reserve(4096, 1024, "test", &range) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    run = world_frames(2048, 1024);
    ashlar_space_switch(&space);
}

/* Without and then with the Nth take failing; each time in a world that looks as at first. */
static unsigned fail_each(const struct operation *operation, bool forever)
{
    unsigned n = 0;
    ashlar_status status;
    do {
        if (operation->prepare != NULL) {
            operation->prepare();
        }
        struct state before = state_now();
        ashlar_frames_fail_nth(world.pool, ++n, forever);
        status = operation->run();
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
    for (int forever = 0; forever < 2; forever++) {
        start(format, policy);
        unsigned n = fail_each(operation, forever != 0);
        ok(n > operation->least, "%s, %s: %s, %s, fails %u times and leaves nothing", world.name,
           ashlar_sharing_text(policy), operation->name, forever ? "for good" : "once", n - 1u);
        struct state before = state_now();
        ok(before.user_tables == 0 && before.mapped == 0, "%s: the space is empty afterwards", world.name);
        world_ok("%s", operation->name);
    }
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        for (size_t i = 0; i < OPERATIONS; i++) {
            test_operation(format, &operations[i], ASHLAR_SHARING_PREALLOCATE);
            test_operation(format, &operations[i], ASHLAR_SHARING_HYBRID);
        }
    }
    return done_testing();
}
