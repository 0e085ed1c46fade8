/* SPDX-License-Identifier: 0BSD */
/* take.c - the calls that take and give objects of any size, and their slow paths.
 *
 * take:  pop -> drain, other slabs, a slab from empty runs -> grow -> kept slabs
 *        and reclaimers -> an object of a larger class -> NULL
 * give:  push -> this owner's after a drain, or into the owner's mailbox; a
 *        large block to the runs -> what the heap has too much of to the source
 *
 * An owner is claimed only while nothing can be waited for: growth and giving
 * back come after unclaim, and whoever grew looks again, perhaps on another CPU.
 *
 * A size is exact: objects move when their class changes, so that a sized free
 * can be checked. Only where memory was short (`borrows`), or in a range of up to
 * 64 KiB, may an object be of a class up to four times larger; from then on sized
 * frees accept that.
 *
 * Cost: the fast paths are in internal.h. Slow: O(1) but for growth, and one
 * look at each class when memory is short.
 */
#include "heap/internal.h"

#include "base/mem.h"

#define BORROW_TIMES 4u

COLD void ashlar_heap_require_ready(const struct ashlar_heap *heap, const void *caller)
{
    ASHLAR_CHECK(heap != NULL && heap->owners != NULL, "heap: used before init, by %p", caller);
}

COLD bool ashlar_heap_fail_now(struct ashlar_heap *heap)
{
    if (__builtin_expect(load_relaxed(&heap->fail_in) == 0, 1)) {
        return false;
    }
    if (atomic_fetch_add((uintptr_t *)&heap->fail_in, ~(uintptr_t)0) != 1u) {
        return false;
    }
    store_relaxed(&heap->fast_cpus, heap->max_cpus);
    return true;
}

COLD void ashlar_heap_fail_nth(struct ashlar_heap *heap, size_t nth)
{
    store_relaxed(&heap->fast_cpus, nth != 0 ? 0 : heap->max_cpus);
    store_relaxed(&heap->fail_in, nth);
}

/* --- work left by others ------------------------------------------------- */

/* This CPU's owner for interrupts, unless it is busy. Pinned until unclaim. */
COLD static struct owner *claim_second(struct ashlar_heap *heap)
{
    unsigned cpu = ashlar_port_pin();
    struct owner *owner = &heap->owners[cpu + heap->max_cpus];
    if ((load_relaxed(&owner->state) & OWNER_BUSY) != 0) {
        ashlar_port_unpin();
        return NULL;
    }
    store_relaxed(&owner->state, load_relaxed(&owner->state) | OWNER_BUSY);
    compiler_barrier();
    return owner;
}

COLD static bool has_mail(const struct owner *owner)
{
    return (load_relaxed(&owner->mailbox) | load_relaxed(&owner->leftover)) != 0;
}

/* What lies in the mailbox of this CPU's interrupts would wait for an interrupt that comes at a bad time.
 * True: some of it is left. */
COLD static bool drain_second(struct ashlar_heap *heap)
{
    unsigned cpu = ashlar_port_pin();
    bool mail = has_mail(&heap->owners[cpu + heap->max_cpus]);
    ashlar_port_unpin();
    struct owner *owner = mail ? claim_second(heap) : NULL;
    if (owner != NULL) {
        ashlar_heap_drain(heap, owner);
        mail = has_mail(owner);
        ashlar_heap_unclaim(owner);
    }
    return mail;
}

/* After something went back: not more than the watermark and a quarter. Nothing is held. */
COLD void ashlar_heap_settle(struct ashlar_heap *heap)
{
    if (load_relaxed(&heap->empty_units) > heap->keep_units + heap->keep_units / 4u) {
        ashlar_heap_purge(heap, heap->keep_units);
    }
}

/* Slabs that this CPU keeps empty go to the runs. */
COLD static void release_own(struct ashlar_heap *heap)
{
    struct owner *owner = ashlar_heap_claim(heap);
    if (owner != NULL) {
        ashlar_heap_drain(heap, owner);
        ashlar_heap_release_kept(heap, owner);
        ashlar_heap_unclaim(owner);
    }
    owner = claim_second(heap);
    if (owner != NULL) {
        ashlar_heap_drain(heap, owner);
        ashlar_heap_release_kept(heap, owner);
        ashlar_heap_unclaim(owner);
    }
}

