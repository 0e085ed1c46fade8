/* SPDX-License-Identifier: 0BSD */
/* commit.c - pages of a range that is held: backed, and given back in parts. */
#include "kva/world.h"

static void test_commit(void)
{
    ashlar_vpn first;
    size_t before = world_free_frames();
    is_u(ashlar_kva_reserve(100, 1, "range", &first), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit(first + 10u, 40, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    is_u(world_usable(first + 10u, 40), 40, "%s: all of it", world.name);
    is_u(world_absent(first, 10) + world_absent(first + 50u, 50), 60, "%s: and no more", world.name);
    is_u(ashlar_kva_commit(first + 49u, 2, ASHLAR_MAP_WRITE), ASHLAR_EXISTS, "%s: [fault 34] over what is there",
         world.name);
    like(SIM_FATAL(ashlar_kva_decommit(first + 40u, 11)), "decommit of 11 pages", "decommit of a hole");
    ashlar_kva_decommit(first + 20u, 10);
    is_u(world_absent(first + 20u, 10), 10, "%s: a part of it decommitted", world.name);
    ashlar_kva_decommit(first + 10u, 10);
    ashlar_kva_decommit(first + 30u, 20);
    ashlar_kva_unreserve(first);
    ok(world_free_frames() + 4u >= before, "%s: the frames are back", world.name);
    world_ok("commit");
}

/* The frames of these pages, or ASHLAR_PFN_NONE. */
static void look_up(ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    for (size_t i = 0; i < pages; i++) {
        struct ashlar_mapping m;
        frames[i] = ashlar_space_query(NULL, first + i, &m) == ASHLAR_OK ? m.frame : ASHLAR_PFN_NONE;
    }
}

static void test_move_fails(ashlar_vpn first, size_t pages)
{
    static ashlar_pfn before[1200], after[1200];
    look_up(first, 3u * 1024u > 1200u ? 1200u : 3u * 1024u, before);
    is_u(ashlar_kva_move(first + pages - 1u, first, pages, ASHLAR_MAP_WRITE), ASHLAR_EXISTS,
         "%s: [fault 151] a move to where something is", world.name);
    is_u(ashlar_kva_move(first + 4000u, first + 1u, pages, ASHLAR_MAP_WRITE), ASHLAR_ABSENT,
         "%s: [fault 151] a move of a hole", world.name);
    is_u(ashlar_kva_move(first + 4000u, first, pages, ASHLAR_MAP_USER), ASHLAR_REFUSED,
         "%s: [fault 151] flags of a user's page", world.name);
    look_up(first, 1200u, after);
    ok(memcmp(before, after, sizeof before) == 0, "%s: [fault 151] nothing has changed", world.name);
}

/* How many of these pages some CPU knows. */
static size_t known(ashlar_vpn first, size_t pages)
{
    size_t count = 0;
    for (size_t i = 0; i < pages; i++) {
        count += sim_tlb_has(0, world_address(first + i)) || sim_tlb_has(1, world_address(first + i));
    }
    return count;
}

/* A part of a large page: the rest of it stays, and no CPU knows the part where it was, in whatever size. */
static void test_move_of_large(void)
{
    ashlar_vpn first;
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    is_u(ashlar_kva_reserve(8192, 1024, "range", &first), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit_large(first, 2u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: two large pages", world.name);
    is_u(world_usable(first, 2u * whole), 2u * whole, "%s: used", world.name);
    ashlar_frames_fail_nth(world.pool, 1, 1);
    ashlar_status status = ashlar_kva_move(first + 4u * whole, first + 3u, whole, ASHLAR_MAP_WRITE);
    ashlar_frames_fail_nth(world.pool, 0, 0);
    bool has_tables = whole == 1024; /* two-level: from boot on */
    is_u(status, has_tables ? ASHLAR_OK : ASHLAR_NO_FRAMES, "%s: [fault 43] no table there", world.name);
    if (!has_tables) {
        is_u(world_usable(first, 2u * whole), 2u * whole, "%s: [fault 43] all is as it was", world.name);
        status = ashlar_kva_move(first + 4u * whole, first + 3u, whole, ASHLAR_MAP_WRITE);
    }
    is_u(status, ASHLAR_OK, "%s: move the middle", world.name);
    is_u(known(first + 3u, whole), 0, "%s: [fault 48] no CPU knows it where it was", world.name);
    is_u(world_usable(first + 4u * whole, whole), whole, "%s: used there", world.name);
    is_u(world_usable(first, 3) + world_usable(first + 3u + whole, whole - 3u), whole, "%s: and the rest here",
         world.name);
    ashlar_kva_decommit(first, 3);
    ashlar_kva_decommit(first + 3u + whole, whole - 3u);
    ashlar_kva_decommit(first + 4u * whole, whole);
    is_u(known(first, 8192), 0, "%s: [fault 48] nor what was given back", world.name);
    ashlar_kva_unreserve(first);
    world_ok("move of large pages");
}

/* Across tables, and over some of the same addresses' tables; both CPUs have used the pages where they were. */
static void test_move(size_t pages)
{
    static ashlar_pfn before[1200], after[1200];
    ashlar_vpn first;
    is_u(ashlar_kva_reserve(8192, 1, "range", &first), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit(first, pages, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    is_u(world_usable(first, pages), pages, "%s: used", world.name);
    size_t free_frames = world_free_frames() + world_stats().kernel_table_frames;
    look_up(first, pages, before);
    test_move_fails(first, pages);
    is_u(ashlar_kva_move(first + 3000u, first, pages, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: move %zu pages", world.name,
         pages);
    is_u(known(first, pages), 0, "%s: [fault 48] no CPU knows them where they were", world.name);
    look_up(first + 3000u, pages, after);
    ok(memcmp(before, after, pages * sizeof before[0]) == 0, "%s: the frames are the same", world.name);
    is_u(world_absent(first, pages), pages, "%s: nothing is left behind", world.name);
    is_u(world_usable(first + 3000u, pages), pages, "%s: both CPUs use them at their new place", world.name);
    is_u(world_free_frames() + world_stats().kernel_table_frames, free_frames, "%s: no frame was taken or lost",
         world.name);
    is_u(ashlar_kva_move(first, first + 3000u, pages, 0), ASHLAR_OK, "%s: and back, read-only", world.name);
    struct ashlar_mapping m = {0, 0, 0};
    ok(ashlar_space_query(NULL, first, &m) == ASHLAR_OK && (m.flags & ASHLAR_MAP_WRITE) == 0, "%s: as asked for",
       world.name);
    ashlar_kva_decommit(first, pages);
    ashlar_kva_unreserve(first);
    world_ok("move %zu pages", pages);
}

/* No frame for a table at the new place: all is as it was. */
static void test_move_without_tables(void)
{
    ashlar_vpn first;
    size_t failures = 0;
    for (unsigned nth = 1;; nth++) {
        is_u(ashlar_kva_reserve(8192, 1, "range", &first), ASHLAR_OK, "%s: reserve", world.name);
        is_u(ashlar_kva_commit(first, 40, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
        ashlar_frames_fail_nth(world.pool, nth, 1);
        ashlar_status status = ashlar_kva_move(first + 5000u, first, 40, ASHLAR_MAP_WRITE);
        ashlar_frames_fail_nth(world.pool, 0, 0);
        bool moved = status == ASHLAR_OK;
        failures += status == ASHLAR_NO_FRAMES;
        is_u(world_usable(moved ? first + 5000u : first, 40), 40,
             "%s: [fault 151] the pages are where they are said to be", world.name);
        ashlar_kva_decommit(moved ? first + 5000u : first, 40);
        if (moved) {
            ashlar_kva_unreserve(first);
            break;
        }
    }
    ok(failures > 0 || ashlar_paging_entry_bytes(world.paging) == 4, "%s: [fault 151] %zu moves found no frame",
       world.name, failures);
    world_ok("moves without tables");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_move_of_large(); /* here and below: where no table is from before */
        world_start_usual(format);
        test_commit();
        test_move_without_tables();
        test_move(1);
        test_move(1024);
    }
    return done_testing();
}
