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
 * the bits of such a run may have no memory: nobody looks at them then.
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
#include "heap/runs.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "heap/relaxed.h"
#include "heap/run.h"

COLD uint32_t ashlar_heap_bin_of_units(uint32_t units)
{
    if (units < 8u) {
        return units;
    }
    unsigned log = u32_log2(units);
    return 8u + (log - 3u) * 2u + ((units >> (log - 1u)) & 1u);
}

COLD void ashlar_heap_map_run(struct ashlar_heap *heap, const struct run *run, uint32_t value)
{
    uint32_t *map = &heap->map[run->first];
    for (uint32_t i = 0; i < run->units; i++) {
        store_relaxed(&map[i], value);
    }
}

COLD static void mark_run_ends(struct ashlar_heap *heap, const struct run *run)
{
    uint32_t offset = run_offset(heap, run);
    store_relaxed(&heap->map[run->first], offset);
    store_relaxed(&heap->map[run->first + run->units - 1u], offset);
}

COLD struct run *ashlar_heap_describe_locked(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    struct run *run;
    if (heap->spare != 0) {
        run = run_at(heap, heap->spare);
        heap->spare = run->next;
        heap->spare_count--;
    } else {
        run = run_numbered(heap, heap->runs_begun++);
    }
    run->first = first;
    run->units = units;
    run->clean = 0;
    store_relaxed(&run->fast, NULL);
    store_relaxed(&run->state, RUN_MOVING);
    mark_run_ends(heap, run);
    return run;
}

COLD void ashlar_heap_forget_locked(struct ashlar_heap *heap, struct run *run)
{
    store_relaxed(&run->state, RUN_NONE);
    run->units = 0;
    run->next = heap->spare;
    heap->spare = run_offset(heap, run);
    heap->spare_count++;
}

COLD static struct run_pool *run_pool_of(struct ashlar_heap *heap, uint32_t state)
{
    return state == RUN_EMPTY ? &heap->empty : &heap->bare;
}

COLD static void file_in_bin_locked(struct ashlar_heap *heap, struct run *run, enum run_state state)
{
    struct run_pool *pool = run_pool_of(heap, state);
    uint32_t bin = ashlar_heap_bin_of_units(run->units);
    store_relaxed(&heap->changes, heap->changes + 1u);
    uint32_t next = pool->heads[bin];
    run->next = next;
    run->previous = 0;
    if (next != 0) {
        run_at(heap, next)->previous = run_offset(heap, run);
    }
    pool->heads[bin] = run_offset(heap, run);
    pool->mask[bin / 32u] |= (uint32_t)1 << (bin % 32u);
    store_relaxed(&run->state, (uint8_t)state);
    if (state == RUN_EMPTY) {
        store_relaxed(&heap->empty_units, heap->empty_units + run->units);
    }
}

COLD void ashlar_heap_run_unfile_locked(struct ashlar_heap *heap, struct run *run)
{
    struct run_pool *pool = run_pool_of(heap, run->state);
    uint32_t bin = ashlar_heap_bin_of_units(run->units);
    store_relaxed(&heap->changes, heap->changes + 1u);
    if (run->next != 0) {
        run_at(heap, run->next)->previous = run->previous;
    }
    if (run->previous != 0) {
        run_at(heap, run->previous)->next = run->next;
    } else {
        pool->heads[bin] = run->next;
        if (run->next == 0) {
            pool->mask[bin / 32u] &= ~((uint32_t)1 << (bin % 32u));
        }
    }
    if (run->state == RUN_EMPTY) {
        store_relaxed(&heap->empty_units, heap->empty_units - run->units);
    }
    store_relaxed(&run->state, RUN_MOVING);
}

/* A neighbour may be a slab whose owner is just changing it, but not
 * into an empty or bare run: so only the state is read of it, and that atomically. */
COLD struct run *ashlar_heap_run_before_locked(struct ashlar_heap *heap, const struct run *run)
{
    return run_at(heap, run->first != 0 ? load_relaxed(&heap->map[run->first - 1u]) : 0);
}

COLD struct run *ashlar_heap_run_after_locked(struct ashlar_heap *heap, const struct run *run)
{
    uint32_t end = run->first + run->units;
    return run_at(heap, end < heap->limit ? load_relaxed(&heap->map[end]) : 0);
}

