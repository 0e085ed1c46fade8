/* SPDX-License-Identifier: 0BSD */
/* cache.c - object caches: slabs for one purpose, with a name.
 *
 * A cache is a structure in a run of its own, with a bin for each owner; its
 * slabs are as any others.
 *
 * Destroying: nobody uses the cache any more, but objects of it may lie in mail, or
 * an owner may be in the middle of taking them home. So the destroyer reads each
 * owner's mail in its place, takes the cache's objects out and home, and gives the
 * slabs back one by one. A slab that is left has a live object. It looks at what is
 * in the mail and at the cache's own slabs, with no lock over more than one of them.
 */
#include <ashlar/heap.h>

#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/relaxed.h"
#include "base/token.h"
#include "base/wait.h"
#include "heap/canary.h"
#include "heap/fast.h"
#include "heap/find.h"
#include "heap/freelist.h"
#include "heap/give.h"
#include "heap/heap_explain.h"
#include "heap/heap_large.h"
#include "heap/inject.h"
#include "heap/internal.h"
#include "heap/marks.h"
#include "heap/others.h"
#include "heap/owner.h"
#include "heap/size.h"
#include "heap/slab.h"
#include "heap/take.h"
#include "runs/runs.h"
#include "runs/shrink.h"
#include <ashlar/port.h>

COLD static size_t cache_bytes(const struct ashlar_heap *heap)
{
    return sizeof(struct ashlar_cache) + (size_t)2 * heap->max_cpus * (sizeof(struct bin) + sizeof(struct kept_link));
}

COLD static void set_up_cache(struct ashlar_heap *heap, struct ashlar_cache *cache, size_t object_bytes,
                              size_t align_bytes, unsigned flags)
{
    size_t bytes = object_bytes + ((flags & ASHLAR_CACHE_CANARY) != 0 ? CANARY_LEAST_BYTES : 0);
    uint32_t align = align_bytes != 0 ? (uint32_t)align_bytes : natural_align((uint32_t)object_bytes);
    align = align > GRANULE_BYTES ? align : GRANULE_BYTES;
    cache->heap = heap;
    cache->object_bytes = (uint32_t)object_bytes;
    cache->stride = (uint16_t)round_up(bytes, align);
    cache->align = (uint16_t)align;
    cache->flags = flags;
    ashlar_heap_bin_init(cache->bin, (size_t)2 * heap->max_cpus);
}

COLD ashlar_status ashlar_cache_create(struct ashlar_heap *heap, const char *name, size_t object_bytes,
                                       size_t align_bytes, unsigned flags, struct ashlar_cache **cache_out)
{
    CONTEXTS(yes, yes, less, less, less);
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (object_bytes == 0 || object_bytes > SMALL_MOST_BYTES || align_bytes > ALIGN_MOST_BYTES ||
        (align_bytes & (align_bytes - 1u)) != 0 || (flags & ~ASHLAR_CACHE_CANARY) != 0) {
        return ASHLAR_BAD_ARGUMENT;
    }
    struct run *run =
        ashlar_heap_fail_now(heap) ? NULL : ashlar_heap_run_obtain(heap, cache_bytes(heap), GRANULE_BYTES, 0);
    if (run == NULL) {
        return heap->runs.source.pages != 0 && !ashlar_may_change() ? ASHLAR_MAY_NOT_WAIT : ASHLAR_NO_FRAMES;
    }
    struct ashlar_cache *cache = (void *)run_address(&heap->runs, run);
    set_up_cache(heap, cache, object_bytes, align_bytes, flags);
    cache->name = name;
    cache->run = run;
    ashlar_runs_map_whole(&heap->runs, run);
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    store_relaxed(&run->state, RUN_META);
    cache->next = heap->caches;
    cache->previous = NULL;
    if (cache->next != NULL) {
        cache->next->previous = cache;
    }
    heap->caches = cache;
    heap->cache_count++;
    ashlar_lock_give(&heap->runs.lock, interrupts);
    *cache_out = cache;
    return ASHLAR_OK;
}

/* --- taking and giving --------------------------------------------------- */

COLD static void *finish_object(struct ashlar_cache *cache, void *object, unsigned flags)
{
    if (object != NULL && (flags & ASHLAR_HEAP_ZERO) != 0) {
        memset(object, 0, cache->object_bytes);
    }
    if (object != NULL && (cache->flags & ASHLAR_CACHE_CANARY) != 0) {
        ashlar_heap_canary_set(cache, object);
    }
    return object;
}

