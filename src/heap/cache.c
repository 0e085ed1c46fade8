/* SPDX-License-Identifier: 0BSD */
/* cache.c - object caches: slabs for one purpose, with a name.
 *
 * A cache is a structure in a run of its own, with a bin for each owner; its
 * slabs are as any others. With a canary an object has 8 to 23 bytes behind it
 * that are written when it is taken and looked at when it is freed. Such slabs
 * have no fast owner, so every free of theirs goes the slow way, past the check.
 *
 * Destroying: nobody uses the cache any more, but an owner may still be in the
 * middle of taking an object of it out of its mailbox. So count, and if something
 * is left, wait until every owner has been seen idle, and count again.
 */
#include "heap/internal.h"

#include "base/mem.h"

#define CANARY_LEAST_BYTES 8u
#define CANARY_BYTE 0xa5u

COLD static size_t cache_bytes(const struct ashlar_heap *heap)
{
    return sizeof(struct ashlar_cache) + (size_t)2 * heap->max_cpus * sizeof(struct bin);
}

COLD static void set_up(struct ashlar_heap *heap, struct ashlar_cache *cache, size_t object_bytes, size_t align_bytes,
                        unsigned flags)
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
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (object_bytes == 0 || object_bytes > SMALL_MOST_BYTES || align_bytes > ALIGN_MOST_BYTES ||
        (align_bytes & (align_bytes - 1u)) != 0 || (flags & ~ASHLAR_CACHE_CANARY) != 0) {
        return ASHLAR_BAD_ARGUMENT;
    }
    struct run *run =
        ashlar_heap_fail_now(heap) ? NULL : ashlar_heap_run_obtain(heap, cache_bytes(heap), GRANULE_BYTES, 0);
    if (run == NULL) {
        return ASHLAR_NO_FRAMES;
    }
    struct ashlar_cache *cache = (void *)(heap->base + ((uintptr_t)run->first << heap->unit_shift));
    set_up(heap, cache, object_bytes, align_bytes, flags);
    cache->name = name;
    cache->run = run;
    ashlar_heap_map_run(heap, run, run_offset(heap, run));
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    store_relaxed(&run->state, RUN_META);
    cache->next = heap->caches;
    heap->caches = cache;
    heap->cache_count++;
    ashlar_lock_give(&heap->lock, interrupts);
    *cache_out = cache;
    return ASHLAR_OK;
}

/* --- taking and giving --------------------------------------------------- */

COLD static void *finish(struct ashlar_cache *cache, void *object, unsigned flags)
{
    if (object != NULL && (flags & ASHLAR_HEAP_ZERO) != 0) {
        memset(object, 0, cache->object_bytes);
    }
    if (object != NULL && (cache->flags & ASHLAR_CACHE_CANARY) != 0) {
        memset((char *)object + cache->object_bytes, CANARY_BYTE, cache->stride - cache->object_bytes);
    }
    return object;
}

void *ashlar_cache_alloc(struct ashlar_cache *cache, unsigned flags)
{
    void *object = NULL;
    struct owner *owner;
    if (__builtin_expect(enter_fast(cache->heap, &owner), 1)) {
        object = pop_free(cache->bin[owner->index].current);
        leave_fast(owner);
    }
    if (__builtin_expect(object == NULL, 0)) {
        object = ashlar_heap_take_slow(cache->heap, cache, cache->object_bytes, flags);
    }
    return ((flags & ASHLAR_HEAP_ZERO) | cache->flags) != 0 ? finish(cache, object, flags) : object;
}

/* The slab of this object, which has to be the cache's. */
static struct run *slab_of(struct ashlar_cache *cache, const void *object, const void *caller)
{
    struct run *slab = ashlar_heap_find(cache->heap, (uintptr_t)object);
    if (__builtin_expect(slab->cache != cache || !is_slab(slab), 0)) {
        slab = ashlar_heap_find_live(cache->heap, object, "cache free", caller);
        ashlar_panic("heap: free of %p to cache %s: it is an object of %s%s, %zu bytes; called from %p", object,
                     cache->name, slab->cache != NULL ? "cache " : "no cache",
                     slab->cache != NULL ? slab->cache->name : "", ashlar_heap_object_bytes(cache->heap, slab), caller);
    }
    return slab;
}

void ashlar_cache_free(struct ashlar_cache *cache, void *object)
{
    if (object != NULL) {
        (void)slab_of(cache, object, ASHLAR_CALLER());
        ashlar_heap_give(cache->heap, object, ASHLAR_CALLER());
    }
}

/* As many as this owner has without growing. */
static size_t take_some(struct ashlar_cache *cache, void **objects, size_t count)
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
    size_t taken = 0;
    while (taken < count) {
        taken += take_some(cache, objects + taken, count - taken);
        if (taken < count) {
            objects[taken] = ashlar_heap_take_slow(cache->heap, cache, cache->object_bytes, flags);
            if (objects[taken] == NULL) {
                break;
            }
            taken++;
        }
    }
    for (size_t i = 0; i < taken && ((flags & ASHLAR_HEAP_ZERO) | cache->flags) != 0; i++) {
        finish(cache, objects[i], flags);
    }
    if (taken == count) {
        return 1;
    }
    ashlar_cache_free_bulk(cache, objects, taken);
    return 0;
}

