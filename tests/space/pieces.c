/* SPDX-License-Identifier: 0BSD */
/* pieces.c - long changes of a user half go in bounded pieces: how many windows are opened in any one hold.
 *
 * A hold is a time with interrupts off, or pinned. Each table that is looked at in it takes a window, and so does each spare
 * that comes or goes: what grows with the length of a change shows here, whatever the machine. Instructions are
 * counted in kernel/bench/irqs.c.
 */
#include "space/world.h"

#define GIB_PAGES ((size_t)1 << 18)
#define FIRST ((ashlar_vpn)GIB_PAGES)
#define DEVICE ((ashlar_pfn)GIB_PAGES)
#define WINDOWS_MOST 200ul
#define WRITE (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct ashlar_space space;
static unsigned long opened, hold, longest;

static void on_open(void)
{
    bool held = sim_pins() != 0 || sim_interrupts_are_off();
    opened = held && hold == sim_holds() ? opened + 1u : 1u;
    hold = sim_holds();
    longest = opened > longest ? opened : longest;
}

#define PIECES(statement, want, what)                                                                                  \
    do {                                                                                                               \
        longest = 0;                                                                                                   \
        sim_before_open(on_open);                                                                                      \
        ashlar_status status_ = (statement);                                                                           \
        sim_before_open(NULL);                                                                                         \
        is_u(status_, (want), "%s: %s", world.name, what);                                                             \
        ok(longest != 0 && longest <= WINDOWS_MOST, "%s: %s: at most %lu windows in one hold", world.name, what,       \
           longest);                                                                                                   \
    } while (0)

static ashlar_status map_linear(unsigned flags)
{
    return ashlar_space_map_linear(&space, FIRST, GIB_PAGES, DEVICE, WRITE | flags);
}

static void drop(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    (void)context;
    (void)page;
    (void)frame;
    (void)pages;
}

/* By cursors, which leave the tables. */
static void take_out(void)
{
    static ashlar_pfn frames[ASHLAR_CURSOR_PAGES];
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    bool good = true;
    for (ashlar_vpn page = FIRST; page < FIRST + GIB_PAGES && good; page += ASHLAR_CURSOR_PAGES) {
        good = ashlar_cursor_begin(&cursor, &space, page, ASHLAR_CURSOR_PAGES, ASHLAR_INTENT_CHANGE) == ASHLAR_OK;
        if (good) {
            ashlar_gather_init(&gather, &space);
            (void)ashlar_cursor_hide(&cursor, ASHLAR_CURSOR_PAGES, &gather);
            ashlar_cursor_end(&cursor);
            ashlar_gather_finish(&gather);
            good =
                ashlar_cursor_begin(&cursor, &space, page, ASHLAR_CURSOR_PAGES, ASHLAR_INTENT_COLLECT) == ASHLAR_OK &&
                ashlar_cursor_collect(&cursor, frames, ASHLAR_CURSOR_PAGES) == ASHLAR_CURSOR_PAGES;
            ashlar_cursor_end(&cursor);
        }
    }
    ok(good, "%s: taken out page by page", world.name);
}

/* [fault 162] Tables without a page in them are where a gigabyte is mapped. */
static void test_left_tables(void)
{
    PIECES(map_linear(0), ASHLAR_OK, "a gigabyte of small pages");
    take_out();
    size_t tables = space.table_frames;
    PIECES(map_linear(ASHLAR_MAP_LARGE), ASHLAR_OK, "[fault 162] a gigabyte in large pages, where tables are");
    is_u(space.table_frames, tables, "%s: [fault 162] they were used", world.name);
    PIECES(ashlar_space_empty(&space, drop, NULL), ASHLAR_OK, "all of it is taken away");
    is_u(space.mapped_pages + space.table_frames, 0, "%s: nothing is left", world.name);
}

static void test_large(void)
{
    PIECES(map_linear(ASHLAR_MAP_LARGE), ASHLAR_OK, "a gigabyte in the largest pages");
    PIECES(ashlar_space_protect(&space, FIRST + 1u, GIB_PAGES - 2u, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
           "all but its first page and its last is protected");
    PIECES(ashlar_space_clear(&space, FIRST, GIB_PAGES, drop, NULL), ASHLAR_OK, "and taken away");
}

/* [fault 163] The last of many tables is not to be had: those that were there go back a few at a time. */
static void test_failure(void)
{
    unsigned long before = sim_holds();
    ashlar_frames_fail_nth(world.pool, 500, 1);
    PIECES(map_linear(0), ASHLAR_NO_FRAMES, "[fault 163] a gigabyte, and no frame for its last table");
    ashlar_frames_fail_nth(world.pool, 0, 0);
    ok(sim_holds() - before > 100u, "%s: [fault 163] given back in pieces", world.name);
    is_u(space.table_frames, 0, "%s: none is left", world.name);
}

int main(void)
{
    const struct world_options options = {.unwatched = true};
    FOR_EACH_FORMAT(format)
    {
        world_start(format, &options);
        is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
        ashlar_space_switch(&space);
        test_left_tables();
        test_large();
        if (ashlar_paging_levels(world.paging) > 2u) {
            test_failure();
        }
    }
    return done_testing();
}