COLD bool ashlar_heap_make_room(struct ashlar_heap *heap, size_t bytes, uint32_t units, uint32_t align_bytes,
                                unsigned flags, bool *desperate)
{
    bool may_grow = ashlar_heap_may_grow(heap, flags);
    if (may_grow && ashlar_heap_grow(heap, units, align_bytes)) {
        return true;
    }
    if (*desperate || ashlar_heap_is_nmi()) {
        return false;
    }
    *desperate = true;
    size_t before = load_relaxed(&heap->empty_units);
    release_own(heap);
    ashlar_heap_drain_deferred(heap);
    bool reclaimed = ashlar_port_context() == ASHLAR_CONTEXT_THREAD && (flags & ASHLAR_HEAP_NO_GROW) == 0 &&
                     ashlar_heap_reclaim(heap, bytes);
    return reclaimed || load_relaxed(&heap->empty_units) != before;
}

COLD int ashlar_heap_work(struct ashlar_heap *heap)
{
    struct owner *owner = ashlar_heap_claim(heap);
    bool more = false;
    if (owner != NULL) {
        ashlar_heap_drain(heap, owner);
        more = has_mail(owner);
        ashlar_heap_unclaim(owner);
    }
    more |= drain_second(heap);
    ashlar_heap_drain_deferred(heap);
    if (load_relaxed(&heap->starved) != 0 && ashlar_heap_may_grow(heap, 0)) {
        store_relaxed(&heap->starved, 0);
        ashlar_heap_grow(heap, (uint32_t)heap->grow_units, GRANULE_BYTES);
    }
    ashlar_heap_settle(heap);
    return more || load_relaxed(&heap->deferred) != 0;
}

COLD size_t ashlar_heap_shrink(struct ashlar_heap *heap, size_t target_bytes)
{
    size_t given = 0;
    size_t more;
    if (!ashlar_heap_may_grow(heap, 0)) {
        return 0;
    }
    release_own(heap);
    ashlar_heap_drain_deferred(heap);
    do {
        more = ashlar_heap_purge(heap, target_bytes >> heap->unit_shift);
        given += more;
    } while (more != 0);
    return given << heap->unit_shift;
}

/* Its CPU does not use it, but another one may be draining it as well. Pinned until unclaim. */
COLD static void claim_absent(struct owner *owner)
{
    ashlar_port_pin();
    while (!atomic_cas_u32(&owner->state, load_relaxed(&owner->state) & ~OWNER_BUSY, OWNER_BUSY)) {
        ashlar_port_relax();
    }
}

COLD void ashlar_heap_drain_cpu(struct ashlar_heap *heap, unsigned cpu)
{
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    ASHLAR_CHECK(cpu < heap->max_cpus && cpu != ashlar_port_cpu(),
                 "heap: drain of CPU %u, which runs, or is none of %u; called from %p", cpu, heap->max_cpus,
                 ASHLAR_CALLER());
    for (unsigned i = cpu; i < 2u * heap->max_cpus; i += heap->max_cpus) {
        struct owner *owner = &heap->owners[i];
        claim_absent(owner);
        while (has_mail(owner)) {
            ashlar_heap_drain(heap, owner);
        }
        ashlar_heap_release_kept(heap, owner);
        ashlar_heap_unclaim(owner);
    }
    ashlar_heap_drain_deferred(heap);
    ashlar_heap_settle(heap);
}

COLD ashlar_status ashlar_heap_on_shortage(struct ashlar_heap *heap, ashlar_heap_reclaimer reclaim, void *context)
{
    ashlar_status status = ASHLAR_NO_STORAGE;
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    uint32_t count = heap->reclaimer_count;
    if (count < RECLAIMERS) {
        heap->reclaimer[count].call = reclaim;
        heap->reclaimer[count].context = context;
        atomic_store_u32(&heap->reclaimer_count, count + 1u);
        status = ASHLAR_OK;
    }
    ashlar_lock_give(&heap->lock, interrupts);
    return status;
}

/* --- taking -------------------------------------------------------------- */

