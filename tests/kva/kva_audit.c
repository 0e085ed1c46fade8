/* SPDX-License-Identifier: 0BSD */
/* audit.c - what is damaged on purpose is found, and named; mended, all is well again. */
#include "kva/world.h"

static struct ashlar_space space;
static ashlar_vpn pages_first;
static uintptr_t top;

static void start(const struct world_format *format)
{
    world_start_usual(format);
    if (ashlar_space_create(&space) != ASHLAR_OK ||
        ashlar_kva_take(3, ASHLAR_MAP_WRITE, "pages", &pages_first) != ASHLAR_OK ||
        ashlar_kva_take_stack(3, "stack", &top) != ASHLAR_OK ||
        ashlar_space_map_linear(&space, 5, 3, world_frames(3, 1), ASHLAR_MAP_WRITE) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    world_ok("sound at first");
}

static void found(const char *text, const char *name)
{
    like(ashlar_space_audit(), text, name);
}

/* Put another entry into a kernel page's place, at level 1; returns what was there. */
static uint64_t swap_entry(ashlar_vpn page, uint64_t entry)
{
    struct ashlar_spot spot;
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 1, &spot);
    uint64_t old = ashlar_entry_load(world.paging, spot.table, spot.index);
    ashlar_entry_store(world.paging, spot.table, spot.index, entry);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
    return old;
}

static uint64_t leaf(ashlar_pfn frame)
{
    return (uint64_t)frame << 12 | ashlar_entry_leaf_bits(world.paging, WORLD_FEATURES, 1, ASHLAR_MAP_WRITE);
}

static void test_entry(ashlar_vpn page, uint64_t entry, const char *text, const char *name)
{
    uint64_t old = swap_entry(page, entry);
    found(text, name);
    (void)swap_entry(page, old);
    is_str(ashlar_space_audit(), NULL, "mended");
}

static void test_kernel(void)
{
    ashlar_vpn stack = ashlar_address_page(top) - 3u;
    test_entry(pages_first + 10u, leaf(5), "where nobody holds the addresses", "a page beyond all ranges");
    test_entry(stack + 20u, leaf(5), "where nobody holds the addresses", "one among the stacks");
    test_entry(pages_first + 10u, 0x40, "where nobody holds the addresses", "a note that is left over");
    test_entry(pages_first + 3u, 0, "the guard behind a range does not name it", "a guard without its note");
    test_entry(pages_first + 3u, leaf(5), "the guard behind a range does not name it", "a guard that is mapped");
    test_entry(stack - 1u, 0, "the guard below a range does not name it", "the guard below a stack");
    uint64_t note = swap_entry(pages_first + 3u, 0);
    (void)swap_entry(pages_first + 3u, note);
    test_entry(stack - 1u, note, "the guard below a range does not name it", "another range's note");
}

static void test_strip(void)
{
    struct arena *arena = &ashlar_half.general;
    ashlar_vpn next = arena->strip_first + ashlar_ranges_backed_pages(&arena->ranges);
    test_entry(next, leaf(5), "a strip is backed beyond", "a page of a strip too many");
    arena->ranges.free_pages++;
    ok(ashlar_space_audit() != NULL, "%s: ranges that do not add up", world.name);
    arena->ranges.free_pages--;
    ashlar_half.stacks.ranges.live++;
    ok(ashlar_space_audit() != NULL, "%s: of the stacks, too", world.name);
    ashlar_half.stacks.ranges.live--;
}

static void test_array(void)
{
    unsigned shift = ashlar_entry_shift(world.paging, 2);
    size_t slot = (pages_first - world.layout.kernel_first) >> shift;
    if (world.layout.array_pages == 0) {
        return;
    }
    struct ashlar_spot spot;
    ashlar_spot_find(NULL, world.layout.array_first + slot, 1, &spot);
    uint64_t old = spot.entry;
    ashlar_vpn unused =
        world.layout.array_first +
        ((world.layout.arena_first + world.layout.arena_pages / 2u - world.layout.kernel_first) >> shift);
    struct ashlar_mapping m;
    bool hole = ashlar_space_query(NULL, unused, &m) == ASHLAR_ABSENT;
    uint64_t there = swap_entry(unused, hole ? old : 0);
    found("the linear array shows another table", "an array that shows a table that there is not, or hides one");
    (void)swap_entry(unused, there);
    is_str(ashlar_space_audit(), NULL, "mended");
}

