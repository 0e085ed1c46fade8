/* SPDX-License-Identifier: 0BSD */
/* magazine.c - small ranges are kept ready for their next user: which, how many, and as they were. */
#include "kva/many.h"

#include "kva/magazine.h"

/* The same addresses again, without a look at the arena. */
static void test_magazine(void)
{
    take_many(1, 3);
    ashlar_vpn was = first[0];
    ashlar_kva_give(was);
    (void)ashlar_kva_purge();
    struct ashlar_kva_stats before = world_kva_stats();
    take_many(1, 3);
    is_u(first[0], was, "%s: a range that was kept is taken again", world.name);
    is_u(world_kva_stats().arena_free_pages, before.arena_free_pages, "%s: the arena is not asked", world.name);
    is_u(world_kva_stats().ranges, before.ranges + 1u, "%s: kept ranges do not count", world.name);
    struct ashlar_place place;
    (void)ashlar_kva_explain(world_address(first[0] + 3u) + 5u, &place);
    ok(place.kind == ASHLAR_PLACE_GUARD && place.offset == 5, "%s: its guard is still there", world.name);
    is_str(place.name, "many", "and knows its new name");
    struct ashlar_mapping mapping;
    is_u(ashlar_space_query(NULL, first[0], &mapping), ASHLAR_OK, "%s: its page has a frame", world.name);
    if (ASHLAR_DEBUG) {
        like(SIM_FATAL(ashlar_frames_give(world.pool, mapping.frame, 0)), "still mapped",
             "which cannot be given meanwhile");
        ashlar_lock_abandon_all();
    }
    ashlar_kva_give(first[0]);
    world_ok("magazine");
}

/* The largest that are kept, and those that are one page too long; guards count. */
static void test_sizes(void)
{
    const size_t most = KEPT_SIZES - 1u;
    (void)ashlar_kva_purge();
    for (size_t pages = most - 2u; pages <= most; pages++) {
        (void)ashlar_magazines_empty(&ashlar_kva.general);
        take_many(2, pages);
        give_many(2);
        (void)ashlar_kva_purge();
        is_u(ashlar_kva.general.kept_count, pages < most ? 2 : 0, "%s: ranges of %zu pages are kept", world.name,
             pages);
        take_many(2, pages);
        give_many(2);
        world_ok("sizes");
    }
}

/* No more than a sixteenth of an arena, to the page. */
static void test_share(void)
{
    struct arena *arena = &ashlar_kva.stacks;
    size_t share = arena->ranges.pages / 16u, stacks = share / 4u + 2u;
    uintptr_t tops[256];
    (void)ashlar_kva_purge();
    (void)ashlar_magazines_empty(arena);
    for (size_t i = 0; i < stacks; i++) {
        if (ashlar_kva_take_stack(2, "stack", &tops[i]) != ASHLAR_OK) {
            world_bail("stack", ASHLAR_NO_FRAMES);
        }
    }
    for (size_t i = 0; i < stacks; i++) {
        ashlar_kva_give_stack(tops[i]);
    }
    (void)ashlar_kva_purge();
    is_u(arena->kept_pages, share / 4u * 4u, "%s: of %zu pages of stacks %zu may be kept", world.name,
         arena->ranges.pages, share);
    world_ok("share");
}

/* One whose pages lie in two tables. */
static void test_across(void)
{
    size_t slot = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    size_t before = world_free_frames() + world_stats().kernel_table_frames;
    ashlar_vpn spacer;
    (void)ashlar_magazines_empty(&ashlar_kva.general);
    is_u(ashlar_kva_reserve(slot - 2u, slot, "spacer", &spacer), ASHLAR_OK, "%s: up to the last two pages", world.name);
    for (unsigned round = 0; round < 3u; round++) {
        take_many(1, 6);
        is_u(first[0], spacer + slot - 2u, "%s: two of six pages are in the first table", world.name);
        is_u(world_usable(first[0], 6), 6, "%s: all can be used", world.name);
        give_many(1);
        (void)ashlar_kva_purge();
        is_u(ashlar_kva.general.kept_count, 1, "%s: it is kept ready", world.name);
        world_ok("across two tables");
    }
    ashlar_kva_unreserve(spacer);
    is_u(world_free_frames() + world_stats().kernel_table_frames, before, "%s: no frame is lost", world.name);
}

/* No frame for descriptors is left: ranges that are kept ready have some. */
static void test_descriptors(void)
{
    static ashlar_pfn frames[32768];
    size_t taken = 0;
    ashlar_vpn addresses;
    ashlar_status status;
    take_many(MANY, 5);
    give_many(MANY);
    (void)ashlar_kva_purge();
    ok(ashlar_kva.general.kept_count > MANY / 2u, "%s: ranges are kept ready, each with its descriptor", world.name);
    while (taken < sizeof frames / sizeof frames[0] &&
           ashlar_frames_take_bulk(world.pool, &frames[taken], 1, ASHLAR_FRAMES_MAY_USE_RESERVE) == ASHLAR_OK) {
        taken++;
    }
    do {
        status = ashlar_kva_reserve(1, 2, "one", &addresses);
    } while (status == ASHLAR_OK);
    is_u(status, ASHLAR_NO_FRAMES, "%s: no frame for descriptors, and no descriptor", world.name);
    is_u(ashlar_kva.general.kept_count, 0, "%s: and none is kept with a range that nobody uses", world.name);
    ashlar_frames_give_bulk(world.pool, frames, taken);
    world_ok("descriptors");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_magazine();
        test_sizes();
        test_share();
        test_across();
        test_descriptors();
    }
    return done_testing();
}
