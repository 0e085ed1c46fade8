/* SPDX-License-Identifier: 0BSD */
/* world.h - page tables in the simulated machine's memory, built by the arch floor alone. */
#ifndef ASHLAR_TESTS_ARCH_WORLD_H
#define ASHLAR_TESTS_ARCH_WORLD_H

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "arch/walk.h"
#include "machine.h"
#include "tap.h"
#include "world_formats.h"

static struct {
    const struct ashlar_paging *paging;
    ashlar_phys root;
    ashlar_pfn next_table;
} world;

/* 64 MiB of RAM, of which the tables take the start; frames that are mapped need not exist. */
__attribute__((unused)) static void world_init(const struct world_format *format)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL,
                                      .physical_bits = format->physical_bits,
                                      .has_l1tf = format->has_l1tf};
    sim_ram_init(64u << 20);
    sim_mmu_init(format->sim, 2, &options);
    world.paging = format->paging;
    world.root = 0x1000;
    world.next_table = 2;
}

static void *world_table(ashlar_pfn frame)
{
    return sim_ram_frame(frame);
}

/* The table of this level for a page, made on the way where it is not there. */
__attribute__((unused)) static void *world_find(ashlar_vpn page, unsigned level)
{
    const struct ashlar_paging *p = world.paging;
    void *table = world_table((ashlar_pfn)(world.root >> 12));
    for (unsigned at = ashlar_paging_levels(p); at > level; at--) {
        unsigned index = ashlar_entry_index(p, at, page);
        uint64_t entry = ashlar_entry_load(p, table, index);
        if (!ashlar_entry_is_link(p, at, entry)) {
            ashlar_entry_set_link(p, table, index, at, world.next_table, ASHLAR_MAP_USER);
            entry = ashlar_entry_load(p, table, index);
            world.next_table++;
        }
        table = world_table(ashlar_entry_frame(p, entry));
    }
    return table;
}

/* One entry of this level. */
__attribute__((unused)) static void world_map(ashlar_vpn page, ashlar_pfn frame, unsigned level, unsigned flags)
{
    void *table = world_find(page, level);
    ashlar_run_set_linear(world.paging, table, ashlar_entry_index(world.paging, level, page), 1, frame,
                          ashlar_entry_leaf_bits(world.paging, WORLD_FEATURES, level, flags));
}

/* A page number that is valid: any bits of the format's. */
__attribute__((unused)) static ashlar_vpn world_page(uint64_t random)
{
    return ashlar_paging_page(world.paging, (uintptr_t)(random << 12));
}

/* As the simulated MMU takes addresses: 64 bits, also on a 32-bit host. */
__attribute__((unused)) static uint64_t world_address(ashlar_vpn page)
{
    return ashlar_paging_address(world.paging, page);
}

#endif