COLD static void *take_once(struct ashlar_heap *heap, const struct want *want)
{
    void *object = NULL;
    struct owner *owner = ashlar_heap_claim(heap);
    if (owner != NULL) {
        object = ashlar_heap_take_claimed(heap, owner, want);
        ashlar_heap_unclaim(owner);
    }
    return object;
}

/* Memory is short: from a slab that this CPU has of a larger class. */
COLD static void *borrow(struct ashlar_heap *heap, const struct want *want)
{
    void *object = NULL;
    struct owner *owner = ashlar_heap_claim(heap);
    if (owner != NULL) {
        object = ashlar_heap_borrow_claimed(heap, owner, want, want->stride * BORROW_TIMES);
        ashlar_heap_unclaim(owner);
    }
    return object;
}

COLD static void note_failure(struct ashlar_heap *heap)
{
    count_up(&heap->failures);
    if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD) {
        store_relaxed(&heap->starved, 1u);
    }
}

COLD void *ashlar_heap_take_slow(struct ashlar_heap *heap, struct ashlar_cache *cache, size_t bytes, unsigned flags)
{
    bool desperate = false;
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (cache == NULL && bytes > SMALL_MOST_BYTES) {
        return ashlar_heap_large(heap, bytes, GRANULE_BYTES, flags);
    }
    struct want want = want_of(cache, bytes != 0 ? bytes : 1u);
    uint32_t units = (want.stride + (1u << heap->unit_shift) - 1u) >> heap->unit_shift;
    if (ashlar_heap_fail_now(heap)) {
        return NULL;
    }
    void *object;
    do {
        object = take_once(heap, &want);
    } while (object == NULL && ashlar_heap_make_room(heap, bytes, units, want.align, flags, &desperate));
    if (object == NULL && cache == NULL) {
        object = borrow(heap, &want);
    }
    if (object != NULL) {
        drain_second(heap);
    } else {
        note_failure(heap);
    }
    return object;
}

static void *take_flagged(struct ashlar_heap *heap, size_t bytes, unsigned flags)
{
    void *object = NULL;
    if (__builtin_expect(bytes - 1u < SMALL_MOST_BYTES, 1)) {
        object = take_class(heap, class_of(bytes));
    }
    if (object == NULL) {
        object = ashlar_heap_take_slow(heap, NULL, bytes, flags);
    }
    if ((flags & ASHLAR_HEAP_ZERO) != 0 && object != NULL && bytes <= SMALL_MOST_BYTES) {
        memset(object, 0, ashlar_heap_find(heap, (uintptr_t)object)->stride);
    }
    return object;
}

void *ashlar_heap_alloc(struct ashlar_heap *heap, size_t bytes, unsigned flags)
{
    return take_flagged(heap, bytes, flags);
}

COLD void *ashlar_heap_alloc_aligned(struct ashlar_heap *heap, size_t align_bytes, size_t bytes, unsigned flags)
{
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (!is_power_of_two(align_bytes) || align_bytes > heap->range_bytes || bytes > heap->range_bytes) {
        return NULL;
    }
    size_t rounded = (size_t)round_up(bytes != 0 ? bytes : 1u, align_bytes);
    if (rounded <= SMALL_MOST_BYTES && align_bytes <= ALIGN_MOST_BYTES) {
        return take_flagged(heap, rounded, flags); /* a class is aligned as well as any multiple in it */
    }
    return ashlar_heap_large(heap, bytes, align_bytes, flags);
}

/* --- giving -------------------------------------------------------------- */

COLD static void give_object(struct ashlar_heap *heap, struct run *slab, uintptr_t object, const void *caller)
{
    struct owner *owner = ashlar_heap_claim(heap);
    if (owner == NULL || owner->index != slab->owner) {
        if (owner != NULL) {
            ashlar_heap_unclaim(owner);
        }
        ashlar_heap_push(&heap->owners[slab->owner].mailbox, object);
        return;
    }
    ashlar_heap_drain(heap, owner);
    if (has_bit(heap->bits, (object - heap->base) >> GRANULE_SHIFT)) {
        ashlar_heap_give_claimed(heap, owner, slab, object);
        ashlar_heap_unclaim(owner);
        return;
    }
    ashlar_heap_unclaim(owner); /* it was in the mailbox */
    ashlar_heap_bad_pointer(heap, (void *)object, "free", caller);
}

