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

#define FLAGS (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct ashlar_cursor wrong;
static struct ashlar_gather wrongs;
static ashlar_vpn large; /* a large page */

static void begin_wrong(ashlar_vpn first, size_t pages, ashlar_intent intent)
{
    ashlar_gather_init(&wrongs, &space);
    if (ashlar_cursor_open(&wrong, &space, first, pages, intent, 1) != ASHLAR_OK) {
        world_bail("a cursor", ASHLAR_ABSENT);
    }
}

static void map_more(void)
{
    begin_wrong(200, 4, ASHLAR_INTENT_MAP);
    ashlar_cursor_map(&wrong, out, 5, FLAGS);
}

static void map_linear_more(void)
{
    begin_wrong(200, 4, ASHLAR_INTENT_MAP);
    ashlar_cursor_map_linear(&wrong, run, 5, FLAGS);
}

static void hide_more(void)
{
    begin_wrong(100, 4, ASHLAR_INTENT_CHANGE);
    (void)ashlar_cursor_hide(&wrong, 5, &wrongs);
}

static void protect_more(void)
{
    begin_wrong(100, 4, ASHLAR_INTENT_CHANGE);
    ashlar_cursor_protect(&wrong, 5, 0, &wrongs);
}

static void collect_more(void)
{
    begin_wrong(100, 4, ASHLAR_INTENT_COLLECT);
    (void)ashlar_cursor_collect(&wrong, out, 5);
}

static void hide_part(void)
{
    begin_wrong(large, (size_t)1 << ashlar_entry_shift(world.paging, 2), ASHLAR_INTENT_CHANGE);
    (void)ashlar_cursor_hide(&wrong, 3, &wrongs);
}

static void protect_part(void)
{
    begin_wrong(large, (size_t)1 << ashlar_entry_shift(world.paging, 2), ASHLAR_INTENT_CHANGE);
    ashlar_cursor_protect(&wrong, 3, 0, &wrongs);
}

/* Less room than the large page has frames. */
static void collect_part(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    begin_wrong(large, whole, ASHLAR_INTENT_CHANGE);
    (void)ashlar_cursor_hide(&wrong, whole, &wrongs);
    ashlar_cursor_end(&wrong);
    ashlar_gather_finish(&wrongs);
    begin_wrong(large, whole, ASHLAR_INTENT_COLLECT);
    (void)ashlar_cursor_collect(&wrong, out, 3);
}

static const char *fatal_of(void (*call)(void))
{
    return SIM_FATAL(call());
}

/* Each in a world of its own: a lock is held when it ends. */
static void test_counts(const struct world_format *format)
{
    static const struct {
        void (*call)(void);
        const char *title;
    } calls[] = {{map_more, "[fault 126] map more than was begun"},
                 {map_linear_more, "[fault 126] map linear"},
                 {hide_more, "[fault 126] hide"},
                 {protect_more, "[fault 126] protect"},
                 {collect_more, "[fault 126] collect"},
                 {hide_part, "[fault 126] hide a part of a large page"},
                 {protect_part, "[fault 126] protect one"},
                 {collect_part, "[fault 126] collect with less room than it has frames"}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        world_start_usual(format);
        size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
        large = 2u * whole;
        if (ashlar_space_create(&space) != ASHLAR_OK ||
            ashlar_space_map_linear(&space, 100, 4, 0x3000, FLAGS) != ASHLAR_OK ||
            ashlar_space_map_linear(&space, large, whole, 0x3000, FLAGS | ASHLAR_MAP_LARGE) != ASHLAR_OK) {
            world_bail("a space", ASHLAR_NO_FRAMES);
        }
        out[3] = out[4] = 7;
        like(fatal_of(calls[i].call), "is asked for", calls[i].title);
        is_u(out[4], 7, "%s: nothing is written behind the caller's room", world.name);
    }
    world_start_usual(format);
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
    is_u(ashlar_cursor_begin(&wrong, &space, 100, ASHLAR_CURSOR_PAGES + 1u, ASHLAR_INTENT_MAP), ASHLAR_BAD_ARGUMENT,
         "%s: [fault 126] a cursor on more pages than it may have", world.name);
    is_u(ashlar_cursor_begin(&wrong, &space, 100, ASHLAR_CURSOR_PAGES, ASHLAR_INTENT_MAP), ASHLAR_OK,
         "%s: as many as it may", world.name);
    ashlar_cursor_end(&wrong);
    world_ok("counts");
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
        test_counts(format);
    }
    return done_testing();
}
