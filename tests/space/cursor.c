/* SPDX-License-Identifier: 0BSD */
/* cursor.c - the steps by themselves: what begin promises, what each step leaves, how little is kept open. */
#include "space/world.h"

#include "space/cursor.h"

#define MOST 64u

static struct ashlar_space space;
static ashlar_pfn run, out[MOST];

static void test_steps(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    struct ashlar_mapping m;
    size_t free_frames = world_free_frames();
    is_u(ashlar_cursor_begin(&cursor, &space, 100, 10, ASHLAR_INTENT_MAP), ASHLAR_OK, "%s: begin", world.name);
    ok(sim_interrupts_are_off(), "%s: with interrupts off, since it holds the space's lock", world.name);
    ok(sim_windows_open(0) <= 2, "%s: two windows at most", world.name);
    ashlar_cursor_map_linear(&cursor, run, 4, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
    ashlar_cursor_end(&cursor);
    ok(!sim_interrupts_are_off() && sim_windows_open(0) == 0, "%s: end lets go of all", world.name);
    is_u(space.mapped_pages, 4, "%s: less than was begun may be done", world.name);
    world_ok("map in part");
    is_u(ashlar_cursor_begin(&cursor, &space, 100, 4, ASHLAR_INTENT_CHANGE), ASHLAR_OK, "%s: change", world.name);
    ashlar_gather_init(&gather, &space);
    is_u(ashlar_cursor_hide(&cursor, 3, &gather), 3, "%s: hide three", world.name);
    ashlar_cursor_protect(&cursor, 1, ASHLAR_MAP_READ | ASHLAR_MAP_USER, &gather);
    ashlar_cursor_end(&cursor);
    is_u(gather.pages, 4, "%s: four pages to flush", world.name);
    is_u(ashlar_space_query(&space, 101, &m), ASHLAR_ABSENT, "%s: what is hidden is gone", world.name);
    is_u(ashlar_space_query(&space, 103, &m), ASHLAR_OK, "%s: the other stays", world.name);
    is_u(m.flags & ASHLAR_MAP_WRITE, 0, "%s: read-only", world.name);
    is_u(ashlar_cursor_begin(&cursor, &space, 101, 1, ASHLAR_INTENT_MAP), ASHLAR_EXISTS,
         "%s: nothing is mapped over what is hidden", world.name);
    ashlar_gather_finish(&gather);
    is_u(ashlar_cursor_begin(&cursor, &space, 99, 5, ASHLAR_INTENT_COLLECT), ASHLAR_OK, "%s: collect", world.name);
    is_u(ashlar_cursor_collect(&cursor, out, 5), 3, "%s: three frames, of five pages", world.name);
    ashlar_cursor_end(&cursor);
    ok(out[0] == run && out[2] == run + 2u, "%s: those that were hidden", world.name);
    is_u(space.mapped_pages, 1, "%s: one is left", world.name);
    is_u(ashlar_space_unmap(&space, 103, 1, out), ASHLAR_OK, "%s: unmap it", world.name);
    is_u(world_free_frames(), free_frames, "%s: all tables are back", world.name);
    world_ok("steps");
}

/* Spares that were not needed go back at the end. */
static void test_spares(void)
{
    struct ashlar_cursor cursor;
    size_t slot = (size_t)1 << ashlar_slot_shift(world.paging);
    size_t free_frames = world_free_frames();
    is_u(ashlar_cursor_begin(&cursor, &space, slot - 1u, 2, ASHLAR_INTENT_MAP), ASHLAR_OK, "%s: across two slots",
         world.name);
    size_t levels = ashlar_paging_levels(world.paging);
    is_u(cursor.spare_count, 2u * (levels - 1u), "%s: as many tables as that can need", world.name);
    ashlar_cursor_end(&cursor);
    is_u(world_free_frames(), free_frames, "%s: nothing was mapped, and nothing is kept", world.name);
    is_u(space.table_frames, 0, "%s: no table", world.name);
    is_u(ashlar_cursor_begin(&cursor, &space, slot, 1, ASHLAR_INTENT_MAP), ASHLAR_OK, "%s: one page", world.name);
    is_u(cursor.spare_count, levels - 1u, "%s: one table a level", world.name);
    ashlar_cursor_map(&cursor, &run, 1, 0);
    is_u(cursor.spare_count, 0, "%s: all are used", world.name);
    ashlar_cursor_end(&cursor);
    is_u(ashlar_space_unmap(&space, slot, 1, out), ASHLAR_OK, "%s: unmap", world.name);
    world_ok("spares");
}

/* Large pages need no tables below them, small ones around them do. */
static void test_exact(void)
{
    struct ashlar_cursor cursor;
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    size_t above = ashlar_paging_levels(world.paging) - 2u;
    is_u(ashlar_cursor_open(&cursor, &space, 2u * whole, whole, ASHLAR_INTENT_MAP, 2), ASHLAR_OK, "%s: large",
         world.name);
    is_u(cursor.spare_count, above, "%s: none of level 1", world.name);
    ashlar_cursor_end(&cursor);
    is_u(ashlar_cursor_open(&cursor, &space, 2u * whole - 1u, whole + 2u, ASHLAR_INTENT_MAP, 2), ASHLAR_OK,
         "%s: and a page on either side", world.name);
    is_u(cursor.spare_count, above + 2u, "%s: two of level 1", world.name);
    ashlar_cursor_end(&cursor);
    is_u(ashlar_cursor_open(&cursor, &space, 2u * whole, whole, ASHLAR_INTENT_MAP, 1), ASHLAR_OK, "%s: small",
         world.name);
    is_u(cursor.spare_count, above + 1u, "%s: one of level 1", world.name);
    ashlar_cursor_end(&cursor);
    world_ok("exact");
}

/* Kernel tables stay as a reserve, shown in the array. */
static void test_kernel(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_vpn range = world_addresses(4u * whole, whole);
    ok(range != ASHLAR_PFN_NONE, "%s: addresses", world.name);
    size_t before = world_stats().kernel_table_frames;
    is_u(ashlar_space_map_linear(NULL, range + whole - 1u, 2, run, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: map", world.name);
    size_t with = world_stats().kernel_table_frames;
    ok(ashlar_paging_levels(world.paging) == 2 ? with == before : with > before,
       "%s: tables, or none under PREALLOCATE", world.name);
    is_u(ashlar_space_unmap(NULL, range + whole - 1u, 2, out), ASHLAR_OK, "%s: unmap", world.name);
    is_u(world_stats().kernel_table_frames, with, "%s: kernel tables are never given back", world.name);
    size_t free_frames = world_free_frames();
    is_u(ashlar_space_map_linear(NULL, range + whole - 1u, 2, run, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: again",
         world.name);
    is_u(world_free_frames(), free_frames, "%s: for nothing", world.name);
    is_u(ashlar_space_unmap(NULL, range + whole - 1u, 2, out), ASHLAR_OK, "%s: unmap", world.name);
    world_ok("kernel");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
        const struct world_options options = {.guarded = true, .kernel_bytes = wide ? (uint64_t)4 << 30 : 0};
        world_start(format, &options);
        if (ashlar_space_create(&space) != ASHLAR_OK) {
            world_bail("create", ASHLAR_NO_FRAMES);
        }
        run = world_frames(16, 1);
        ashlar_space_switch(&space);
        test_steps();
        test_spares();
        test_exact();
        test_kernel();
    }
    return done_testing();
}
