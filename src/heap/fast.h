/* SPDX-License-Identifier: 0BSD */
/* fast.h - the fast paths: an object of this CPU's owner, without a lock or an atomic. Inline in whoever takes or
 * gives.
 *
 * They stop at whatever is out of the ordinary: another CPU, an owner that is busy or has mail, a slab that is empty or
 * not this owner's, an address that is no live object. Then the slow path looks, and says what is wrong.
 *
 * Cost: pin and unpin, and no other call. What a pair of taking and giving comes to, `make bench` counts.
 */
#ifndef ASHLAR_HEAP_FAST_H
#define ASHLAR_HEAP_FAST_H

#include "base/atomic.h"
#include "base/bits.h"
#include "base/relaxed.h"
#include "heap/freelist.h"
#include "heap/internal.h"
#include "heap/marks.h"
#include "heap/slab.h"
#include "runs/shrink.h"
#include <ashlar/port.h>

/* This CPU's owner if nothing stands in the way of a fast path; the caller is pinned then. */
static inline bool enter_fast(struct ashlar_heap *heap, struct owner **owner)
{
    unsigned cpu = ashlar_port_pin();
    if (__builtin_expect(cpu < load_relaxed(&heap->fast_cpus), 1)) {
        *owner = &heap->owners[cpu];
        if (__builtin_expect(load_relaxed(&(*owner)->state) == 0, 1)) {
            store_relaxed(&(*owner)->state, OWNER_BUSY);
            compiler_barrier();
            return true;
        }
    }
    ashlar_port_unpin();
    return false;
}

static inline void leave_fast(struct owner *owner)
{
    __atomic_store_n(&owner->state, 0, __ATOMIC_RELEASE);
    ashlar_port_unpin();
}

/* NULL: the slow path has to look. */
static inline void *take_fast(struct ashlar_heap *heap, uint32_t class)
{
    struct owner *owner;
    if (!enter_fast(heap, &owner)) {
        return NULL;
    }
    void *object = pop_free(owner->bin[class].current);
    leave_fast(owner);
    return object;
}

/* An address that is no multiple of a granule becomes a number beyond all granules. */
static inline uintptr_t rotated_granule(uintptr_t offset)
{
    return offset >> GRANULE_SHIFT | offset << (WORD_BITS - GRANULE_SHIFT);
}

/* By the owner, which is claimed. */
static inline enum pushed push_own(struct ashlar_heap *heap, struct owner *owner, uintptr_t object, struct run **slab)
{
    uintptr_t granule = rotated_granule(object - heap->runs.base);
    if (__builtin_expect(granule >= load_relaxed(&heap->runs.granules), 0)) {
        return PUSH_REFUSED;
    }
    *slab = run_at(&heap->runs, load_relaxed(&heap->runs.map[granule >> heap->runs.unit_granule_shift]));
    if (__builtin_expect(load_relaxed(&(*slab)->fast) != owner || load_relaxed(&owner->mailbox) != 0, 0)) {
        return PUSH_REFUSED;
    }
    return push_free(heap->runs.bits, *slab, granule, object);
}

/* False: the slow path has to look. */
static inline bool give_fast(struct ashlar_heap *heap, uintptr_t object)
{
    struct owner *owner;
    struct run *slab = NULL;
    if (!enter_fast(heap, &owner)) {
        return false;
    }
    enum pushed pushed = push_own(heap, owner, object, &slab);
    if (__builtin_expect(pushed == PUSH_EMPTIED && slab->state != RUN_KEPT, 0)) {
        bool released = ashlar_heap_emptied(heap, owner, slab);
        leave_fast(owner);
        if (released) {
            ashlar_runs_settle(&heap->runs);
        }
        return true;
    }
    leave_fast(owner);
    return pushed != PUSH_REFUSED;
}

#endif
