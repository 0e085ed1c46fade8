/* SPDX-License-Identifier: 0BSD */
/* heap_explain.c - what an address is, which objects are live, how much there is of what; and fatal reports about pointers.
 *
 * Nothing here takes a lock, so all of it works in a stopped kernel and in
 * fault handlers. The map leads from an address to a descriptor; as a run's
 * inner units may name a descriptor that has gone elsewhere, that one has to say
 * that the unit is its own. A live object's first granule has its bit set.
 */
#include "heap/internal.h"

#include "base/format.h"
#include "base/mem.h"

COLD struct run *ashlar_heap_find(struct ashlar_heap *heap, uintptr_t address)
{
    uintptr_t granule = (address - heap->base) >> GRANULE_SHIFT;
    if (address < heap->base || granule >= atomic_load(&heap->granules)) {
        return &ashlar_heap_nobody;
    }
    uint32_t unit = (uint32_t)(granule >> heap->unit_granule_shift);
    struct run *slab = run_at(heap, load_relaxed(&heap->map[unit]));
    return unit - slab->first < slab->units ? slab : &ashlar_heap_nobody;
}

COLD size_t ashlar_heap_object_bytes(const struct ashlar_heap *heap, const struct run *slab)
{
    if (is_slab(slab)) {
        return slab->cache != NULL ? slab->cache->object_bytes : slab->stride;
    }
    return (size_t)slab->units << heap->unit_shift;
}

COLD static bool is_live(const struct ashlar_heap *heap, uintptr_t base)
{
    return has_bit(heap->bits, (base - heap->base) >> GRANULE_SHIFT);
}

COLD static bool is_pending(uintptr_t base)
{
    return load_relaxed(&object_words(base)[1]) == pending_mark(base);
}

COLD static void explain_slab(struct ashlar_heap *heap, const struct run *slab, uintptr_t address,
                              struct ashlar_heap_place *place)
{
    uint32_t index = (uint32_t)(address - slab->base) / slab->stride;
    place->kind = index < slab->capacity ? ASHLAR_HEAP_PLACE_OBJECT : ASHLAR_HEAP_PLACE_SLACK;
    place->base = slab->base + (uintptr_t)index * slab->stride;
    place->bytes = ashlar_heap_object_bytes(heap, slab);
    place->offset = address - place->base;
    place->owner = slab->owner;
    place->cache = slab->cache != NULL ? slab->cache->name : NULL;
    if (place->kind == ASHLAR_HEAP_PLACE_OBJECT) {
        place->live = is_live(heap, place->base);
        place->pending = place->live && is_pending(place->base);
    }
}

COLD static void explain_run(struct ashlar_heap *heap, const struct run *run, uintptr_t address,
                             struct ashlar_heap_place *place)
{
    place->base = heap->base + ((uintptr_t)run->first << heap->unit_shift);
    place->bytes = (size_t)run->units << heap->unit_shift;
    place->offset = address - place->base;
    if (run->state == RUN_LARGE) {
        place->kind = ASHLAR_HEAP_PLACE_LARGE;
        place->live = is_live(heap, place->base);
        place->pending = place->live && is_pending(place->base);
    } else if (run->state == RUN_META) {
        place->kind = ASHLAR_HEAP_PLACE_METADATA;
    } else {
        place->kind = run->state == RUN_EMPTY ? ASHLAR_HEAP_PLACE_EMPTY : ASHLAR_HEAP_PLACE_UNBACKED;
    }
}

COLD void ashlar_heap_explain(struct ashlar_heap *heap, const void *address, struct ashlar_heap_place *place)
{
    uintptr_t at = (uintptr_t)address;
    const struct run *slab = ashlar_heap_find(heap, at);
    memset(place, 0, sizeof *place);
    if (slab != &ashlar_heap_nobody && is_slab(slab)) {
        explain_slab(heap, slab, at, place);
    } else if (slab != &ashlar_heap_nobody) {
        explain_run(heap, slab, at, place);
    } else if (at - heap->range_base >= heap->range_bytes) {
        place->kind = ASHLAR_HEAP_PLACE_OUTSIDE;
    } else if (at < heap->base) {
        place->kind = ASHLAR_HEAP_PLACE_METADATA;
    } else {
        /* The inside of a run that is in no use, or nothing yet. */
        place->kind = heap->source.pages != 0 ? ASHLAR_HEAP_PLACE_UNBACKED : ASHLAR_HEAP_PLACE_EMPTY;
    }
}

COLD static const char *liveness(const struct ashlar_heap_place *place)
{
    if (place->pending) {
        return "object that another CPU freed,";
    }
    return place->live ? "live object" : "free object";
}

COLD void ashlar_heap_explain_text(struct ashlar_heap *heap, const void *address, char *text, size_t bytes)
{
    struct ashlar_heap_place place;
    ashlar_heap_explain(heap, address, &place);
    switch (place.kind) {
    case ASHLAR_HEAP_PLACE_OBJECT:
        ashlar_format(text, bytes, "%zu bytes into %s %p of %zu bytes%s%s", place.offset, liveness(&place),
                      (void *)place.base, place.bytes, place.cache != NULL ? ", cache " : "",
                      place.cache != NULL ? place.cache : "");
        break;
    case ASHLAR_HEAP_PLACE_LARGE:
        ashlar_format(text, bytes, "%zu bytes into large block %p of %zu bytes", place.offset, (void *)place.base,
                      place.bytes);
        break;
    case ASHLAR_HEAP_PLACE_SLACK:
        ashlar_format(text, bytes, "behind the last object of a slab of %zu bytes each", place.bytes);
        break;
    case ASHLAR_HEAP_PLACE_OUTSIDE:
        ashlar_format(text, bytes, "not in the heap's range %p, %zu bytes", (void *)heap->range_base,
                      heap->range_bytes);
        break;
    case ASHLAR_HEAP_PLACE_METADATA:
        ashlar_format(text, bytes, "in the heap's own bookkeeping");
        break;
    case ASHLAR_HEAP_PLACE_UNBACKED:
    case ASHLAR_HEAP_PLACE_EMPTY:
        ashlar_format(text, bytes, "in empty pages of the heap: no object, or one whose pages went back already");
        break;
    }
}

