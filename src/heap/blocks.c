/* SPDX-License-Identifier: 0BSD */
/* blocks.c - large blocks: each a run of its own.
 *
 * Its first allocated bit says that the block is live, as for any object. It is
 * read and cleared under the lock, so that of two frees at once one is found.
 *
 * A block shrinks by giving its end to the runs, and grows into an empty run
 * behind it. Every unit of it is in the map, so that any address tells its block.
 */
#include "heap/blocks.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "heap/find.h"
#include "heap/marks.h"
#include "runs/runs.h"

COLD void ashlar_heap_block_lay(struct ashlar_heap *heap, struct run *run)
{
    run->base = run_address(&heap->runs, run);
    run->bits = run_bits(&heap->runs, run);
    run->cache = NULL;
    ashlar_runs_map_whole(&heap->runs, run);
}

COLD void ashlar_heap_block_open_locked(struct ashlar_heap *heap, struct run *run)
{
    heap->large_units += run->units;
    heap->large_count++;
    store_relaxed(&run->bits->marked, 0);
    store_relaxed(&run->bits->allocated, 1u);
    store_relaxed(&run->state, RUN_LARGE);
}

COLD void ashlar_heap_block_close_locked(struct ashlar_heap *heap, struct run *run)
{
    store_relaxed(&run->bits->allocated, 0);
    heap->large_units -= run->units;
    heap->large_count--;
    store_relaxed(&run->state, RUN_MOVING);
}

COLD bool ashlar_heap_block_free_locked(struct ashlar_heap *heap, uintptr_t object)
{
    struct run *run = ashlar_heap_find(heap, object);
    if (run->state != RUN_LARGE || run->base != object || load_relaxed(&run->bits->allocated) == 0) {
        return false;
    }
    ashlar_heap_block_close_locked(heap, run);
    run->clean = 0;
    ashlar_runs_file_locked(&heap->runs, run, RUN_EMPTY);
    return true;
}

COLD static bool shrink_block(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    bool fits = load_relaxed(&run->state) == RUN_LARGE && spare_runs_locked(&heap->runs) != 0;
    if (fits) {
        heap->large_units -= run->units - units;
        struct run *rest = ashlar_runs_split_locked(&heap->runs, run, units);
        rest->clean = 0;
        ashlar_runs_file_locked(&heap->runs, rest, RUN_EMPTY);
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return fits;
}

/* What the block takes of the run behind it, in RUN_MOVING; NULL: that is not empty, or too small. */
COLD static struct run *take_behind(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    struct run *after = ashlar_runs_after_locked(&heap->runs, run);
    uint32_t more = units - run->units;
    bool fits = load_relaxed(&run->state) == RUN_LARGE && load_relaxed(&after->state) == RUN_EMPTY &&
                after->units >= more && spare_runs_locked(&heap->runs) != 0;
    if (fits) {
        ashlar_runs_unfile_locked(&heap->runs, after);
        if (after->units > more) {
            ashlar_runs_file_locked(&heap->runs, ashlar_runs_split_locked(&heap->runs, after, more), RUN_EMPTY);
        }
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return fits ? after : NULL;
}

/* Its new units say whose they are before they are: as many as there may be, so not under the lock. */
COLD static bool extend_block(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    struct run *after = take_behind(heap, run, units);
    if (after == NULL) {
        return false;
    }
    ashlar_runs_map(&heap->runs, after, run_offset(&heap->runs, run) | MAP_NO_SLAB);
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    heap->large_units += after->units;
    run->units = units;
    ashlar_runs_forget_locked(&heap->runs, after);
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return true;
}

COLD bool ashlar_heap_block_resize(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    return units < run->units ? shrink_block(heap, run, units) : extend_block(heap, run, units);
}
