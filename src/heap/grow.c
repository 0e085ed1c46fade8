/* SPDX-License-Identifier: 0BSD */
/* grow.c - asking the source for memory.
 *
 * Growth: take a bare run, with descriptors and map; back its zones' bits, then
 * the run itself; file it as empty. Each step that fails undoes the bits.
 *
 * Cost: one commit of at least grow_bytes; rarely one each for bits, descriptors, map.
 */
#include "heap/grow.h"

#include "base/alone.h"
#include "base/check.h"
#include "base/lock.h"
#include "heap/bare.h"
#include "heap/runs.h"
#include "heap/supply.h"

COLD static bool grow_heap_by(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    struct run *run = ashlar_heap_take_bare(heap, units, align_bytes);
    if (run == NULL) {
        return false;
    }
    struct bit_zones zones = ashlar_heap_zones_of(heap, run);
    bool backed = ashlar_heap_back_zones(heap, zones);
    if (backed && !commit_units(heap, run->first, run->units)) {
        ashlar_heap_unback_zones(heap, zones);
        backed = false;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    if (backed) {
        run->clean = (heap->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) != 0;
        heap->backed_units += run->units;
        heap->grows++;
    }
    ashlar_heap_run_file_locked(heap, run, backed ? RUN_EMPTY : RUN_BARE);
    ashlar_lock_give(&heap->lock, interrupts);
    return backed;
}

/* While this thread waited for the token, somebody may have grown the heap. */
COLD static bool is_run_there(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    struct run *run = ashlar_heap_run_take(heap, &heap->empty, units, align_bytes);
    if (run != NULL) {
        ashlar_heap_run_file(heap, run, RUN_EMPTY);
    }
    return run != NULL;
}

COLD bool ashlar_heap_grow(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    uint32_t chunk = units > heap->grow_units ? units : (uint32_t)heap->grow_units;
    uint32_t well = align_bytes > heap->grow_align_bytes ? align_bytes : heap->grow_align_bytes;
    bool grown, again;
    do {
        if (!ashlar_alone_take(&heap->growing)) {
            return false;
        }
        heap->refused = false;
        grown = is_run_there(heap, units, align_bytes) || grow_heap_by(heap, chunk, well) ||
                ((units < chunk || align_bytes < well) && grow_heap_by(heap, units, align_bytes));
        again = !grown && heap->refused;
        ashlar_heap_token_give(heap);
    } while (again && ashlar_port_context() == ASHLAR_CONTEXT_THREAD && ashlar_heap_relieve(heap));
    return grown;
}