COLD static void give_large(struct ashlar_heap *heap, uintptr_t object, const void *caller)
{
    if (ashlar_heap_is_nmi()) {
        ashlar_heap_push(&heap->deferred, object);
        return;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    bool given = ashlar_heap_large_free_locked(heap, object);
    ashlar_lock_give(&heap->lock, interrupts);
    if (!given) {
        ashlar_heap_bad_pointer(heap, (void *)object, "free", caller);
    }
}

COLD void ashlar_heap_give_slow(struct ashlar_heap *heap, void *object, const void *caller)
{
    ashlar_heap_require_ready(heap, caller);
    struct run *slab = ashlar_heap_find_live(heap, object, "free", caller);
    if (is_slab(slab)) {
        ashlar_heap_canary_check(slab, object, caller);
        give_object(heap, slab, (uintptr_t)object, caller);
        drain_second(heap);
    } else {
        give_large(heap, (uintptr_t)object, caller);
    }
    ashlar_heap_drain_deferred(heap);
    ashlar_heap_settle(heap);
}

void ashlar_heap_give(struct ashlar_heap *heap, void *object, const void *caller)
{
    if (__builtin_expect(!give_fast(heap, (uintptr_t)object), 0) && object != NULL) {
        ashlar_heap_give_slow(heap, object, caller);
    }
}

void ashlar_heap_free(struct ashlar_heap *heap, void *object)
{
    ashlar_heap_give(heap, object, ASHLAR_CALLER());
}

/* Can an object of this run have been asked for with so many bytes, at some alignment? */
COLD static bool size_suits(const struct ashlar_heap *heap, const struct run *slab, size_t bytes)
{
    size_t have = ashlar_heap_object_bytes(heap, slab);
    bytes = bytes != 0 ? bytes : 1u;
    if (bytes > have || load_relaxed(&heap->borrows) != 0 || slab->cache != NULL) {
        return bytes <= have;
    }
    if (!is_slab(slab)) {
        return (have - bytes) >> heap->unit_shift == 0;
    }
    for (size_t align = GRANULE_BYTES; align <= ALIGN_MOST_BYTES; align *= 2u) {
        if (ashlar_heap_size_roundup(heap, (size_t)round_up(bytes, align)) == have) {
            return true;
        }
    }
    return false;
}

COLD void ashlar_heap_give_sized(struct ashlar_heap *heap, void *object, size_t bytes, const void *caller)
{
    ashlar_heap_require_ready(heap, caller);
    if (object == NULL) {
        return;
    }
    const struct run *slab = ashlar_heap_find_live(heap, object, "sized free", caller);
    ASHLAR_CHECK(size_suits(heap, slab, bytes),
                 "heap: sized free of %p with %zu bytes: the object has %zu; called from %p", object, bytes,
                 ashlar_heap_object_bytes(heap, slab), caller);
    ashlar_heap_give(heap, object, caller);
}

COLD void ashlar_heap_free_sized(struct ashlar_heap *heap, void *object, size_t bytes)
{
    ashlar_heap_give_sized(heap, object, bytes, ASHLAR_CALLER());
}

/* --- sizes --------------------------------------------------------------- */

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
    return ashlar_heap_usable(heap, object, ASHLAR_CALLER());
}

COLD size_t ashlar_heap_size_roundup(const struct ashlar_heap *heap, size_t bytes)
{
    if (bytes <= SMALL_MOST_BYTES) {
        return ashlar_heap_class_bytes(class_of(bytes != 0 ? bytes : 1u));
    }
    if (bytes > PTRDIFF_MAX) {
        return 0;
    }
    return (size_t)round_up(bytes, (uintptr_t)1 << heap->unit_shift);
}

/* --- realloc ------------------------------------------------------------- */

/* True if the object has become `bytes` large where it is, or was already. */
COLD static bool resize_in_place(struct ashlar_heap *heap, struct run *slab, size_t bytes)
{
    size_t rounded = ashlar_heap_size_roundup(heap, bytes);
    if (rounded == ashlar_heap_object_bytes(heap, slab)) {
        return true;
    }
    return bytes > SMALL_MOST_BYTES && rounded != 0 && rounded <= heap->range_bytes && slab->state == RUN_LARGE &&
           ashlar_heap_large_resize(heap, slab, (uint32_t)(rounded >> heap->unit_shift));
}

