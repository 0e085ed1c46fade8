/* SPDX-License-Identifier: 0BSD */
/* backing.c - frames in hand and promised ones: all or nothing, from the pool or from what waits for a purge. */
#include "kva/world.h"

#include "kva/backing.h"

static ashlar_pfn hoard[65536];
static size_t hoarded;

static struct ashlar_frames_stats pool_now(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    return stats;
}

/* All but so many of those that anybody may take. */
static void leave(size_t frames)
{
    while (ashlar_frames_take(world.pool, 0, &hoard[hoarded]) == ASHLAR_OK) {
        hoarded++;
    }
    for (; frames != 0; frames--) {
        ashlar_frames_give(world.pool, hoard[--hoarded], 0);
    }
}

static void give_hoard(void)
{
    ashlar_frames_give_bulk(world.pool, hoard, hoarded);
    hoarded = 0;
}

static size_t free_to_all(void)
{
    return pool_now().free_frames - pool_now().kept_frames;
}

static void test_parts(void)
{
    static const size_t sizes[] = {1, SUPPLY_FRAMES - 1u, SUPPLY_FRAMES, SUPPLY_FRAMES + 1u, 100};
    size_t before = pool_now().free_frames;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct supply supply;
        size_t in_hand = sizes[i] < SUPPLY_FRAMES ? sizes[i] : SUPPLY_FRAMES;
        is_u(ashlar_supply_get(&supply, sizes[i]), ASHLAR_OK, "%s: %zu pages", world.name, sizes[i]);
        is_u(supply.in_hand, in_hand, "%s: as many in hand as there is room for", world.name);
        is_u(pool_now().reserved_frames, sizes[i] - in_hand, "%s: the rest is promised", world.name);
        is_u(pool_now().free_frames, before - in_hand, "%s: and still free", world.name);
        ashlar_supply_return(&supply);
        is_u(pool_now().free_frames, before, "%s: all goes back", world.name);
        is_u(pool_now().reserved_frames, 0, "%s: and no promise is left", world.name);
    }
}

/* Enough for one part, too few for both. */
static void test_all_or_nothing(void)
{
    struct supply supply;
    leave(50);
    is_u(ashlar_supply_try(&supply, 51), ASHLAR_NO_FRAMES, "%s: one too few", world.name);
    is_u(pool_now().reserved_frames, 0, "%s: nothing is promised", world.name);
    is_u(free_to_all(), 50, "%s: nor taken", world.name);
    is_u(ashlar_supply_try(&supply, 200), ASHLAR_NO_FRAMES, "%s: too few to promise", world.name);
    is_u(pool_now().reserved_frames, 0, "%s: nothing is promised", world.name);
    is_u(ashlar_supply_get(&supply, 51), ASHLAR_NO_FRAMES, "%s: and nobody has any", world.name);
    is_u(ashlar_supply_try(&supply, 50), ASHLAR_OK, "%s: just enough", world.name);
    is_u(free_to_all(), 50u - SUPPLY_FRAMES, "%s: what is promised is left", world.name);
    ashlar_supply_return(&supply);
    give_hoard();
    world_ok("all or nothing");
}

/* For both parts. */
static void test_relief(void)
{
    struct supply supply;
    ashlar_vpn waiting;
    (void)ashlar_kva_purge();
    is_u(ashlar_kva_take(40, ASHLAR_MAP_WRITE, "forty", &waiting), ASHLAR_OK, "%s: forty pages", world.name);
    leave(20);
    is_u(ashlar_supply_get(&supply, 55), ASHLAR_NO_FRAMES, "%s: too few are free", world.name);
    ashlar_kva_give(waiting);
    is_u(ashlar_supply_try(&supply, 55), ASHLAR_NO_FRAMES, "%s: one attempt asks nobody", world.name);
    is_u(ashlar_supply_get(&supply, 55), ASHLAR_OK, "%s: [relief] with those that wait there are enough", world.name);
    is_u(pool_now().reserved_frames, 55u - SUPPLY_FRAMES, "%s: some are promised", world.name);
    ashlar_supply_return(&supply);
    give_hoard();
    world_ok("relief");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        hoarded = 0;
        test_parts();
        test_all_or_nothing();
        test_relief();
    }
    return done_testing();
}
