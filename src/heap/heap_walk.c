/* SPDX-License-Identifier: 0BSD */
/* heap_walk.c - all of the heap, read without a lock: each live object in order of address, and how much there is of
 * what.
 */
#include <ashlar/heap.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/mem.h"
#include "base/relaxed.h"
#include "heap/heap_explain.h"
#include "heap/internal.h"
#include "heap/marks.h"
#include "runs/peek.h"

/* Next granule whose bit is set in [granule, end), or end. What cannot be read has none set. */
COLD static uintptr_t next_allocated(const struct ashlar_heap *heap, uintptr_t granule, uintptr_t end)
{
    while (granule < end) {
        struct granule_bits bits = {0, 0};
        (void)ashlar_runs_peek(&heap->runs, &heap->runs.bits[granule / 32u], &bits, sizeof bits);
        uint32_t word = bits.allocated >> granule % 32u;
        if (word != 0) {
            granule += u32_ctz(word);
            return granule < end ? granule : end;
        }
        granule = (granule | 31u) + 1u;
    }
    return end;
}

/* A large block has one object, at its start. */
COLD static int walk_objects(struct ashlar_heap *heap, const struct run *run, ashlar_heap_visitor visit, void *context)
{
    struct ashlar_heap_place place;
    uintptr_t granule = (uintptr_t)run->first << heap->runs.unit_granule_shift;
    uintptr_t end = granule + (is_slab(run) ? (uintptr_t)run->units << heap->runs.unit_granule_shift : 1u);
    for (;;) {
        granule = next_allocated(heap, granule, end);
        if (granule == end) {
            return 0;
        }
        ashlar_heap_look(heap, (const void *)(heap->runs.base + (granule << GRANULE_SHIFT)), &place);
        int stop = place.live && !place.pending ? visit(context, &place) : 0;
        if (stop != 0) {
            return stop;
        }
        granule++;
    }
}

/* Ends where a run is just being cut or merged by somebody, or cannot be read. */
COLD void ashlar_heap_walk(struct ashlar_heap *heap, ashlar_heap_visitor visit, void *context)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    struct run run;
    uintptr_t unit = 0;
    while (ashlar_runs_peek_run(&heap->runs, heap->runs.base + (unit << heap->runs.unit_shift), &run)) {
        if ((is_slab(&run) || run.state == RUN_LARGE) && walk_objects(heap, &run, visit, context) != 0) {
            return;
        }
        unit = (uintptr_t)run.first + run.units;
    }
}

COLD static void count_live(struct ashlar_heap *heap, struct ashlar_heap_stats *stats)
{
    for (uint32_t i = 1; i < heap->runs.runs_begun; i++) {
        const struct run *slab = run_numbered(&heap->runs, i);
        if (is_slab(slab)) {
            size_t live = slab->capacity - free_in_slab(slab);
            stats->live_objects += live;
            stats->live_bytes += live * slab->stride;
            stats->kept_bytes += live == 0 ? run_bytes(&heap->runs, slab) : 0;
        }
    }
    stats->live_objects += heap->large_count;
    stats->live_bytes += heap->large_units << heap->runs.unit_shift;
}

COLD void ashlar_heap_stats(struct ashlar_heap *heap, struct ashlar_heap_stats *stats)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    memset(stats, 0, sizeof *stats);
    size_t metadata_pages = (size_t)heap->runs.map_pages + heap->runs.run_pages + heap->runs.bit_pages;
    stats->range_bytes = heap->runs.range_bytes;
    stats->metadata_bytes = heap->runs.source.pages != 0
                                ? metadata_pages * ASHLAR_PAGE_BYTES
                                : heap->runs.range_bytes - (heap->runs.backed_units << heap->runs.unit_shift);
    stats->backed_bytes = stats->metadata_bytes + (heap->runs.backed_units << heap->runs.unit_shift);
    stats->peak_bytes = heap->runs.peak_bytes;
    stats->empty_bytes = load_relaxed(&heap->runs.empty_units) << heap->runs.unit_shift;
    stats->slab_bytes = heap->slab_units << heap->runs.unit_shift;
    stats->large_bytes = heap->large_units << heap->runs.unit_shift;
    stats->slabs = heap->slab_count;
    stats->large_blocks = heap->large_count;
    stats->caches = heap->cache_count;
    stats->grows = heap->runs.grows;
    stats->shrinks = heap->runs.shrinks;
    stats->failures = load_relaxed(&heap->failures);
    stats->borrows = load_relaxed(&heap->borrows);
    count_live(heap, stats);
}