COLD static void *move_object(struct ashlar_heap *heap, void *object, size_t have, size_t bytes, unsigned flags)
{
    void *moved = take_flagged(heap, bytes, flags & ~ASHLAR_HEAP_ZERO);
    if (moved != NULL) {
        memcpy(moved, object, have < bytes ? have : bytes);
        ashlar_heap_free(heap, object);
        return moved;
    }
    if (bytes > have) {
        return NULL;
    }
    count_up(&heap->borrows); /* it stays larger than its size says */
    return object;
}

/* A large block that grows may take its pages along, unless it is large only by its alignment and will be of a class.
 * NULL: nothing changed. */
COLD static void *move_pages(struct ashlar_heap *heap, struct run *slab, size_t have, size_t bytes)
{
    if (slab->state != RUN_LARGE || bytes <= have || bytes <= SMALL_MOST_BYTES || bytes > heap->range_bytes) {
        return NULL;
    }
    return ashlar_heap_move_large(heap, slab, (uint32_t)(ashlar_heap_size_roundup(heap, bytes) >> heap->unit_shift));
}

COLD void *ashlar_heap_resize(struct ashlar_heap *heap, void *object, size_t bytes, unsigned flags, const void *caller)
{
    ashlar_heap_require_ready(heap, caller);
    if (object == NULL) {
        return take_flagged(heap, bytes, flags);
    }
    bytes = bytes != 0 ? bytes : 1u;
    struct run *slab = ashlar_heap_find_live(heap, object, "realloc", caller);
    ASHLAR_CHECK(slab->cache == NULL, "heap: realloc of %p, an object of cache %s; called from %p", object,
                 slab->cache->name, caller);
    size_t have = ashlar_heap_object_bytes(heap, slab);
    void *moved = object;
    if (!resize_in_place(heap, slab, bytes)) {
        moved = (flags & ASHLAR_HEAP_NO_GROW) == 0 ? move_pages(heap, slab, have, bytes) : NULL;
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
    return ashlar_heap_resize(heap, object, bytes, flags, ASHLAR_CALLER());
}

/* --- prefill ------------------------------------------------------------- */

COLD static size_t free_in_bin(const struct ashlar_heap *heap, const struct bin *bin)
{
    size_t count = 0;
    const struct run *slab = bin->current;
    while (slab != &ashlar_heap_nobody) {
        count += free_in_slab(slab);
        slab = slab->next != 0 ? run_at(heap, slab->next) : &ashlar_heap_nobody;
    }
    return count;
}

/* Give this owner, which is claimed, slabs until it has so many free objects. */
COLD static bool fill(struct ashlar_heap *heap, struct owner *owner, const struct want *want, size_t count)
{
    while (free_in_bin(heap, &owner->bin[want->class]) < count) {
        if (!ashlar_heap_add_slab(heap, owner, want)) {
            return false;
        }
    }
    return true;
}

COLD static bool fill_both(struct ashlar_heap *heap, const struct want *want, size_t count)
{
    struct owner *owner = ashlar_heap_claim(heap);
    bool filled = owner != NULL && fill(heap, owner, want, count);
    if (owner != NULL) {
        ashlar_heap_unclaim(owner);
    }
    owner = filled ? claim_second(heap) : NULL;
    filled = owner != NULL && fill(heap, owner, want, count);
    if (owner != NULL) {
        ashlar_heap_unclaim(owner);
    }
    return filled;
}

COLD ashlar_status ashlar_heap_prefill(struct ashlar_heap *heap, size_t bytes, size_t count)
{
    bool desperate = false;
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (bytes > SMALL_MOST_BYTES) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    struct want want = want_of(NULL, bytes != 0 ? bytes : 1u);
    uint32_t units = (want.stride + (1u << heap->unit_shift) - 1u) >> heap->unit_shift;
    while (!fill_both(heap, &want, count)) {
        if (ashlar_heap_fail_now(heap) || !ashlar_heap_make_room(heap, bytes, units, want.align, 0, &desperate)) {
            return ASHLAR_NO_FRAMES;
        }
    }
    return ASHLAR_OK;
}
