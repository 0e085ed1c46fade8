/* SPDX-License-Identifier: 0BSD */
/* leaves.c - entries of pages that come and go, by whoever holds the addresses, in tables far from each other. */
#include "space/world.h"

#include "space/leaves.h"
#include "tables/reach.h"

#define RUNS 4u
#define PAGES_MOST 6u
#define APART_SLOTS 64u /* as many tables of level 1 as are remembered: each run wants the place of all others */

struct one {
    ashlar_vpn first;
    ashlar_pfn frames[PAGES_MOST];
};

static struct one runs[RUNS];

/* Before that nothing was mapped there: the tables are made. */
static void make(unsigned i, ashlar_vpn first, size_t pages)
{
    runs[i].first = first;
    is_u(ashlar_frames_take_bulk(world.pool, runs[i].frames, pages, 0), ASHLAR_OK, "%s: frames", world.name);
    is_u(ashlar_space_map(NULL, first, pages, runs[i].frames, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: run %u", world.name,
         i);
}

static void fill(unsigned i, size_t pages)
{
    for (size_t page = 0; page < pages; page++) {
        is_u(world_write(0, runs[i].first + page, (uint32_t)(i * 1000u + page), 0), 0, "%s: written", world.name);
    }
}

static void check(unsigned i, size_t pages)
{
    for (size_t page = 0; page < pages; page++) {
        is_u(world_read(1, runs[i].first + page, 0), i * 1000u + page, "%s: page %zu of run %u", world.name, page, i);
    }
}

/* Out of reach, and collected: the same frames come back. */
static void take_away(unsigned i, size_t pages)
{
    struct ashlar_gather gather;
    ashlar_pfn frames[PAGES_MOST];
    ashlar_gather_init(&gather, NULL);
    ashlar_gather_add(&gather, runs[i].first, pages);
    ashlar_port_pin();
    is_u(ashlar_leaves_hide(runs[i].first, pages), 0, "%s: no page is missing", world.name);
    is_u(ashlar_leaves_hide(runs[i].first, pages), pages, "%s: all are, once they are hidden", world.name);
    ok(!ashlar_leaves_are_empty(runs[i].first, pages), "%s: a hidden page is not nothing", world.name);
    ashlar_port_unpin();
    ashlar_gather_finish(&gather);
    ashlar_port_pin();
    is_u(ashlar_leaves_collect(runs[i].first, pages, frames), pages, "%s: collected", world.name);
    ok(ashlar_leaves_are_empty(runs[i].first, pages), "%s: then nothing is there", world.name);
    is_u(ashlar_leaves_collect(runs[i].first, pages, frames), 0, "%s: nor to collect", world.name);
    ashlar_port_unpin();
    is_u(memcmp(frames, runs[i].frames, pages * sizeof frames[0]), 0, "%s: the frames, in their order", world.name);
}

static void set_again(unsigned i, size_t pages)
{
    ashlar_port_pin();
    ashlar_leaves_set(runs[i].first, pages, runs[i].frames, ASHLAR_MAP_WRITE);
    ashlar_port_unpin();
}

/* The table that was used last is remembered in its place, where there is no array. */
static void check_remembered(ashlar_vpn page)
{
    struct ashlar_spot spot;
    size_t slot = (page - world.layout.kernel_first) >> ashlar_entry_shift(world.paging, 2);
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 2, &spot);
    ashlar_pfn table = ashlar_entry_frame(world.paging, spot.entry);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
    ok(!world_is_64() || (uint32_t)ashlar_half.leaf_tables[slot % LEAF_TABLES] == table, "%s: its table is remembered",
       world.name);
}

