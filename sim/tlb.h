/* SPDX-License-Identifier: 0BSD */
/* tlb.h - what a CPU keeps of the root in use. */
#ifndef ASHLAR_SIM_TLB_H
#define ASHLAR_SIM_TLB_H

#include "internal.h"

static inline bool sim_is_pae(void)
{
    return sim_machine.shape.format == SIM_PAE;
}

static inline uint64_t sim_number_of(uint64_t address, unsigned level)
{
    return address >> sim_level_shift(&sim_machine.shape, level);
}

static inline uint64_t sim_page_bytes(unsigned level)
{
    return UINT64_C(1) << sim_level_shift(&sim_machine.shape, level);
}

static inline struct cache *sim_local_of(struct sim_cpu *cpu)
{
    return &cpu->local[cpu->pcid];
}

static inline struct cache *sim_tables_of(struct sim_cpu *cpu)
{
    return &cpu->tables[cpu->pcid];
}

static inline uint64_t sim_address_of(const struct cached *entry)
{
    return entry->number << sim_level_shift(&sim_machine.shape, entry->level);
}

static inline bool sim_reaches_direct_map(uint64_t address)
{
    return address - sim_machine.options.direct_first < sim_machine.options.direct_bytes;
}

/* The page that is kept for an address, of whatever size; NULL: none. */
struct cached *sim_find_page(struct sim_cpu *cpu, uint64_t address);
void sim_drop_page(struct sim_cpu *cpu, uint64_t address);
/* Its page, and all upper entries on the way to it. */
void sim_forget(struct sim_cpu *cpu, uint64_t address);
/* A violation if a page that is about to be kept is kept in another size, and it makes a difference. */
void sim_check_sizes(struct sim_cpu *cpu, const struct cached *fresh);

#endif
