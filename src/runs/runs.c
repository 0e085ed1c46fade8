/* SPDX-License-Identifier: 0BSD */
/* runs.c - runs of units: who has which part of the range.
 *
 *   unit   0       limit                     total
 *          | A A A | B | . . . . | C C | . . |          never touched
 *            slab   large  bare   empty  bare
 *
 * The runs tile [0, limit). Each has a descriptor, and at least its first and
 * its last unit say which, in the map: those are the boundary marks by which
 * neighbours merge (Knuth's boundary tags, kept apart from the memory). Inside
 * of a slab or a block every unit says so. A bare run's inner units say 0, as
 * the bits of such a run may have no memory: nobody looks at them then. An empty
 * run's inner units say what they were last: 0, parts of a slab, whose bits are all
 * clear, or of something else, and are marked so.
 *
 * Two pools, of backed empty runs and of bare ones, each of 64 bins: exact up
 * to 7 units, then two for each power of two. A search looks at 32 runs at
 * most, from the smallest bin that may do, before it takes one that is sure to.
 *
 * Invariants: no two neighbours are both empty or both bare; a run is in a
 * bin if and only if it is empty or bare. Everything here is under the lock.
 *
 * Cost: O(1), and a store for each unit of a run that is handed out.
 */
#include "runs/runs.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/relaxed.h"
#include "runs/run.h"

COLD uint32_t ashlar_runs_bin_of(uint32_t units)
{
    if (units < 8u) {
        return units;
    }
    unsigned log = u32_log2(units);
    return 8u + (log - 3u) * 2u + ((units >> (log - 1u)) & 1u);
}

COLD void ashlar_runs_map(struct ashlar_runs *runs, const struct run *run, uint32_t value)
{
    uint32_t *map = &runs->map[run->first];
    for (uint32_t i = 0; i < run->units; i++) {
        store_relaxed(&map[i], value);
    }
}

COLD void ashlar_runs_map_slab(struct ashlar_runs *runs, const struct run *run)
{
    memset(run_bits(runs, run), 0,
           ((size_t)run->units << runs->unit_granule_shift) / 32u * sizeof(struct granule_bits));
    ashlar_runs_map(runs, run, run_offset(runs, run));
}

COLD void ashlar_runs_map_whole(struct ashlar_runs *runs, const struct run *run)
{
    ashlar_runs_map(runs, run, run_offset(runs, run) | MAP_NO_SLAB);
}

COLD static void mark_run_ends(struct ashlar_runs *runs, const struct run *run)
{
    uint32_t entry = run_offset(runs, run) | MAP_NO_SLAB;
    store_relaxed(&runs->map[run->first], entry);
    store_relaxed(&runs->map[run->first + run->units - 1u], entry);
}

COLD struct run *ashlar_runs_describe_locked(struct ashlar_runs *runs, uint32_t first, uint32_t units)
{
    struct run *run;
    if (runs->spare != 0) {
        run = run_at(runs, runs->spare);
        runs->spare = run->next;
        runs->spare_count--;
    } else {
        run = run_numbered(runs, runs->runs_begun++);
    }
    run->first = first;
    run->units = units;
    run->clean = 0;
    store_relaxed(&run->fast, NULL);
    store_relaxed(&run->state, RUN_MOVING);
    mark_run_ends(runs, run);
    return run;
}

COLD void ashlar_runs_forget_locked(struct ashlar_runs *runs, struct run *run)
{
    store_relaxed(&run->state, RUN_NONE);
    run->units = 0;
    run->next = runs->spare;
    runs->spare = run_offset(runs, run);
    runs->spare_count++;
}

COLD static struct run_pool *run_pool_of(struct ashlar_runs *runs, uint32_t state)
{
    return state == RUN_EMPTY ? &runs->empty : &runs->bare;
}

