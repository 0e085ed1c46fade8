/* SPDX-License-Identifier: 0BSD */
/* shrink.c - giving empty memory back to the source, above a watermark.
 *
 * As growth backwards: the map says "nobody" before the memory goes, and the
 * bits go last. What another CPU is giving back already is not waited for.
 */
#include "heap/shrink.h"

#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/token.h"
#include "heap/bare.h"
#include "heap/relaxed.h"
#include "heap/run.h"
#include "heap/runs.h"
#include "heap/supply.h"

/* Units of the run that are kept, if at least so many have to be: what is given back begins where the source likes it. */
COLD static uint32_t units_to_keep(const struct ashlar_heap *heap, const struct run *run, uint32_t least)
{
    uintptr_t address = heap->base + ((uintptr_t)(run->first + least) << heap->unit_shift);
    return least + (uint32_t)((round_up(address, heap->grow_align_bytes) - address) >> heap->unit_shift);
}

/* An empty run, or the end of one, that is more than is to be kept; the map says nobody. */
COLD static struct run *take_excess(struct ashlar_heap *heap, size_t keep_units)
{
    struct run *run = NULL;
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    size_t empty = heap->empty_units;
    if (empty > keep_units) {
        run = ashlar_heap_run_largest_locked(heap);
        if (run->units > empty - keep_units && spare_runs_locked(heap) != 0) {
            struct run *kept = run;
            uint32_t units = units_to_keep(heap, run, run->units - (uint32_t)(empty - keep_units));
            run = units < run->units ? ashlar_heap_run_split_locked(heap, run, units) : NULL;
            ashlar_heap_run_file_locked(heap, kept, RUN_EMPTY);
        }
    }
    ashlar_lock_give(&heap->lock, interrupts);
    if (run != NULL) {
        ashlar_heap_map_run(heap, run, 0); /* a long one takes its time: not under the lock */
    }
    return run;
}

COLD static void unback_run(struct ashlar_heap *heap, struct run *run)
{
    struct bit_zones zones = ashlar_heap_zones_of(heap, run);
    decommit_units(heap, run->first, run->units);
    ashlar_heap_unback_zones(heap, zones);
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    heap->backed_units -= run->units;
    heap->shrinks++;
    run->clean = 0;
    ashlar_heap_run_file_locked(heap, run, RUN_BARE);
    ashlar_lock_give(&heap->lock, interrupts);
}

COLD size_t ashlar_heap_purge(struct ashlar_heap *heap, size_t keep_units)
{
    size_t given = 0;
    (void)ashlar_alone_enter();
    if (!ashlar_heap_may_grow(heap, 0) || !ashlar_token_try(&heap->growing)) {
        ashlar_alone_exit();
        return 0;
    }
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        struct run *run = take_excess(heap, keep_units);
        if (run == NULL) {
            break;
        }
        given += run->units;
        unback_run(heap, run);
    }
    ashlar_heap_token_give(heap);
    return given;
}

COLD void ashlar_heap_settle(struct ashlar_heap *heap)
{
    if (load_relaxed(&heap->empty_units) > heap->keep_units + heap->keep_units / 4u) {
        ashlar_heap_purge(heap, heap->keep_units);
    }
}
