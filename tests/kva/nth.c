/* SPDX-License-Identifier: 0BSD */
/* nth.c - each take of a frame fails in turn: ranges of every kind. */
#include "kva/magazine.h"
#include "kva/world.h"
#include "space/each_take.h"

static ashlar_status commit(void)
{
    return ashlar_kva_commit(range + 2u * whole - 40u, 80, ASHLAR_MAP_WRITE);
}

static void decommit(void)
{
    ashlar_kva_decommit(range + 2u * whole - 40u, 80);
}

static ashlar_vpn taken;
static uintptr_t top, device;

static ashlar_status take(void)
{
    return ashlar_kva_take(70, ASHLAR_MAP_WRITE, "seventy", &taken);
}

static ashlar_status take_demand(void)
{
    return ashlar_kva_take_demand(70, ASHLAR_MAP_WRITE, "seventy", &taken);
}

static void give(void)
{
    ashlar_kva_give(taken);
}

static ashlar_status take_stack(void)
{
    return ashlar_kva_take_stack(4, "stack", &top);
}

static void give_stack(void)
{
    ashlar_kva_give_stack(top);
}

static ashlar_status map_mmio(void)
{
    return ashlar_kva_map_mmio(0xfee00000u, whole * 4096u, ASHLAR_MAP_WRITE, "device", &device);
}

static void unmap_mmio(void)
{
    ashlar_kva_unmap_mmio(device);
}

static const struct operation operations[] = {
    {"commit", commit, decommit, NULL, NULL, 2},
    {"take", take, give, NULL, NULL, 2},
    {"take a demand region", take_demand, give, NULL, NULL, 1},
    {"take a stack", take_stack, give_stack, NULL, NULL, 1},
    {"map device memory", map_mmio, unmap_mmio, NULL, NULL, 0},
};

int main(void)
{
    test_operations(operations, sizeof operations / sizeof operations[0]);
    return done_testing();
}