/* Each run in a table that shares its place with those of the others; taken away and set again in turns. */
static void test_apart(const struct world_format *format)
{
    world_start_usual(format);
    size_t slot = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    size_t apart = world_is_64() ? APART_SLOTS * slot : 2u * slot;
    size_t free = world_free_frames();
    ashlar_vpn base = world_addresses(RUNS * apart, slot);
    for (unsigned i = 0; i < RUNS; i++) {
        make(i, base + (i + 1u) * apart - 4u, 3);
        fill(i, 3);
    }
    for (unsigned round = 0; round < 6u; round++) {
        unsigned i = round % RUNS;
        take_away(i, 3);
        set_again(i, 3);
        check_remembered(runs[i].first);
        fill(i, 3);
        for (unsigned other = 0; other < RUNS; other++) {
            check(other, 3);
        }
        world_ok("one taken away and set again");
    }
    for (unsigned i = 0; i < RUNS; i++) {
        take_away(i, 3);
        ashlar_frames_give_bulk(world.pool, runs[i].frames, 3);
    }
    world_ok("all taken away");
    is_u(world_free_frames() + world_stats().kernel_table_frames - world.layout.table_frames, free,
         "%s: no frame is lost", world.name);
}

/* A run over the end of one table. */
static void test_across(const struct world_format *format)
{
    world_start_usual(format);
    size_t slot = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_vpn base = world_addresses(2u * slot, slot);
    make(1, base + slot - 2u, 6);
    for (unsigned round = 0; round < 3u; round++) {
        fill(1, 6);
        check(1, 6);
        take_away(1, 6);
        is_u(world_absent(base + slot - 2u, 6), 6, "%s: all of it is gone", world.name);
        world_ok("across two tables");
        set_again(1, 6);
    }
    take_away(1, 6);
    ashlar_frames_give_bulk(world.pool, runs[1].frames, 6);
}

/* Numbers in absent entries, and the page in place of one. */
static void test_notes(const struct world_format *format)
{
    struct ashlar_spot spot;
    world_start_usual(format);
    make(0, world_addresses(4, 1), 2);
    ashlar_vpn page = runs[0].first;
    ok(ashlar_leaf_is_mapped(page) && ashlar_leaf_note_at(page) == 0, "%s: a page is no number", world.name);
    take_away(0, 2);
    ok(!ashlar_leaf_is_mapped(page), "%s: nothing is there", world.name);
    ashlar_port_pin();
    ashlar_leaf_open(page, &spot);
    struct ashlar_spot other = spot;
    ok(ashlar_leaf_renote(&spot, 77), "%s: a number instead", world.name);
    ok(!ashlar_leaf_renote(&other, 78), "%s: once: it is not as it was", world.name);
    ok(ashlar_leaf_renote(&spot, 76) && ashlar_leaf_renote(&spot, 77), "%s: but to who changed it", world.name);
    ashlar_leaf_close(&spot);
    is_u(ashlar_leaf_note_at(page), 77, "%s: it can be read", world.name);
    is_u(ashlar_leaf_note_at(page + 1u), 0, "%s: beside it is none", world.name);
    is_u(ashlar_leaf_note_at(world.layout.kernel_first + world.layout.arena_pages / 2u), 0, "%s: nor where no table is",
         world.name);
    is_u(ashlar_leaves_hide(page, 1), 1, "%s: it cannot be hidden", world.name);
    ashlar_leaf_open(page, &spot);
    is_u(ashlar_leaf_note(&spot), 77, "%s: nor is it lost then", world.name);
    ashlar_leaf_fill(&spot, runs[0].frames[0], ASHLAR_MAP_WRITE);
    ashlar_leaf_close(&spot);
    ashlar_port_unpin();
    is_u(world_write(1, page, 5, 0), 0, "%s: the page comes in its place", world.name);
    is_u(*world_word(runs[0].frames[0]), 5, "%s: that one", world.name);
    is_u(ashlar_space_unmap(NULL, page, 1, runs[0].frames), ASHLAR_OK, "%s: unmap", world.name);
    ashlar_port_pin();
    ashlar_leaf_open(page + 1u, &spot);
    ok(ashlar_leaf_renote(&spot, 79), "%s: another number", world.name);
    ashlar_leaf_close(&spot);
    ashlar_leaves_clear(page, 2);
    ashlar_port_unpin();
    is_u(ashlar_leaf_note_at(page + 1u), 0, "%s: which is cleared", world.name);
    ashlar_frames_give_bulk(world.pool, runs[0].frames, 2);
    world_ok("notes");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_apart(format);
        test_across(format);
        test_notes(format);
    }
    return done_testing();
}