COLD void ashlar_heap_run_file_locked(struct ashlar_heap *heap, struct run *run, enum run_state state)
{
    struct run *before = ashlar_heap_run_before_locked(heap, run);
    struct run *after = ashlar_heap_run_after_locked(heap, run);
    store_relaxed(&run->fast, NULL);
    if (load_relaxed(&before->state) == state) {
        ashlar_heap_run_unfile_locked(heap, before);
        before->units += run->units;
        before->clean &= run->clean;
        if (state == RUN_BARE) {
            store_relaxed(&heap->map[run->first], 0);
            store_relaxed(&heap->map[run->first - 1u], 0);
        }
        ashlar_heap_forget_locked(heap, run);
        run = before;
    }
    if (load_relaxed(&after->state) == state) {
        ashlar_heap_run_unfile_locked(heap, after);
        run->clean &= after->clean;
        if (state == RUN_BARE) {
            store_relaxed(&heap->map[after->first], 0);
            store_relaxed(&heap->map[after->first - 1u], 0);
        }
        run->units += after->units;
        ashlar_heap_forget_locked(heap, after);
    }
    mark_run_ends(heap, run);
    file_in_bin_locked(heap, run, state);
}

COLD struct run *ashlar_heap_run_split_locked(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    uint32_t rest_units = run->units - units;
    run->units = units;
    mark_run_ends(heap, run);
    struct run *rest = ashlar_heap_describe_locked(heap, run->first + units, rest_units);
    rest->clean = run->clean;
    return rest;
}

/* Units to skip at the start of this run to be aligned. */
COLD static uint32_t skip_units(const struct ashlar_heap *heap, const struct run *run, uint32_t align_bytes)
{
    uintptr_t address = run_address(heap, run);
    return (uint32_t)((round_up(address, align_bytes) - address) >> heap->unit_shift);
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

COLD static bool run_fits(const struct ashlar_heap *heap, const struct run *run, uint32_t units, uint32_t align_bytes)
{
    uint32_t skip = skip_units(heap, run, align_bytes);
    return run->units >= units && run->units - units >= skip;
}

/* A run that fits, of the smallest bin that has one among the first 32 looked at. */
COLD static struct run *search_pool_locked(struct ashlar_heap *heap, const struct run_pool *pool, uint32_t units,
                                           uint32_t align_bytes)
{
    unsigned looked = 0;
    uint32_t bin = next_run_bin(pool, ashlar_heap_bin_of_units(units));
    while (bin < RUN_BINS && looked < STEPS_MOST) {
        for (uint32_t at = pool->heads[bin]; at != 0 && looked < STEPS_MOST; at = run_at(heap, at)->next) {
            looked++;
            if (run_fits(heap, run_at(heap, at), units, align_bytes)) {
                return run_at(heap, at);
            }
        }
        bin = bin + 1u < RUN_BINS ? next_run_bin(pool, bin + 1u) : RUN_BINS;
    }
    uint64_t sure = (uint64_t)units + (align_bytes >> heap->unit_shift);
    bin = sure <= heap->total ? next_run_bin(pool, ashlar_heap_bin_of_units((uint32_t)sure) + 1u) : RUN_BINS;
    return bin < RUN_BINS ? run_at(heap, pool->heads[bin]) : NULL;
}

COLD struct run *ashlar_heap_run_take_locked(struct ashlar_heap *heap, struct run_pool *pool, uint32_t units,
                                             uint32_t align_bytes)
{
    struct run *run = search_pool_locked(heap, pool, units, align_bytes);
    if (run == NULL) {
        return NULL;
    }
    enum run_state state = run->state;
    uint32_t skip = skip_units(heap, run, align_bytes);
    uint32_t cuts = (skip != 0 ? 1u : 0u) + (run->units - skip != units ? 1u : 0u);
    if (spare_runs_locked(heap) < cuts) {
        return NULL;
    }
    ashlar_heap_run_unfile_locked(heap, run);
    struct run *taken = skip != 0 ? ashlar_heap_run_split_locked(heap, run, skip) : run;
    if (taken->units != units) {
        file_in_bin_locked(heap, ashlar_heap_run_split_locked(heap, taken, units), state);
    }
    if (taken != run) {
        file_in_bin_locked(heap, run, state);
    }
    return taken;
}

COLD struct run *ashlar_heap_run_largest_locked(struct ashlar_heap *heap)
{
    for (uint32_t word = RUN_BINS / 32u; word-- != 0;) {
        if (heap->empty.mask[word] != 0) {
            struct run *run = run_at(heap, heap->empty.heads[word * 32u + u32_log2(heap->empty.mask[word])]);
            ashlar_heap_run_unfile_locked(heap, run);
            return run;
        }
    }
    return NULL;
}

COLD struct run *ashlar_heap_run_take(struct ashlar_heap *heap, struct run_pool *pool, uint32_t units,
                                      uint32_t align_bytes)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    struct run *run = ashlar_heap_run_take_locked(heap, pool, units, align_bytes);
    ashlar_lock_give(&heap->lock, interrupts);
    return run;
}

COLD void ashlar_heap_run_file(struct ashlar_heap *heap, struct run *run, enum run_state state)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    ashlar_heap_run_file_locked(heap, run, state);
    ashlar_lock_give(&heap->lock, interrupts);
}