void *ashlar_cache_alloc(struct ashlar_cache *cache, unsigned flags)
{
    CONTEXTS(yes, yes, less, less, less);
    void *object = NULL;
    struct owner *owner;
    if (__builtin_expect(enter_fast(cache->heap, &owner), 1)) {
        object = pop_free(cache->bin[owner->index].current);
        leave_fast(owner);
    }
    if (__builtin_expect(object == NULL, 0)) {
        object = ashlar_heap_take_slow(cache->heap, cache, cache->object_bytes, flags);
    }
    return ((flags & ASHLAR_HEAP_ZERO) | cache->flags) != 0 ? finish_object(cache, object, flags) : object;
}

/* This object has to be the cache's. */
static void require_own(struct ashlar_cache *cache, const void *object, const void *caller)
{
    const struct run *slab = ashlar_heap_find(cache->heap, (uintptr_t)object);
    if (__builtin_expect(slab->cache != cache || !is_slab(slab), 0)) {
        slab = ashlar_heap_find_live(cache->heap, object, "cache free", caller);
        ashlar_panic("heap: free of %p to cache %s: it is an object of %s%s, %zu bytes; called from %p", object,
                     cache->name, slab->cache != NULL ? "cache " : "no cache",
                     slab->cache != NULL ? slab->cache->name : "", ashlar_heap_object_bytes(cache->heap, slab), caller);
    }
}

void ashlar_cache_free(struct ashlar_cache *cache, void *object)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    if (object != NULL) {
        require_own(cache, object, ASHLAR_CALLER());
        ashlar_heap_give(cache->heap, object, ASHLAR_CALLER());
    }
}

/* As many as this owner has without growing. */
static size_t take_from_cache(struct ashlar_cache *cache, void **objects, size_t count)
{
    size_t taken = 0;
    struct owner *owner;
    if (!enter_fast(cache->heap, &owner)) {
        return 0;
    }
    const struct bin *bin = &cache->bin[owner->index];
    for (void *object; taken < count && (object = pop_free(bin->current)) != NULL; taken++) {
        objects[taken] = object;
    }
    leave_fast(owner);
    return taken;
}

int ashlar_cache_alloc_bulk(struct ashlar_cache *cache, unsigned flags, void **objects, size_t count)
{
    CONTEXTS(yes, yes, less, less, less);
    size_t taken = 0;
    while (taken < count) {
        taken += take_from_cache(cache, objects + taken, count - taken);
        if (taken < count) {
            objects[taken] = ashlar_heap_take_slow(cache->heap, cache, cache->object_bytes, flags);
            if (objects[taken] == NULL) {
                break;
            }
            taken++;
        }
    }
    for (size_t i = 0; i < taken && ((flags & ASHLAR_HEAP_ZERO) | cache->flags) != 0; i++) {
        finish_object(cache, objects[i], flags);
    }
    if (taken == count) {
        return 1;
    }
    ashlar_cache_free_bulk(cache, objects, taken);
    return 0;
}

/* The first of these that belong to this CPU's owner: how many went back. */
static size_t give_to_cache(struct ashlar_cache *cache, void *const *objects, size_t count)
{
    struct ashlar_heap *heap = cache->heap;
    size_t given = 0;
    struct owner *owner;
    if (!enter_fast(heap, &owner)) {
        return 0;
    }
    for (; given < count; given++) {
        uintptr_t object = (uintptr_t)objects[given];
        struct run *slab = ashlar_heap_find(heap, object);
        enum pushed pushed = slab->cache == cache ? push_own(heap, owner, object, &slab) : PUSH_REFUSED;
        if (pushed == PUSH_REFUSED) {
            break;
        }
        if (pushed == PUSH_EMPTIED && slab->state != RUN_KEPT) {
            ashlar_heap_emptied(heap, owner, slab);
        }
    }
    leave_fast(owner);
    return given;
}

void ashlar_cache_free_bulk(struct ashlar_cache *cache, void *const *objects, size_t count)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    size_t given = 0;
    while (given < count) {
        given += give_to_cache(cache, objects + given, count - given);
        if (given < count) {
            ashlar_cache_free(cache, objects[given++]);
        }
    }
    ashlar_runs_settle(&cache->heap->runs);
}

/* --- destroying, listing ------------------------------------------------- */

