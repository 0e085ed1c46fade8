/* SPDX-License-Identifier: 0BSD */
/* take.c - the calls that take objects of any size, and their slow path.
 *
 * pop -> drain, other slabs, a slab from empty runs -> all of the mail -> grow ->
 * kept slabs and reclaimers -> an object of a larger class -> one out of others'
 * mail -> what others give when asked -> NULL
 *
 * An owner is claimed only while nothing can be waited for: growth comes after
 * unclaim, and whoever grew looks again, perhaps on another CPU.
 *
 * Cost: O(1) but for growth, and one look at each class when memory is short.
 */
#include "heap/take.h"

#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/mem.h"
#include "base/relaxed.h"
#include "heap/fast.h"
#include "heap/find.h"
#include "heap/heap_large.h"
#include "heap/inject.h"
#include "heap/mailbox.h"
#include "heap/others.h"
#include "heap/owner.h"
#include "heap/room.h"
#include "heap/size.h"
#include "heap/slab.h"
#include <ashlar/port.h>

/* In a range of up to 64 KiB a slab for each of many sizes would use it up: there what a larger class has free goes
 * before a new slab. A mix of sizes fills 61% of 64 KiB so, instead of 56%, and never less than half. */
#define THRIFTY_TIMES 2u
#define BORROW_TIMES 4u

/* From a slab of a larger class, of at most so many bytes and aligned as well. */
COLD static void *borrow_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want,
                                 uint32_t most_bytes)
{
    void *object = NULL;
    for (uint32_t class = want->class + 1u; class < CLASS_COUNT && object == NULL; class ++) {
        uint32_t bytes = ashlar_heap_class_bytes(class);
        if (bytes > most_bytes) {
            break;
        }
        if (natural_align(bytes) >= want->align) {
            object = ashlar_heap_refill(heap, owner, &owner->bin[class]);
        }
    }
    if (object != NULL) {
        ashlar_heap_lend(heap, ashlar_heap_find(heap, (uintptr_t)object), (uintptr_t)object);
    }
    return object;
}

COLD static void *take_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want)
{
    struct bin *bin = bin_for(owner, want->cache, want->class);
    ashlar_heap_drain(heap, owner);
    void *object = ashlar_heap_refill(heap, owner, bin);
    if (object == NULL && want->cache == NULL && heap->runs.unit_shift == UNIT_SHIFT_LEAST) {
        object = borrow_claimed(heap, owner, want, want->stride * THRIFTY_TIMES);
    }
    if (object == NULL && ashlar_heap_add_slab(heap, owner, want)) {
        object = ashlar_heap_refill(heap, owner, bin);
    }
    return object;
}

COLD static void *take_once(struct ashlar_heap *heap, const struct want *want)
{
    void *object = NULL;
    struct owner *owner = ashlar_heap_claim(heap);
    if (owner != NULL) {
        object = take_claimed(heap, owner, want);
        ashlar_heap_unclaim(owner);
    }
    return object;
}

/* Memory is short: from a slab that this CPU has of a larger class, or on its way to another CPU. */
COLD static void *take_elsewhere(struct ashlar_heap *heap, const struct want *want)
{
    void *object = NULL;
    struct owner *owner = want->cache == NULL ? ashlar_heap_claim(heap) : NULL;
    if (owner != NULL) {
        object = borrow_claimed(heap, owner, want, want->stride * BORROW_TIMES);
        ashlar_heap_unclaim(owner);
    }
    return object != NULL ? object : ashlar_heap_take_mail(heap, want);
}

COLD static void count_failure(struct ashlar_heap *heap)
{
    count_up(&heap->failures);
    if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD) {
        store_relaxed(&heap->starved, 1u);
        ashlar_tell_context(&heap->told, "heap: memory refused");
    }
}

COLD void *ashlar_heap_take_slow(struct ashlar_heap *heap, struct ashlar_cache *cache, size_t bytes, unsigned flags)
{
    unsigned turns = 0;
    uint32_t next_cpu = 0;
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (cache == NULL && bytes > SMALL_MOST_BYTES) {
        return ashlar_heap_take_large(heap, bytes, GRANULE_BYTES, flags);
    }
    struct want want = ashlar_heap_want(cache, bytes != 0 ? bytes : 1u);
    uint32_t units = units_for(heap, want.stride);
    if (ashlar_heap_fail_now(heap)) {
        return NULL;
    }
    void *object;
    do {
        do {
            object = take_once(heap, &want);
        } while (object == NULL && ashlar_heap_make_room(heap, bytes, units, want.align, flags, &turns));
        object = object != NULL ? object : take_elsewhere(heap, &want);
    } while (object == NULL && ashlar_heap_ask_next(heap, flags, &next_cpu));
    if (object != NULL) {
        ashlar_heap_drain_second(heap);
    } else {
        count_failure(heap);
    }
    return object;
}

void *ashlar_heap_alloc(struct ashlar_heap *heap, size_t bytes, unsigned flags)
{
    CONTEXTS(yes, yes, less, less, less);
    void *object = NULL;
    if (__builtin_expect(bytes - 1u < SMALL_MOST_BYTES, 1)) {
        object = take_fast(heap, size_class_of(bytes));
    }
    if (object == NULL) {
        object = ashlar_heap_take_slow(heap, NULL, bytes, flags);
    }
    if ((flags & ASHLAR_HEAP_ZERO) != 0 && object != NULL && bytes <= SMALL_MOST_BYTES) {
        memset(object, 0, ashlar_heap_find(heap, (uintptr_t)object)->stride);
    }
    return object;
}

COLD void *ashlar_heap_calloc(struct ashlar_heap *heap, size_t count, size_t bytes, unsigned flags)
{
    CONTEXTS(yes, yes, less, less, less);
    size_t all;
    return __builtin_mul_overflow(count, bytes, &all) ? NULL : ashlar_heap_alloc(heap, all, flags | ASHLAR_HEAP_ZERO);
}

COLD void *ashlar_heap_alloc_aligned(struct ashlar_heap *heap, size_t align_bytes, size_t bytes, unsigned flags)
{
    CONTEXTS(yes, yes, less, less, less);
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (!is_power_of_two(align_bytes) || align_bytes > heap->runs.range_bytes || bytes > heap->runs.range_bytes) {
        return NULL;
    }
    size_t rounded = (size_t)round_up(bytes != 0 ? bytes : 1u, align_bytes);
    if (rounded <= SMALL_MOST_BYTES && align_bytes <= ALIGN_MOST_BYTES) {
        return ashlar_heap_alloc(heap, rounded, flags); /* a class is aligned as well as any multiple in it */
    }
    return ashlar_heap_take_large(heap, bytes, align_bytes, flags);
}