COLD static void file_in_bin_locked(struct ashlar_runs *runs, struct run *run, enum run_state state)
{
    struct run_pool *pool = run_pool_of(runs, state);
    uint32_t bin = ashlar_runs_bin_of(run->units);
    store_relaxed(&runs->changes, runs->changes + 1u);
    uint32_t next = pool->heads[bin];
    run->next = next;
    run->previous = 0;
    if (next != 0) {
        run_at(runs, next)->previous = run_offset(runs, run);
    }
    pool->heads[bin] = run_offset(runs, run);
    pool->mask[bin / 32u] |= (uint32_t)1 << (bin % 32u);
    store_relaxed(&run->state, (uint8_t)state);
    if (state == RUN_EMPTY) {
        store_relaxed(&runs->empty_units, runs->empty_units + run->units);
    }
}

COLD void ashlar_runs_unfile_locked(struct ashlar_runs *runs, struct run *run)
{
    struct run_pool *pool = run_pool_of(runs, run->state);
    uint32_t bin = ashlar_runs_bin_of(run->units);
    store_relaxed(&runs->changes, runs->changes + 1u);
    if (run->next != 0) {
        run_at(runs, run->next)->previous = run->previous;
    }
    if (run->previous != 0) {
        run_at(runs, run->previous)->next = run->next;
    } else {
        pool->heads[bin] = run->next;
        if (run->next == 0) {
            pool->mask[bin / 32u] &= ~((uint32_t)1 << (bin % 32u));
        }
    }
    if (run->state == RUN_EMPTY) {
        store_relaxed(&runs->empty_units, runs->empty_units - run->units);
    }
    store_relaxed(&run->state, RUN_MOVING);
}

/* A neighbour may be a slab whose owner is just changing it, but not
 * into an empty or bare run: so only the state is read of it, and that atomically. */
COLD struct run *ashlar_runs_before_locked(struct ashlar_runs *runs, const struct run *run)
{
    return run_in_map(runs, run->first != 0 ? load_relaxed(&runs->map[run->first - 1u]) : 0);
}

COLD struct run *ashlar_runs_after_locked(struct ashlar_runs *runs, const struct run *run)
{
    uint32_t end = run->first + run->units;
    return run_in_map(runs, end < runs->limit ? load_relaxed(&runs->map[end]) : 0);
}

COLD void ashlar_runs_file_locked(struct ashlar_runs *runs, struct run *run, enum run_state state)
{
    struct run *before = ashlar_runs_before_locked(runs, run);
    struct run *after = ashlar_runs_after_locked(runs, run);
    store_relaxed(&run->fast, NULL);
    if (load_relaxed(&before->state) == state) {
        ashlar_runs_unfile_locked(runs, before);
        before->units += run->units;
        before->clean &= run->clean;
        if (state == RUN_BARE) {
            store_relaxed(&runs->map[run->first], 0);
            store_relaxed(&runs->map[run->first - 1u], 0);
        }
        ashlar_runs_forget_locked(runs, run);
        run = before;
    }
    if (load_relaxed(&after->state) == state) {
        ashlar_runs_unfile_locked(runs, after);
        run->clean &= after->clean;
        if (state == RUN_BARE) {
            store_relaxed(&runs->map[after->first], 0);
            store_relaxed(&runs->map[after->first - 1u], 0);
        }
        run->units += after->units;
        ashlar_runs_forget_locked(runs, after);
    }
    mark_run_ends(runs, run);
    file_in_bin_locked(runs, run, state);
}

COLD struct run *ashlar_runs_split_locked(struct ashlar_runs *runs, struct run *run, uint32_t units)
{
    uint32_t rest_units = run->units - units;
    run->units = units;
    mark_run_ends(runs, run);
    struct run *rest = ashlar_runs_describe_locked(runs, run->first + units, rest_units);
    rest->clean = run->clean;
    return rest;
}

/* Units to skip at the start of this run to be aligned. */
COLD static uint32_t skip_units(const struct ashlar_runs *runs, const struct run *run, uint32_t align_bytes)
{
    uintptr_t address = run_address(runs, run);
    return (uint32_t)((round_up(address, align_bytes) - address) >> runs->unit_shift);
}