/* The next of its slabs behind descriptor *number, which becomes its own; NULL: no more. */
COLD static struct run *next_slab_of(const struct ashlar_cache *cache, uint32_t *number)
{
    const struct ashlar_heap *heap = cache->heap;
    while (++*number < heap->runs.runs_begun) {
        struct run *slab = run_numbered(&heap->runs, *number);
        if (is_slab(slab) && slab->cache == cache) {
            return slab;
        }
    }
    return NULL;
}

/* For the report. */
COLD static size_t live_objects_of(const struct ashlar_cache *cache)
{
    const struct run *slab;
    uint32_t number = 0;
    size_t live = 0;
    while ((slab = next_slab_of(cache, &number)) != NULL) {
        live += slab->capacity - free_in_slab(slab);
    }
    return live;
}

/* On behalf of an owner: objects of the cache's that are in its mail go to their slabs, and these to the runs. It reads
 * no mail meanwhile, and nobody uses the cache: so nobody else has a hand in its bin. */
COLD static bool empty_bin(struct ashlar_cache *cache, struct owner *owner)
{
    struct ashlar_heap *heap = cache->heap;
    struct want want = ashlar_heap_want(cache, 0);
    uintptr_t object;
    while (ashlar_heap_search_step(heap, owner, &want, &object)) {
        if (object != 0) {
            ashlar_heap_give_claimed(heap, owner, ashlar_heap_find(heap, object), object);
            ashlar_heap_stop_reading(owner);
            ashlar_port_unpin();
        }
    }
    struct bin *bin = &cache->bin[owner->index];
    while (ashlar_heap_release_first(heap, owner, bin)) {
    }
    return bin->slabs == 0;
}

/* By who searches mail. */
COLD static bool empty_bins(struct ashlar_cache *cache)
{
    struct ashlar_heap *heap = cache->heap;
    bool emptied = true;
    for (uint32_t i = 0; i < 2u * heap->max_cpus; i++) {
        emptied &= empty_bin(cache, &heap->owners[i]);
    }
    return emptied;
}

COLD static void release_structure(struct ashlar_cache *cache)
{
    struct ashlar_heap *heap = cache->heap;
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    if (cache->next != NULL) {
        cache->next->previous = cache->previous;
    }
    if (cache->previous != NULL) {
        cache->previous->next = cache->next;
    } else {
        heap->caches = cache->next;
    }
    heap->cache_count--;
    cache->run->clean = 0;
    store_relaxed(&cache->run->state, RUN_MOVING);
    ashlar_runs_file_locked(&heap->runs, cache->run, RUN_EMPTY);
    ashlar_lock_give(&heap->runs.lock, interrupts);
}

COLD ashlar_status ashlar_cache_destroy(struct ashlar_cache *cache)
{
    CONTEXTS(yes, yes, less, less, less);
    struct ashlar_heap *heap = cache->heap;
    if (!ashlar_may_change() || !ashlar_token_get(&heap->searching)) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    bool emptied = empty_bins(cache);
    ashlar_token_give(&heap->searching);
    ASHLAR_CHECK(emptied, "heap: cache %s destroyed with %zu live objects of %u bytes; called from %p", cache->name,
                 live_objects_of(cache), cache->object_bytes, ASHLAR_CALLER());
    release_structure(cache);
    ashlar_runs_settle(&heap->runs);
    return ASHLAR_OK;
}

COLD static void describe_cache(const struct ashlar_cache *cache, struct ashlar_cache_info *info)
{
    const struct run *slab;
    uint32_t number = 0;
    memset(info, 0, sizeof *info);
    info->name = cache->name;
    info->object_bytes = cache->object_bytes;
    info->stride_bytes = cache->stride;
    while ((slab = next_slab_of(cache, &number)) != NULL) {
        info->slabs++;
        info->capacity += slab->capacity;
        info->live += slab->capacity - free_in_slab(slab);
        info->slab_bytes += run_bytes(&cache->heap->runs, slab);
    }
}

COLD void ashlar_cache_walk(struct ashlar_heap *heap, ashlar_cache_visitor visit, void *context)
{
    CONTEXTS(yes, yes, no, no, no);
    for (struct ashlar_cache *cache = heap->caches; cache != NULL; cache = cache->next) {
        struct ashlar_cache_info info;
        describe_cache(cache, &info);
        if (visit(context, cache, &info) != 0) {
            return;
        }
    }
}
