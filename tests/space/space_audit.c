/* SPDX-License-Identifier: 0BSD */
/* space_audit.c - what is damaged on purpose is found, and named; mended, all is well again. */
#include "space/world.h"

#include "space/swap_entry.h"

static struct ashlar_space space;
static ashlar_vpn pages_first;

static void start(const struct world_format *format)
{
    world_start_usual(format);
    pages_first = world_map_kernel(3, ASHLAR_MAP_WRITE);
    if (ashlar_space_create(&space) != ASHLAR_OK ||
        ashlar_space_map_linear(&space, 5, 3, world_frames(3, 1), ASHLAR_MAP_WRITE | ASHLAR_MAP_USER) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    world_ok("sound at first");
}

static void found(const char *text, const char *name)
{
    like(ashlar_space_audit(), text, name);
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

/* Between hide and collect pages are mapped no more, and still in the tables. */
static void test_hidden(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_pfn frames[2];
    size_t before = space.mapped_pages;
    ashlar_gather_init(&gather, &space);
    if (ashlar_cursor_begin(&cursor, &space, 5, 2, ASHLAR_INTENT_CHANGE) != ASHLAR_OK) {
        world_bail("cursor", ASHLAR_ABSENT);
    }
    is_u(ashlar_cursor_hide(&cursor, 2, &gather), 2, "two pages are hidden");
    ashlar_cursor_end(&cursor);
    is_str(ashlar_space_audit(), NULL, "[fault 172] hidden pages, not yet collected: sound");
    is_u(space.mapped_pages, before - 2u, "and counted as gone");
    ashlar_gather_finish(&gather);
    if (ashlar_cursor_begin(&cursor, &space, 5, 2, ASHLAR_INTENT_COLLECT) != ASHLAR_OK) {
        world_bail("cursor", ASHLAR_ABSENT);
    }
    is_u(ashlar_cursor_collect(&cursor, frames, 2), 2, "two are collected");
    ashlar_cursor_end(&cursor);
    is_u(space.mapped_pages, before - 2u, "once");
    is_str(ashlar_space_audit(), NULL, "sound");
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

/* A table that is kept for the split of a large page. */
static void test_deposits(void)
{
    ashlar_half.deposit_count++;
    found("other large pages than tables that are kept for them", "a deposit that there is not");
    ashlar_half.deposit_count--;
    is_str(ashlar_space_audit(), NULL, "mended");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_array();
        test_counts();
        test_slots();
        test_deposits();
        test_hidden();
    }
    return done_testing();
}
