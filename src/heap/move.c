/* SPDX-License-Identifier: 0BSD */
/* move.c - a large block that grows takes its pages along, where the source can: nothing is copied.
 *
 * A bare run of the new length gets what is behind the block, and new memory
 * behind that; then the two change places.
 */
#include "heap/move.h"

#include "base/alone.h"
#include "base/check.h"
#include "base/lock.h"
#include "heap/blocks.h"
#include "runs/bare.h"
#include "runs/runs.h"
#include "runs/supply.h"

/* False: nothing was changed. */
COLD static bool move_memory(struct ashlar_heap *heap, const struct run *from, const struct run *to,
                             struct bit_zones zones)
{
    uint32_t more = to->units - from->units;
    if (!ashlar_runs_back_zones(&heap->runs, zones)) {
        return false;
    }
    if (commit_units(&heap->runs, to->first + from->units, more)) {
        if (ashlar_runs_move_units(&heap->runs, to->first, from->first, from->units)) {
            return true;
        }
        decommit_units(&heap->runs, to->first + from->units, more);
    }
    ashlar_runs_unback_zones(&heap->runs, zones);
    return false;
}

/* to is the block now; from's memory is gone. */
COLD static void exchange_blocks(struct ashlar_heap *heap, struct run *from, struct run *to)
{
    ashlar_heap_block_lay(heap, to);
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    heap->runs.backed_units += to->units - from->units;
    heap->runs.grows++;
    ashlar_heap_block_open_locked(heap, to);
    ashlar_heap_block_close_locked(heap, from);
    ashlar_lock_give(&heap->runs.lock, interrupts);
    ashlar_runs_map(&heap->runs, from, 0);
    ashlar_runs_unback_zones(&heap->runs, ashlar_runs_zones_of(&heap->runs, from));
    ashlar_runs_file(&heap->runs, from, RUN_BARE);
}

COLD void *ashlar_heap_move_large(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    void *moved = NULL;
    if (heap->runs.source.move == NULL || !ashlar_runs_may_change(&heap->runs) ||
        !ashlar_alone_take(&heap->runs.growing)) {
        return NULL;
    }
    struct run *to = ashlar_runs_take_bare(&heap->runs, units, ASHLAR_PAGE_BYTES);
    if (to != NULL) {
        if (move_memory(heap, run, to, ashlar_runs_zones_of(&heap->runs, to))) {
            exchange_blocks(heap, run, to);
            moved = (void *)to->base;
        } else {
            ashlar_runs_file(&heap->runs, to, RUN_BARE);
        }
    }
    ashlar_runs_token_give(&heap->runs);
    return moved;
}
