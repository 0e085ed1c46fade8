/* SPDX-License-Identifier: 0BSD */
/* walk.h - from the root to the page. */
#ifndef ASHLAR_SIM_WALK_H
#define ASHLAR_SIM_WALK_H

#include "internal.h"

/* Where a walk has come to: the next table, and what all levels above it allow. */
struct sim_position {
    unsigned level; /* of the table */
    uint64_t table;
    bool writable;
    bool user;
    bool executable;
    bool leaf; /* the end: table is the page */
};

/* The error code of a fault in this access. */
unsigned sim_fault_of(unsigned access, unsigned why);
bool sim_is_allowed(unsigned access, bool writable, bool user, bool executable);

/* Walk down to the page, and keep each upper entry on the way. PDPTE registers are a cache by themselves. 0, or the fault. */
unsigned sim_walk(struct sim_cpu *cpu, uint64_t address, unsigned access, struct cached *found);

/* What memory says, without a trace, down to entries of this level or to a leaf above it. 0, or the fault. */
unsigned sim_peek(uint64_t root, uint64_t address, unsigned lowest, struct sim_position *at, struct decoded *last);

#endif
