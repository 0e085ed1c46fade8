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
#include "heap/bare.h"
#include "heap/blocks.h"
#include "heap/runs.h"
#include "heap/supply.h"

/* False: nothing was changed. */
COLD static bool move_memory(struct ashlar_heap *heap, const struct run *from, const struct run *to,
                             struct bit_zones zones)
{
    uint32_t more = to->units - from->units;
    if (!ashlar_heap_back_zones(heap, zones)) {
        return false;
    }
    if (commit_units(heap, to->first + from->units, more)) {
        if (ashlar_heap_move_units(heap, to->first, from->first, from->units)) {
            return true;
        }
        decommit_units(heap, to->first + from->units, more);
    }
    ashlar_heap_unback_zones(heap, zones);
    return false;
}

/* to is the block now; from's memory is gone. */
COLD static void exchange_blocks(struct ashlar_heap *heap, struct run *from, struct run *to)
{
    ashlar_heap_block_lay(heap, to);
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    heap->backed_units += to->units - from->units;
    heap->grows++;
    ashlar_heap_block_open_locked(heap, to);
    ashlar_heap_block_close_locked(heap, from);
    ashlar_lock_give(&heap->lock, interrupts);
    ashlar_heap_map_run(heap, from, 0);
    ashlar_heap_unback_zones(heap, ashlar_heap_zones_of(heap, from));
    ashlar_heap_run_file(heap, from, RUN_BARE);
}

COLD void *ashlar_heap_move_large(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    void *moved = NULL;
    if (heap->source.move == NULL || !ashlar_heap_may_grow(heap, 0) || !ashlar_alone_take(&heap->growing)) {
        return NULL;
    }
    struct run *to = ashlar_heap_take_bare(heap, units, ASHLAR_PAGE_BYTES);
    if (to != NULL) {
        if (move_memory(heap, run, to, ashlar_heap_zones_of(heap, to))) {
            exchange_blocks(heap, run, to);
            moved = (void *)to->base;
        } else {
            ashlar_heap_run_file(heap, to, RUN_BARE);
        }
    }
    ashlar_heap_token_give(heap);
    return moved;
}