/* The first of these that belong to this CPU's owner: how many went back. */
static size_t give_some(struct ashlar_cache *cache, void *const *objects, size_t count)
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
    size_t given = 0;
    while (given < count) {
        given += give_some(cache, objects + given, count - given);
        if (given < count) {
            ashlar_cache_free(cache, objects[given++]);
        }
    }
    ashlar_heap_settle(cache->heap);
}

/* --- canaries ------------------------------------------------------------ */

COLD void ashlar_heap_canary_check(const struct run *slab, const void *object, const void *caller)
{
    const struct ashlar_cache *cache = slab->cache;
    if (cache == NULL || (cache->flags & ASHLAR_CACHE_CANARY) == 0) {
        return;
    }
    const unsigned char *bytes = object;
    for (size_t i = cache->object_bytes; i < cache->stride; i++) {
        ASHLAR_CHECK(bytes[i] == CANARY_BYTE,
                     "heap: overrun of object %p of %u bytes, cache %s: byte %zu was written; freed by %p", object,
                     cache->object_bytes, cache->name, i, caller);
    }
}

/* --- destroying, listing ------------------------------------------------- */

COLD static struct run *slab_number(const struct ashlar_heap *heap, uint32_t number)
{
    return run_at(heap, number * (uint32_t)sizeof(struct run));
}

COLD static bool is_of(const struct run *slab, const struct ashlar_cache *cache)
{
    return is_slab(slab) && slab->cache == cache;
}

/* Objects of a slab that are on their way back. */
COLD static size_t count_pending(const struct ashlar_heap *heap, const struct run *slab)
{
    size_t count = 0;
    for (uint32_t i = 0; i < slab->capacity; i++) {
        uintptr_t object = slab->base + (uintptr_t)i * slab->stride;
        count += has_bit(heap->bits, (object - heap->base) >> GRANULE_SHIFT) &&
                 load_relaxed(&object_words(object)[1]) == pending_mark(object);
    }
    return count;
}

COLD static void count_all(const struct ashlar_cache *cache, size_t *live, size_t *pending)
{
    const struct ashlar_heap *heap = cache->heap;
    *live = 0;
    *pending = 0;
    for (uint32_t i = 1; i < heap->runs_begun; i++) {
        const struct run *slab = slab_number(heap, i);
        if (is_of(slab, cache)) {
            size_t on_way = count_pending(heap, slab);
            *pending += on_way;
            *live += slab->capacity - free_in_slab(slab) - on_way;
        }
    }
}

/* Until every owner has been seen idle once: what it was in the middle of is over. */
COLD static void wait_for_owners(const struct ashlar_heap *heap)
{
    for (uint32_t i = 0; i < 2u * heap->max_cpus; i++) {
        while ((__atomic_load_n(&heap->owners[i].state, __ATOMIC_ACQUIRE) & OWNER_BUSY) != 0) {
            ashlar_port_relax();
        }
    }
}

/* Every slab is empty, and its owner does not look at it. */
COLD static void release_all(struct ashlar_cache *cache)
{
    struct ashlar_heap *heap = cache->heap;
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    struct ashlar_cache **link = &heap->caches;
    while (*link != cache) {
        link = &(*link)->next;
    }
    *link = cache->next;
    heap->cache_count--;
    for (uint32_t i = 1; i < heap->runs_begun; i++) {
        struct run *slab = slab_number(heap, i);
        if (is_of(slab, cache)) {
            if (slab->state == RUN_KEPT) {
                ashlar_heap_keep_fewer(&heap->owners[slab->owner], slab);
            }
            ashlar_heap_slab_release_locked(heap, slab);
        }
    }
    cache->run->clean = 0;
    store_relaxed(&cache->run->state, RUN_MOVING);
    ashlar_heap_run_file_locked(heap, cache->run, RUN_EMPTY);
    ashlar_lock_give(&heap->lock, interrupts);
}

COLD ashlar_status ashlar_cache_destroy(struct ashlar_cache *cache)
{
    size_t live;
    size_t pending;
    if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    ashlar_heap_work(cache->heap);
    wait_for_owners(cache->heap);
    count_all(cache, &live, &pending);
    ASHLAR_CHECK(live == 0, "heap: cache %s destroyed with %zu live objects of %u bytes; called from %p", cache->name,
                 live, cache->object_bytes, ASHLAR_CALLER());
    if (pending != 0) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    wait_for_owners(cache->heap);
    struct ashlar_heap *heap = cache->heap;
    release_all(cache);
    ashlar_heap_settle(heap);
    return ASHLAR_OK;
}

COLD static void describe(const struct ashlar_cache *cache, struct ashlar_cache_info *info)
{
    const struct ashlar_heap *heap = cache->heap;
    memset(info, 0, sizeof *info);
    info->name = cache->name;
    info->object_bytes = cache->object_bytes;
    info->stride_bytes = cache->stride;
    for (uint32_t i = 1; i < heap->runs_begun; i++) {
        const struct run *slab = slab_number(heap, i);
        if (is_of(slab, cache)) {
            info->slabs++;
            info->capacity += slab->capacity;
            info->live += slab->capacity - free_in_slab(slab);
            info->slab_bytes += (size_t)slab->units << heap->unit_shift;
        }
    }
}

COLD void ashlar_cache_walk(struct ashlar_heap *heap, ashlar_cache_visitor visit, void *context)
{
    for (struct ashlar_cache *cache = heap->caches; cache != NULL; cache = cache->next) {
        struct ashlar_cache_info info;
        describe(cache, &info);
        if (visit(context, cache, &info) != 0) {
            return;
        }
    }
}