COLD static uint32_t next_run_bin(const struct run_pool *pool, uint32_t bin)
{
    for (uint32_t word = bin / 32u; word < RUN_BINS / 32u; word++) {
        uint32_t mask = pool->mask[word];
        if (word == bin / 32u) {
            mask &= ~(uint32_t)0 << (bin % 32u);
        }
        if (mask != 0) {
            return word * 32u + u32_ctz(mask);
        }
    }
    return RUN_BINS;
}

COLD static bool run_fits(const struct ashlar_runs *runs, const struct run *run, uint32_t units, uint32_t align_bytes)
{
    uint32_t skip = skip_units(runs, run, align_bytes);
    return run->units >= units && run->units - units >= skip;
}

/* A run that fits, of the smallest bin that has one among the first 32 looked at. */
COLD static struct run *search_pool_locked(struct ashlar_runs *runs, const struct run_pool *pool, uint32_t units,
                                           uint32_t align_bytes)
{
    unsigned looked = 0;
    uint32_t bin = next_run_bin(pool, ashlar_runs_bin_of(units));
    if (bin == RUN_BINS) {
        return NULL;
    }
    while (bin < RUN_BINS && looked < STEPS_MOST) {
        for (uint32_t at = pool->heads[bin]; at != 0 && looked < STEPS_MOST; at = run_at(runs, at)->next) {
            looked++;
            if (run_fits(runs, run_at(runs, at), units, align_bytes)) {
                return run_at(runs, at);
            }
        }
        bin = bin + 1u < RUN_BINS ? next_run_bin(pool, bin + 1u) : RUN_BINS;
    }
    uint64_t sure = (uint64_t)units + (align_bytes >> runs->unit_shift);
    bin = sure <= runs->total ? next_run_bin(pool, ashlar_runs_bin_of((uint32_t)sure) + 1u) : RUN_BINS;
    return bin < RUN_BINS ? run_at(runs, pool->heads[bin]) : NULL;
}

COLD struct run *ashlar_runs_take_locked(struct ashlar_runs *runs, struct run_pool *pool, uint32_t units,
                                         uint32_t align_bytes)
{
    struct run *run = search_pool_locked(runs, pool, units, align_bytes);
    if (run == NULL) {
        return NULL;
    }
    enum run_state state = run->state;
    uint32_t skip = skip_units(runs, run, align_bytes);
    uint32_t cuts = (skip != 0 ? 1u : 0u) + (run->units - skip != units ? 1u : 0u);
    if (spare_runs_locked(runs) < cuts) {
        return NULL;
    }
    ashlar_runs_unfile_locked(runs, run);
    struct run *taken = skip != 0 ? ashlar_runs_split_locked(runs, run, skip) : run;
    if (taken->units != units) {
        file_in_bin_locked(runs, ashlar_runs_split_locked(runs, taken, units), state);
    }
    if (taken != run) {
        file_in_bin_locked(runs, run, state);
    }
    return taken;
}

COLD struct run *ashlar_runs_largest_locked(struct ashlar_runs *runs)
{
    for (uint32_t word = RUN_BINS / 32u; word-- != 0;) {
        if (runs->empty.mask[word] != 0) {
            struct run *run = run_at(runs, runs->empty.heads[word * 32u + u32_log2(runs->empty.mask[word])]);
            ashlar_runs_unfile_locked(runs, run);
            return run;
        }
    }
    return NULL;
}

COLD struct run *ashlar_runs_take(struct ashlar_runs *runs, struct run_pool *pool, uint32_t units, uint32_t align_bytes)
{
    if (pool == &runs->empty && load_relaxed(&runs->empty_units) < units) {
        return NULL;
    }
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    struct run *run = ashlar_runs_take_locked(runs, pool, units, align_bytes);
    ashlar_lock_give(&runs->lock, interrupts);
    return run;
}

COLD void ashlar_runs_file(struct ashlar_runs *runs, struct run *run, enum run_state state)
{
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    ashlar_runs_file_locked(runs, run, state);
    ashlar_lock_give(&runs->lock, interrupts);
}
