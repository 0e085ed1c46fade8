/* SPDX-License-Identifier: 0BSD */
/* heap_explain.c - what an address is, in values and in words; and fatal reports about pointers.
 *
 * Nothing here takes a lock, and what may go away meanwhile is read by a peek that
 * may fail (peek.c): so all of it works in a stopped kernel and in fault handlers. A
 * live object's first granule has its bit set.
 */
#include "heap/heap_explain.h"

#include "base/check.h"
#include "base/contexts.h"
#include "base/format.h"
#include "base/mem.h"
#include "heap/find.h"
#include "heap/marks.h"
#include "runs/peek.h"

COLD static bool is_in_object(const struct ashlar_heap_place *place)
{
    return place->kind == ASHLAR_HEAP_PLACE_OBJECT || place->kind == ASHLAR_HEAP_PLACE_LARGE;
}

COLD static void explain_liveness(const struct ashlar_heap *heap, struct ashlar_heap_place *place)
{
    uintptr_t granule = (place->base - heap->runs.base) >> GRANULE_SHIFT;
    struct granule_bits bits;
    if (is_in_object(place) && ashlar_runs_peek(&heap->runs, &heap->runs.bits[granule / 32u], &bits, sizeof bits) &&
        (bits.allocated >> granule % 32u & 1u) != 0) {
        place->live = 1;
        place->pending = (bits.marked >> granule % 32u & 1u) != 0;
    }
}

/* As long as the slab is the cache's, the cache is there: so the slab is asked once more. */
COLD static void explain_cache(const struct ashlar_heap *heap, const struct run *slab, struct ashlar_heap_place *place)
{
    struct ashlar_cache cache;
    struct run again;
    if (is_slab(slab) && slab->cache != NULL && ashlar_runs_peek(&heap->runs, slab->cache, &cache, sizeof cache) &&
        ashlar_runs_peek_run(&heap->runs, place->base, &again) && is_slab(&again) && again.cache == slab->cache) {
        place->bytes = cache.object_bytes;
        place->cache = cache.name;
    }
}

/* Of runs that are no slab. */
static const uint8_t kinds_by_state[RUN_FULL] = {
    [RUN_NONE] = ASHLAR_HEAP_PLACE_UNBACKED, [RUN_BARE] = ASHLAR_HEAP_PLACE_UNBACKED,
    [RUN_EMPTY] = ASHLAR_HEAP_PLACE_EMPTY,   [RUN_MOVING] = ASHLAR_HEAP_PLACE_UNBACKED,
    [RUN_META] = ASHLAR_HEAP_PLACE_METADATA, [RUN_LARGE] = ASHLAR_HEAP_PLACE_LARGE,
};

/* One block, or cut into objects of a stride. */
COLD static void explain_run(const struct ashlar_heap *heap, const struct run *run, uintptr_t address,
                             struct ashlar_heap_place *place)
{
    place->base = run_address(&heap->runs, run);
    place->bytes = run_bytes(&heap->runs, run);
    if (!is_slab(run)) {
        place->kind = kinds_by_state[run->state];
    } else if (run->stride != 0) {
        uint32_t index = (uint32_t)(address - run->base) / run->stride;
        place->kind = index < run->capacity ? ASHLAR_HEAP_PLACE_OBJECT : ASHLAR_HEAP_PLACE_SLACK;
        place->base = run->base + (uintptr_t)index * run->stride;
        place->bytes = run->stride;
        place->owner = run->owner;
    }
}

COLD void ashlar_heap_look(const struct ashlar_heap *heap, const void *address, struct ashlar_heap_place *place)
{
    uintptr_t at = (uintptr_t)address;
    struct run run;
    memset(place, 0, sizeof *place);
    if (at - heap->runs.range_base >= heap->runs.range_bytes) {
        place->kind = ASHLAR_HEAP_PLACE_OUTSIDE;
    } else if (at < heap->runs.base) {
        place->kind = ASHLAR_HEAP_PLACE_METADATA;
    } else if (!ashlar_runs_peek_run(&heap->runs, at, &run)) {
        /* The inside of a run that is in no use, or nothing yet. */
        place->kind = heap->runs.source.pages != 0 ? ASHLAR_HEAP_PLACE_UNBACKED : ASHLAR_HEAP_PLACE_EMPTY;
    } else {
        explain_run(heap, &run, at, place);
        place->offset = at - place->base;
        explain_cache(heap, &run, place);
        explain_liveness(heap, place);
    }
}

