/* SPDX-License-Identifier: 0BSD */
/* resize.c - how large a live object is, and making it larger or smaller.
 *
 * In place within its class, or as a large block that is aligned well enough for its new size; else by its pages, if the
 * source moves them; else by a copy. What cannot move to become smaller stays.
 */
#include "heap/resize.h"

#include "base/check.h"
#include "base/contexts.h"
#include "base/mem.h"
#include "heap/find.h"
#include "heap/heap_explain.h"
#include "heap/heap_large.h"
#include "heap/marks.h"
#include "heap/move.h"
#include "heap/owner.h"
#include "heap/size.h"
#include "heap/slab.h"
#include <stdbool.h>

COLD size_t ashlar_heap_usable(struct ashlar_heap *heap, const void *object, const void *caller)
{
    ashlar_heap_require_ready(heap, caller);
    if (object == NULL) {
        return 0;
    }
    return ashlar_heap_object_bytes(heap, ashlar_heap_find_live(heap, object, "usable size", caller));
}

COLD size_t ashlar_heap_usable_size(struct ashlar_heap *heap, const void *object)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return ashlar_heap_usable(heap, object, ASHLAR_CALLER());
}

/* True if the object has become `bytes` large where it is, or was already. */
COLD static bool resize_in_place(struct ashlar_heap *heap, struct run *run, uintptr_t object, size_t bytes)
{
    size_t rounded = ashlar_heap_size_roundup(heap, bytes);
    bool done = rounded == ashlar_heap_object_bytes(heap, run);
    if (!done && bytes > SMALL_MOST_BYTES && rounded != 0 && rounded <= heap->runs.range_bytes &&
        run->state == RUN_LARGE && (run->base & (natural_align((uint32_t)rounded) - 1u)) == 0) {
        done = ashlar_heap_resize_large(heap, run, (uint32_t)(rounded >> heap->runs.unit_shift));
    }
    if (done && rounded > GRANULE_BYTES && is_lent(heap, object)) {
        ashlar_heap_set_mark(heap, object + GRANULE_BYTES, false);
    }
    return done;
}

COLD static void *move_object(struct ashlar_heap *heap, void *object, size_t have, size_t bytes, unsigned flags)
{
    void *moved = ashlar_heap_alloc(heap, bytes, flags & ~ASHLAR_HEAP_ZERO);
    if (moved != NULL) {
        memcpy(moved, object, have < bytes ? have : bytes);
        ashlar_heap_free(heap, object);
        return moved;
    }
    if (bytes > have) {
        return NULL;
    }
    ashlar_heap_lend(heap, ashlar_heap_find(heap, (uintptr_t)object), (uintptr_t)object);
    return object;
}

/* A large block that grows may take its pages along, unless it is large only by its alignment and will be of a class.
 * NULL: nothing changed. */
COLD static void *move_large_block(struct ashlar_heap *heap, struct run *run, size_t have, size_t bytes)
{
    if (run->state != RUN_LARGE || bytes <= have || bytes <= SMALL_MOST_BYTES || bytes > heap->runs.range_bytes) {
        return NULL;
    }
    return ashlar_heap_move_large(heap, run,
                                  (uint32_t)(ashlar_heap_size_roundup(heap, bytes) >> heap->runs.unit_shift));
}

COLD void *ashlar_heap_resize(struct ashlar_heap *heap, void *object, size_t bytes, unsigned flags, const void *caller)
{
    ashlar_heap_require_ready(heap, caller);
    if (object == NULL) {
        return ashlar_heap_alloc(heap, bytes, flags);
    }
    bytes = bytes != 0 ? bytes : 1u;
    struct run *run = ashlar_heap_find_live(heap, object, "realloc", caller);
    ASHLAR_CHECK(run->cache == NULL, "heap: realloc of %p, an object of cache %s; called from %p", object,
                 run->cache->name, caller);
    size_t have = ashlar_heap_object_bytes(heap, run);
    void *moved = object;
    if (!resize_in_place(heap, run, (uintptr_t)object, bytes)) {
        moved = (flags & ASHLAR_HEAP_NO_GROW) == 0 ? move_large_block(heap, run, have, bytes) : NULL;
        moved = moved != NULL ? moved : move_object(heap, object, have, bytes, flags);
    }
    if (moved != NULL && (flags & ASHLAR_HEAP_ZERO) != 0) {
        size_t kept = have < bytes ? have : bytes; /* zero behind a lesser size as well: it may grow again */
        memset((char *)moved + kept, 0, ashlar_heap_usable(heap, moved, caller) - kept);
    }
    return moved;
}

COLD void *ashlar_heap_realloc(struct ashlar_heap *heap, void *object, size_t bytes, unsigned flags)
{
    CONTEXTS(yes, yes, less, less, less);
    return ashlar_heap_resize(heap, object, bytes, flags, ASHLAR_CALLER());
}
