/* SPDX-License-Identifier: 0BSD */
/* stack.c - kernel stacks: guards on both sides, and what is no top of any. */
#include "kva/world.h"

#include "kva/magazine.h"

static void test_stacks(void)
{
    uintptr_t top[4];
    for (unsigned i = 0; i < 4; i++) {
        is_u(ashlar_kva_take_stack(i + 1u, "stack", &top[i]), ASHLAR_OK, "%s: a stack of %u", world.name, i + 1u);
        ashlar_vpn low = world_page(top[i]) - (i + 1u);
        is_u(world_usable(low, i + 1u), i + 1u, "%s: can be used", world.name);
        is_u(world_absent(low - 1u, 1) + world_absent(low + i + 1u, 1), 2, "%s: guards on both sides", world.name);
        ok(low - ashlar_kva_layout()->stacks_first < ashlar_kva_layout()->stacks_pages, "%s: where stacks are",
           world.name);
    }
    is_u(world_kva_stats().stacks, 4, "%s: four stacks", world.name);
    for (unsigned i = 0; i < 4; i++) {
        ashlar_kva_give_stack(top[i]);
    }
    like(SIM_FATAL(ashlar_kva_give_stack(top[0])), "was given back already", "a stack given back twice");
    (void)ashlar_kva_purge();
    like(SIM_FATAL(ashlar_kva_give_stack(top[3])), "was given back already", "also while it is kept ready");
    is_u(world_kva_stats().stacks, 0, "%s: none", world.name);
    uintptr_t again;
    is_u(ashlar_kva_take_stack(4, "again", &again), ASHLAR_OK, "%s: another of the same size", world.name);
    is_u(again, top[3], "%s: is the one that was kept ready", world.name);
    ashlar_kva_give_stack(again);
    (void)ashlar_kva_purge();
    (void)ashlar_magazines_empty(&ashlar_kva.stacks);
    like(SIM_FATAL(ashlar_kva_give_stack(top[0])), "is the top of no stack", "and when its addresses are free");
    world_ok("stacks");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_stacks();
    }
    return done_testing();
}
