/* SPDX-License-Identifier: 0BSD */
/* give.c - the calls that give objects back, and their slow path.
 *
 * push -> this owner's after a drain, or into the owner's mailbox; a large block to
 * the runs -> what the heap has too much of to the source, after unclaim
 *
 * A size is exact: objects move when their class changes, so that a sized free
 * can be checked. Only where memory was short, or in a range of up to 64 KiB, may
 * an object be of a class up to four times larger, or larger than it has been made.
 * It is marked as lent, and goes the slow way home, where the mark is taken off:
 * so sized frees accept that of this object alone.
 *
 * Cost: O(1) but for giving back.
 */
#include "heap/give.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "heap/blocks.h"
#include "heap/canary.h"
#include "heap/fast.h"
#include "heap/find.h"
#include "heap/heap_explain.h"
#include "heap/mailbox.h"
#include "heap/marks.h"
#include "heap/owner.h"
#include "heap/size.h"
#include "heap/slab.h"
#include "runs/shrink.h"

COLD static void give_object(struct ashlar_heap *heap, struct run *slab, uintptr_t object, const void *caller)
{
    struct owner *owner = ashlar_heap_claim(heap);
    bool given = false;
    if (owner != NULL && owner->index == slab->owner) {
        ashlar_heap_drain(heap, owner);
        given = is_allocated(heap, object) && !is_pending(heap, object); /* else it was in the mailbox */
        if (given) {
            ashlar_heap_give_claimed(heap, owner, slab, object);
        }
        ashlar_heap_unclaim(owner);
    } else {
        if (owner != NULL) {
            ashlar_heap_unclaim(owner);
        }
        given = ashlar_heap_push(heap, &heap->owners[slab->owner].mailbox, object);
    }
    if (!given) {
        ashlar_heap_bad_pointer(heap, (void *)object, "free", caller);
    }
}

COLD static void give_block(struct ashlar_heap *heap, uintptr_t object, const void *caller)
{
    bool given;
    if (ashlar_heap_is_nmi()) {
        given = ashlar_heap_push(heap, &heap->deferred, object);
    } else {
        uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
        given = ashlar_heap_block_free_locked(heap, object);
        ashlar_lock_give(&heap->runs.lock, interrupts);
    }
    if (!given) {
        ashlar_heap_bad_pointer(heap, (void *)object, "free", caller);
    }
}

COLD void ashlar_heap_give_slow(struct ashlar_heap *heap, void *object, const void *caller)
{
    ashlar_heap_require_ready(heap, caller);
    struct run *run = ashlar_heap_find_live(heap, object, "free", caller);
    if (is_slab(run)) {
        ashlar_heap_canary_check(run, object, caller);
        give_object(heap, run, (uintptr_t)object, caller);
        ashlar_heap_drain_second(heap);
    } else {
        give_block(heap, (uintptr_t)object, caller);
    }
    ashlar_heap_drain_deferred(heap);
    ashlar_runs_settle(&heap->runs);
}

void ashlar_heap_give(struct ashlar_heap *heap, void *object, const void *caller)
{
    if (__builtin_expect(!give_fast(heap, (uintptr_t)object), 0) && object != NULL) {
        ashlar_heap_give_slow(heap, object, caller);
    }
}

void ashlar_heap_free(struct ashlar_heap *heap, void *object)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    ashlar_heap_give(heap, object, ASHLAR_CALLER());
}

/* Can an object of this run have been asked for with so many bytes, at some alignment? */
COLD static bool size_suits(const struct ashlar_heap *heap, const struct run *run, uintptr_t object, size_t bytes)
{
    size_t have = ashlar_heap_object_bytes(heap, run);
    bytes = bytes != 0 ? bytes : 1u;
    if (bytes > have || run->cache != NULL || (have > GRANULE_BYTES && is_lent(heap, object))) {
        return bytes <= have;
    }
    if (!is_slab(run)) {
        return (have - bytes) >> heap->runs.unit_shift == 0;
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
    const struct run *run = ashlar_heap_find_live(heap, object, "sized free", caller);
    ASHLAR_CHECK(size_suits(heap, run, (uintptr_t)object, bytes),
                 "heap: sized free of %p with %zu bytes: the object has %zu; called from %p", object, bytes,
                 ashlar_heap_object_bytes(heap, run), caller);
    ashlar_heap_give(heap, object, caller);
}

COLD void ashlar_heap_free_sized(struct ashlar_heap *heap, void *object, size_t bytes)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    ashlar_heap_give_sized(heap, object, bytes, ASHLAR_CALLER());
}
