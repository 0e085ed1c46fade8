/* SPDX-License-Identifier: 0BSD */
/* runs.h - runs of units: describing, taking, filing, cutting. */
#ifndef ASHLAR_RUNS_RUNS_H
#define ASHLAR_RUNS_RUNS_H

#include "runs/parts.h"

/* Under the lock. */
uint32_t ashlar_runs_bin_of(uint32_t units);
/* A descriptor in RUN_MOVING, ends marked. There is a spare one. */
struct run *ashlar_runs_describe_locked(struct ashlar_runs *runs, uint32_t first, uint32_t units);
/* The descriptor is spare from now on. */
void ashlar_runs_forget_locked(struct ashlar_runs *runs, struct run *run);
/* NULL: none, or no descriptors for what is cut off. The run comes in RUN_MOVING. */
struct run *ashlar_runs_take_locked(struct ashlar_runs *runs, struct run_pool *pool, uint32_t units,
                                    uint32_t align_bytes);
/* Give a run in RUN_MOVING to a pool, merged with its neighbours there. */
void ashlar_runs_file_locked(struct ashlar_runs *runs, struct run *run, enum run_state state);
/* Out of its bin: into RUN_MOVING. */
void ashlar_runs_unfile_locked(struct ashlar_runs *runs, struct run *run);
/* One of the largest empty runs, taken out of its bin; NULL: there is none. */
struct run *ashlar_runs_largest_locked(struct ashlar_runs *runs);
/* Cut a run in RUN_MOVING: it keeps `units`, the rest is returned, in RUN_MOVING as well. There is a spare
 * descriptor. */
struct run *ashlar_runs_split_locked(struct ashlar_runs *runs, struct run *run, uint32_t units);
/* The neighbours, or number 0, which is in no state. */
struct run *ashlar_runs_before_locked(struct ashlar_runs *runs, const struct run *run);
struct run *ashlar_runs_after_locked(struct ashlar_runs *runs, const struct run *run);

/* These take the lock themselves. */
struct run *ashlar_runs_take(struct ashlar_runs *runs, struct run_pool *pool, uint32_t units, uint32_t align_bytes);
void ashlar_runs_file(struct ashlar_runs *runs, struct run *run, enum run_state state);
/* The run is the caller's: no lock is needed. */
void ashlar_runs_map(struct ashlar_runs *runs, const struct run *run, uint32_t value);
/* A slab, without live objects. */
void ashlar_runs_map_slab(struct ashlar_runs *runs, const struct run *run);
/* Anything else. */
void ashlar_runs_map_whole(struct ashlar_runs *runs, const struct run *run);

#endif
