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

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_commit();
    }
    return done_testing();
}
