/* SPDX-License-Identifier: 0BSD */
/* heap_explain.c - what an address is, in values and in words; and fatal reports about pointers.
 *
 * Nothing here takes a lock, so all of it works in a stopped kernel and in
 * fault handlers. A live object's first granule has its bit set.
 */
#include "heap/heap_explain.h"

#include "base/check.h"
#include "base/format.h"
#include "base/mem.h"
#include "heap/find.h"
#include "heap/run.h"

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
        place->live = is_allocated(heap, place->base);
        place->pending = place->live && is_marked_pending(place->base);
    }
}

COLD static void explain_run(struct ashlar_heap *heap, const struct run *run, uintptr_t address,
                             struct ashlar_heap_place *place)
{
    place->base = run_address(heap, run);
    place->bytes = run_bytes(heap, run);
    place->offset = address - place->base;
    if (run->state == RUN_LARGE) {
        place->kind = ASHLAR_HEAP_PLACE_LARGE;
        place->live = is_allocated(heap, place->base);
        place->pending = place->live && is_marked_pending(place->base);
    } else if (run->state == RUN_META) {
        place->kind = ASHLAR_HEAP_PLACE_METADATA;
    } else {
        place->kind = run->state == RUN_EMPTY ? ASHLAR_HEAP_PLACE_EMPTY : ASHLAR_HEAP_PLACE_UNBACKED;
    }
}

COLD void ashlar_heap_explain(struct ashlar_heap *heap, const void *address, struct ashlar_heap_place *place)
{
    uintptr_t at = (uintptr_t)address;
    const struct run *run = ashlar_heap_find(heap, at);
    memset(place, 0, sizeof *place);
    if (run != &ashlar_heap_nobody && is_slab(run)) {
        explain_slab(heap, run, at, place);
    } else if (run != &ashlar_heap_nobody) {
        explain_run(heap, run, at, place);
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

COLD static const char *blame_for(const struct ashlar_heap_place *place)
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
    ashlar_panic("heap: %s of %p: %s: %s; called from %p", verb, object, blame_for(&place), text, caller);
}

COLD struct run *ashlar_heap_find_live(struct ashlar_heap *heap, const void *object, const char *verb,
                                       const void *caller)
{
    uintptr_t address = (uintptr_t)object;
    struct run *run = ashlar_heap_find(heap, address);
    bool may_be = (is_slab(run) || run->state == RUN_LARGE) && address % GRANULE_BYTES == 0;
    if (!may_be || !is_allocated(heap, address) || is_marked_pending(address)) {
        ashlar_heap_bad_pointer(heap, object, verb, caller);
    }
    return run;
}
