/* SPDX-License-Identifier: 0BSD */
/* run.h - what a descriptor says of its run. Inline, as the heap's fast paths ask. */
#ifndef ASHLAR_RUNS_RUN_H
#define ASHLAR_RUNS_RUN_H

#include "base/relaxed.h"
#include "runs/parts.h"

static inline struct run *run_at(const struct ashlar_runs *runs, uint32_t offset)
{
    return (struct run *)(void *)(runs->descriptors + offset);
}

static inline uint32_t run_offset(const struct ashlar_runs *runs, const struct run *run)
{
    return (uint32_t)((const char *)run - runs->descriptors);
}

/* In the map, what is no slab's has this beside the offset. So who reads an entry as one of a slab, as the heap's fast paths
 * do, finds the base where `fast` would be, and that is no owner's address: also if the descriptor serves a slab elsewhere
 * by now. */
#define MAP_NO_SLAB ((uint32_t)offsetof(struct run, base))

static inline struct run *run_in_map(const struct ashlar_runs *runs, uint32_t entry)
{
    return run_at(runs, entry & ~MAP_NO_SLAB);
}

/* Descriptors that were ever used have numbers below runs_begun; number 0 is nobody's. */
static inline struct run *run_numbered(const struct ashlar_runs *runs, uint32_t number)
{
    return run_at(runs, number * (uint32_t)sizeof(struct run));
}

/* Descriptors that can be had. */
static inline uint32_t spare_runs_locked(const struct ashlar_runs *runs)
{
    return runs->spare_count + (runs->runs_backed - runs->runs_begun);
}

static inline uintptr_t run_address(const struct ashlar_runs *runs, const struct run *run)
{
    return runs->base + ((uintptr_t)run->first << runs->unit_shift);
}

static inline size_t run_bytes(const struct ashlar_runs *runs, const struct run *run)
{
    return (size_t)run->units << runs->unit_shift;
}

/* Bits of its first 32 granules. */
static inline struct granule_bits *run_bits(const struct ashlar_runs *runs, const struct run *run)
{
    return &runs->bits[((uintptr_t)run->first << runs->unit_granule_shift) / 32u];
}

#endif
