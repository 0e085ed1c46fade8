/* SPDX-License-Identifier: 0BSD */
/* leaves.c - the entries of ranges that come and go, in tables far from each other. */
#include "kva/world.h"

#define RANGES 4u
#define APART_SLOTS 64u /* as many tables of level 1 as are remembered: each range wants the place of all others */

struct one {
    ashlar_vpn spacer;
    ashlar_vpn first;
};

static struct one ranges[RANGES];

static void take(unsigned i, size_t pages)
{
    is_u(ashlar_kva_take(pages, ASHLAR_MAP_WRITE, "leaves", &ranges[i].first), ASHLAR_OK, "%s: range %u", world.name,
         i);
    for (size_t page = 0; page < pages; page++) {
        is_u(world_write(0, ranges[i].first + page, (uint32_t)(i * 1000u + page), 0), 0, "%s: written", world.name);
    }
}

static void check(unsigned i, size_t pages)
{
    for (size_t page = 0; page < pages; page++) {
        is_u(world_read(1, ranges[i].first + page, 0), i * 1000u + page, "%s: page %zu of range %u", world.name, page,
             i);
    }
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

/* Each range in a table that shares its place with those of the others; given back and taken again in turns. */
static void test_apart(const struct world_format *format)
{
    world_start_usual(format);
    size_t slot = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    size_t apart = world_is_64() ? APART_SLOTS * slot : 2u * slot;
    size_t free = world_free_frames();
    for (unsigned i = 0; i < RANGES; i++) {
        is_u(ashlar_kva_reserve(apart - 4u, slot, "spacer", &ranges[i].spacer), ASHLAR_OK, "%s: a spacer",
             world.name);
    }
    for (unsigned i = 0; i < RANGES; i++) {
        take(i, 3); /* and a guard: just what is left between two spacers */
        is_u((ranges[i].first - ranges[0].spacer) % apart, apart - 4u, "%s: it lies there", world.name);
    }
    for (unsigned round = 0; round < 6u; round++) {
        unsigned i = round % RANGES;
        ashlar_kva_give(ranges[i].first);
        (void)ashlar_kva_purge();
        take(i, 3);
        check_remembered(ranges[i].first);
        for (unsigned other = 0; other < RANGES; other++) {
            check(other, 3);
        }
        world_ok("one given back and taken again");
    }
    for (unsigned i = 0; i < RANGES; i++) {
        ashlar_kva_give(ranges[i].first);
        ashlar_kva_unreserve(ranges[i].spacer);
    }
    world_ok("all given back");
    struct ashlar_space_stats stats = world_stats();
    is_u(world_free_frames() + stats.kernel_table_frames - world.layout.table_frames + stats.strip_frames -
             world.layout.strip_frames,
         free, "%s: no frame is lost", world.name);
}

/* A run over the end of one table. */
static void test_across(const struct world_format *format)
{
    world_start_usual(format);
    size_t slot = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    is_u(ashlar_kva_reserve(slot - 2u, slot, "spacer", &ranges[0].spacer), ASHLAR_OK, "%s: up to the last two pages",
         world.name);
    for (unsigned round = 0; round < 3u; round++) {
        is_u(ashlar_kva_take(6, ASHLAR_MAP_WRITE, "leaves", &ranges[1].first), ASHLAR_OK, "%s: six pages",
             world.name);
        is_u(ranges[1].first, ranges[0].spacer + slot - 2u, "%s: two of them in the first table", world.name);
        ashlar_kva_give(ranges[1].first);
        (void)ashlar_kva_purge();
        take(1, 6);
        check(1, 6);
        ashlar_kva_give(ranges[1].first);
        (void)ashlar_kva_purge();
        world_ok("across two tables");
    }
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_apart(format);
        test_across(format);
    }
    return done_testing();
}