COLD static const char *blame(const struct ashlar_heap_place *place)
{
    switch (place->kind) {
    case ASHLAR_HEAP_PLACE_OBJECT:
    case ASHLAR_HEAP_PLACE_LARGE:
        if (place->offset != 0) {
            return "interior pointer";
        }
        return "not live (double free?)";
    case ASHLAR_HEAP_PLACE_UNBACKED:
    case ASHLAR_HEAP_PLACE_EMPTY:
        return "not live (double free?)";
    case ASHLAR_HEAP_PLACE_OUTSIDE:
    case ASHLAR_HEAP_PLACE_METADATA:
    case ASHLAR_HEAP_PLACE_SLACK:
        break;
    }
    return "wild pointer";
}

COLD void ashlar_heap_bad_pointer(struct ashlar_heap *heap, const void *object, const char *verb, const void *caller)
{
    char text[120];
    struct ashlar_heap_place place;
    ashlar_heap_explain(heap, object, &place);
    ashlar_heap_explain_text(heap, object, text, sizeof text);
    ashlar_panic("heap: %s of %p: %s: %s; called from %p", verb, object, blame(&place), text, caller);
}

COLD struct run *ashlar_heap_find_live(struct ashlar_heap *heap, const void *object, const char *verb,
                                       const void *caller)
{
    uintptr_t address = (uintptr_t)object;
    struct run *slab = ashlar_heap_find(heap, address);
    bool may_be = (is_slab(slab) || slab->state == RUN_LARGE) && address % GRANULE_BYTES == 0;
    if (!may_be || !is_live(heap, address) || is_pending(address)) {
        ashlar_heap_bad_pointer(heap, object, verb, caller);
    }
    return slab;
}

/* --- all of them --------------------------------------------------------- */

/* Next granule whose bit is set in [granule, end), or end. */
COLD static uintptr_t next_bit(const struct ashlar_heap *heap, uintptr_t granule, uintptr_t end)
{
    while (granule < end) {
        uint32_t word = load_relaxed(&heap->bits[granule / 32u]) >> (granule % 32u);
        if (word != 0) {
            granule += u32_ctz(word);
            return granule < end ? granule : end;
        }
        granule = (granule | 31u) + 1u;
    }
    return end;
}

COLD static int walk_run(struct ashlar_heap *heap, const struct run *run, ashlar_heap_visitor visit, void *context)
{
    struct ashlar_heap_place place;
    uintptr_t granule = (uintptr_t)run->first << heap->unit_granule_shift;
    uintptr_t end = granule + ((uintptr_t)run->units << heap->unit_granule_shift);
    for (;;) {
        granule = next_bit(heap, granule, end);
        if (granule == end) {
            return 0;
        }
        ashlar_heap_explain(heap, (const void *)(heap->base + (granule << GRANULE_SHIFT)), &place);
        int stop = place.pending ? 0 : visit(context, &place);
        if (stop != 0) {
            return stop;
        }
        granule++;
    }
}

COLD void ashlar_heap_walk(struct ashlar_heap *heap, ashlar_heap_visitor visit, void *context)
{
    uint32_t unit = 0;
    while (unit < heap->limit) {
        const struct run *run = run_at(heap, load_relaxed(&heap->map[unit]));
        if (unit - run->first >= run->units) {
            return; /* being cut or merged by somebody */
        }
        if ((is_slab(run) || run->state == RUN_LARGE) && walk_run(heap, run, visit, context) != 0) {
            return;
        }
        unit = run->first + run->units;
    }
}

COLD static void count_live(struct ashlar_heap *heap, struct ashlar_heap_stats *stats)
{
    for (uint32_t i = 1; i < heap->runs_begun; i++) {
        const struct run *slab = run_at(heap, i * (uint32_t)sizeof *slab);
        if (is_slab(slab)) {
            size_t live = slab->capacity - free_in_slab(slab);
            stats->live_objects += live;
            stats->live_bytes += live * slab->stride;
        }
    }
    stats->live_objects += heap->large_count;
    stats->live_bytes += heap->large_units << heap->unit_shift;
}

COLD void ashlar_heap_stats(struct ashlar_heap *heap, struct ashlar_heap_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    size_t metadata_pages = (size_t)heap->map_pages + heap->run_pages + heap->bit_pages;
    stats->range_bytes = heap->range_bytes;
    stats->metadata_bytes = heap->source.pages != 0 ? metadata_pages * ASHLAR_PAGE_BYTES
                                                    : heap->range_bytes - (heap->backed_units << heap->unit_shift);
    stats->backed_bytes = stats->metadata_bytes + (heap->backed_units << heap->unit_shift);
    stats->peak_bytes = heap->peak_bytes;
    stats->empty_bytes = load_relaxed(&heap->empty_units) << heap->unit_shift;
    stats->slab_bytes = heap->slab_units << heap->unit_shift;
    stats->large_bytes = heap->large_units << heap->unit_shift;
    stats->slabs = heap->slab_count;
    stats->large_blocks = heap->large_count;
    stats->caches = heap->cache_count;
    stats->grows = heap->grows;
    stats->shrinks = heap->shrinks;
    stats->failures = load_relaxed(&heap->failures);
    stats->borrows = load_relaxed(&heap->borrows);
    count_live(heap, stats);
}