static void test_counts(void)
{
    ashlar_half.table_frames++;
    found("other kernel tables than those that were counted", "a kernel table that was not counted");
    ashlar_half.table_frames--;
    ashlar_half.space_count++;
    found("other address spaces than those", "a space that was lost");
    ashlar_half.space_count--;
    space.table_frames++;
    found("other tables than those that were counted", "a user table that was lost");
    space.table_frames--;
    space.mapped_pages--;
    found("other user pages are mapped than", "a user page that was not counted");
    space.mapped_pages++;
    is_str(ashlar_space_audit(), NULL, "mended");
}

/* The last kernel slot of a space's root, and one bit of it that the MMU does not write. */
static void test_slots(void)
{
    const struct ashlar_paging *p = world.paging;
    unsigned level = ashlar_paging_levels(p);
    unsigned slot = ashlar_entry_index(p, level, world.options.image_first);
    void *root = sim_ram_frame(space.root >> 12);
    uint64_t old = ashlar_entry_load(p, root, slot);
    ashlar_entry_store(p, root, slot, 0);
    found("a root's kernel slots are not those of the reference", "a slot that is missing");
    ashlar_entry_store(p, root, slot, old ^ 0x1000u);
    found("a root's kernel slots are not those of the reference", "a slot that names another table");
    if (level != 3) { /* reserved in PAE's root */
        ashlar_entry_store(p, root, slot, old ^ 0x20u);
        is_str(ashlar_space_audit(), NULL, "accessed makes no difference");
    }
    ashlar_entry_store(p, root, slot, old);
    is_str(ashlar_space_audit(), NULL, "mended");
}

/* Where a chain of kept ranges begins that has one. */
static volatile uint32_t *a_chain(struct arena *arena)
{
    size_t size = 0;
    while (size + 1u < KEPT_SIZES && arena->kept[size] == 0) {
        size++;
    }
    return &arena->kept[size];
}

static void test_chains(void)
{
    struct arena *arena = &ashlar_half.general;
    volatile uint32_t *chain = a_chain(arena);
    struct ashlar_range_info range;
    uint32_t index = *chain;
    ashlar_ranges_at_locked(&arena->ranges, index, &range);
    *chain = 0;
    found("kept ready are miscounted", "one that is in no chain");
    *chain = 1;
    found("has one that is not", "a chain of what is no range");
    *chain = index;
    ashlar_ranges_set_at_locked(&arena->ranges, index, range.note, index);
    found("has one that is not", "a chain without an end");
    ashlar_ranges_set_at_locked(&arena->ranges, index, range.note & ~RANGE_KEPT, range.tag);
    found("has one that is not", "a chain with a range in use");
    ashlar_ranges_set_at_locked(&arena->ranges, index, range.note, range.tag);
    arena->kept_pages++;
    found("kept ready are miscounted", "a page too many");
    arena->kept_pages--;
    arena->given_pages++;
    found("wait for a purge are miscounted", "one that waits for no purge");
    arena->given_pages--;
    is_str(ashlar_space_audit(), NULL, "mended");
}

static void test_kept(void)
{
    ashlar_vpn first = pages_first;
    ashlar_kva_give(first);
    (void)ashlar_kva_purge();
    ok(ashlar_half.general.kept_count != 0, "%s: a range is kept ready", world.name);
    test_entry(first + 1u, leaf(5), "kept ready has something mapped", "one in which something is mapped");
    test_chains();
    (void)ashlar_magazines_empty(&ashlar_half.general);
    is_u(ashlar_half.general.kept_count + ashlar_half.general.kept_pages, 0, "%s: none is kept", world.name);
    ashlar_kva_give_stack(top);
    world_ok("at last");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_kernel();
        test_strip();
        test_array();
        test_counts();
        test_slots();
        test_kept();
    }
    return done_testing();
}