COLD void ashlar_heap_explain(struct ashlar_heap *heap, const void *address, struct ashlar_heap_place *place)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    bool may_go = heap->runs.source.pages != 0 && heap->runs.source.peek == NULL;
    if (may_go &&
        (uintptr_t)address - heap->runs.base < heap->runs.range_base + heap->runs.range_bytes - heap->runs.base) {
        memset(place, 0, sizeof *place);
        place->kind = ASHLAR_HEAP_PLACE_UNKNOWN;
    } else {
        ashlar_heap_look(heap, address, place);
    }
}

COLD static const char *liveness(const struct ashlar_heap_place *place)
{
    if (place->pending) {
        return "object that another CPU freed,";
    }
    return place->live ? "live object" : "free object";
}

static const char in_empty_pages[] = "in empty pages of the heap: no object, or one whose pages went back already";

static const char *const words_by_kind[] = {
    [ASHLAR_HEAP_PLACE_METADATA] = "in the heap's own bookkeeping",
    [ASHLAR_HEAP_PLACE_UNBACKED] = in_empty_pages,
    [ASHLAR_HEAP_PLACE_EMPTY] = in_empty_pages,
    [ASHLAR_HEAP_PLACE_UNKNOWN] = "in the heap",
};

COLD static void place_to_text(const struct ashlar_heap *heap, const struct ashlar_heap_place *place, char *text,
                               size_t bytes)
{
    switch (place->kind) {
    case ASHLAR_HEAP_PLACE_OBJECT:
        ashlar_format(text, bytes, "%zu bytes into %s %p of %zu bytes%s%s", place->offset, liveness(place),
                      (void *)place->base, place->bytes, place->cache != NULL ? ", cache " : "",
                      place->cache != NULL ? place->cache : "");
        break;
    case ASHLAR_HEAP_PLACE_LARGE:
        ashlar_format(text, bytes, "%zu bytes into large block %p of %zu bytes", place->offset, (void *)place->base,
                      place->bytes);
        break;
    case ASHLAR_HEAP_PLACE_SLACK:
        ashlar_format(text, bytes, "behind the last object of a slab of %zu bytes each", place->bytes);
        break;
    case ASHLAR_HEAP_PLACE_OUTSIDE:
        ashlar_format(text, bytes, "not in the heap's range %p, %zu bytes", (void *)heap->runs.range_base,
                      heap->runs.range_bytes);
        break;
    case ASHLAR_HEAP_PLACE_METADATA:
    case ASHLAR_HEAP_PLACE_UNBACKED:
    case ASHLAR_HEAP_PLACE_EMPTY:
    case ASHLAR_HEAP_PLACE_UNKNOWN:
        ashlar_format(text, bytes, "%s", words_by_kind[place->kind]);
        break;
    }
}

COLD void ashlar_heap_explain_text(struct ashlar_heap *heap, const void *address, char *text, size_t bytes)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    struct ashlar_heap_place place;
    ashlar_heap_explain(heap, address, &place);
    place_to_text(heap, &place, text, bytes);
}

/* Of the first byte of what a caller takes for a live object; further in, an object's is an interior pointer. */
COLD static const char *blame_for(const struct ashlar_heap_place *place)
{
    if (place->offset != 0 && is_in_object(place)) {
        return "interior pointer";
    }
    bool wild = place->kind == ASHLAR_HEAP_PLACE_OUTSIDE || place->kind == ASHLAR_HEAP_PLACE_METADATA ||
                place->kind == ASHLAR_HEAP_PLACE_SLACK;
    return wild ? "wild pointer" : "not live (double free?)";
}

COLD void ashlar_heap_bad_pointer(struct ashlar_heap *heap, const void *object, const char *verb, const void *caller)
{
    char text[120];
    struct ashlar_heap_place place;
    ashlar_heap_look(heap, object, &place);
    place_to_text(heap, &place, text, sizeof text);
    ashlar_panic("heap: %s of %p: %s: %s; called from %p", verb, object, blame_for(&place), text, caller);
}

COLD struct run *ashlar_heap_find_live(struct ashlar_heap *heap, const void *object, const char *verb,
                                       const void *caller)
{
    uintptr_t address = (uintptr_t)object;
    struct run *run = ashlar_heap_find(heap, address);
    bool may_be = is_slab(run) ? address % GRANULE_BYTES == 0 : run->state == RUN_LARGE && run->base == address;
    if (!may_be || !is_allocated(heap, address) || is_pending(heap, address)) {
        ashlar_heap_bad_pointer(heap, object, verb, caller);
    }
    return run;
}
