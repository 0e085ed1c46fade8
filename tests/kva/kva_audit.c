/* SPDX-License-Identifier: 0BSD */
/* kva_audit.c - what is damaged on purpose is found, and named; mended, all is well again. */
#include "kva/lookup.h"
#include "kva/world.h"

#include "kva/magazine.h"
#include "space/swap_entry.h"

static ashlar_vpn pages_first;
static uintptr_t top;

static void start(const struct world_format *format)
{
    world_start_usual(format);
    if (ashlar_kva_take(3, ASHLAR_MAP_WRITE, "pages", &pages_first) != ASHLAR_OK ||
        ashlar_kva_take_stack(3, "stack", &top) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    world_ok("sound at first");
}

static void found(const char *text, const char *name)
{
    like(ashlar_kva_audit(), text, name);
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
    is_str(ashlar_kva_audit(), NULL, "mended");
}

static void test_kernel(void)
{
    ashlar_vpn stack = world_page(top) - 3u;
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
    struct arena *arena = &ashlar_kva.general;
    ashlar_vpn next = arena->strip_first + ashlar_ranges_backed_pages(&arena->ranges);
    test_entry(next, leaf(5), "a strip is backed beyond", "a page of a strip too many");
    arena->ranges.free_pages++;
    ok(ashlar_kva_audit() != NULL, "%s: ranges that do not add up", world.name);
    arena->ranges.free_pages--;
    ashlar_kva.stacks.ranges.live++;
    ok(ashlar_kva_audit() != NULL, "%s: of the stacks, too", world.name);
    ashlar_kva.stacks.ranges.live--;
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
    struct arena *arena = &ashlar_kva.general;
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
    is_str(ashlar_kva_audit(), NULL, "mended");
}

static void test_kept(void)
{
    ashlar_vpn first = pages_first;
    ashlar_kva_give(first);
    (void)ashlar_kva_purge();
    ok(ashlar_kva.general.kept_count != 0, "%s: a range is kept ready", world.name);
    test_entry(first + 1u, leaf(5), "kept ready has something mapped", "one in which something is mapped");
    test_chains();
    (void)ashlar_magazines_empty(&ashlar_kva.general);
    is_u(ashlar_kva.general.kept_count + ashlar_kva.general.kept_pages, 0, "%s: none is kept", world.name);
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
        test_kept();
    }
    return done_testing();
}
