/* SPDX-License-Identifier: 0BSD */
/* internal.h - the simulated CPUs: what each of them knows, and what all have in common.
 *
 * The files of the simulated machine, from the bottom up. Each calls only those
 * named before it; its header, where others need one, has its name.
 *
 *   hooks      which CPU this thread is at, its interrupts and pins; fatal reports (sim.h)
 *   violation  what a real machine would punish by silent corruption, counted
 *   ram        physical memory is a sparse file; which frames are free
 *   decode     entries of tables in memory, as the manual has them
 *   cache      a set of translations, as a TLB holds them
 *   buffer     store buffers: rings of what is not visible yet
 *   pointer    kernel addresses are a stretch of the host's: which pages of it are mapped
 *   window     windows onto frames, and who looks through a closed one
 *   tlb        what a CPU keeps of the root in use, and for which sizes
 *   walk       from the root to the page, through what is kept or past all of it
 *   stale      what is kept, compared with the tables
 *   root       a new root, PCIDs, flushes: what is forgotten
 *   mmu        an access: what is kept, else a walk
 *   fault      the host's faults become accesses
 *   access     loads and stores of shared words, through the store buffers (yield.h)
 *   schedule   CPUs and their threads as coroutines, switched by a seed (schedule.h)
 *   frame      a frame changes hands: who knows it still?
 *   start      the machine is turned on
 *   port       the library's port, where memory and MMU serve it
 *
 * machine.h is what tests see of memory, MMU and TLBs.
 */
#ifndef ASHLAR_SIM_INTERNAL_H
#define ASHLAR_SIM_INTERNAL_H

#include "cache.h"
#include "decode.h"
#include "machine.h"

struct sim_cpu {
    struct cache local[SIM_PCIDS]; /* pages that a new root forgets */
    struct cache global;
    struct cache tables[SIM_PCIDS];  /* upper entries */
    uint64_t filled_from[SIM_PCIDS]; /* the root that these come from */
    unsigned pcid;
    uint64_t root;
    bool has_root;
    bool absent; /* takes no part */
    uint64_t pdpte[4];
    uint64_t random;
};

struct sim_machine {
    struct shape shape;
    struct sim_mmu_options options;
    unsigned cpu_count;
    uint64_t reference;
    struct sim_cpu cpus[SIM_CPUS_MAX];
};

extern struct sim_machine sim_machine; /* tlb.c */

#endif
