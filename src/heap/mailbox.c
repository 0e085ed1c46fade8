/* SPDX-License-Identifier: 0BSD */
/* mailbox.c - what others free comes home.
 *
 * An object freed by anyone else is marked, and goes to its owner's mailbox: a
 * list that is only ever pushed to and taken whole, so that no ABA arises.
 *
 *   mailbox: | newest object | MORE | READ | -> ... -> 0        leftover, passed
 *              ^ pushed to by anyone                            the reader's alone
 *
 * Whoever sets READ reads. The owner does so on every slow path, and takes 32
 * home. Whoever is short of memory does so to look for an object of his size, 32 at
 * a time; what he has passed keeps a chain of its own, so that he comes to an end,
 * and goes back in one piece. A reader is pinned, and waits for nothing but the
 * heap's lock. So a thread may wait for him; anyone else does without.
 *
 * The mailbox's word is nonzero while anything is on its way, or in a reader's
 * hands: then nothing is freed the fast way, so a free of the owner's that came
 * second is found. While some are left over, nothing is taken the fast way, either.
 *
 * Large blocks that an NMI frees, which may take no lock, wait in one such list
 * for whoever works next.
 */
#include "heap/mailbox.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "heap/blocks.h"
#include "heap/find.h"
#include "heap/heap_explain.h"
#include "heap/marks.h"
#include "heap/owner.h"
#include "heap/slab.h"
#include <ashlar/port.h>

/* Marked before the object is looked at again: of two frees, one finds the other's mark or the object gone. */
COLD bool ashlar_heap_push(struct ashlar_heap *heap, uintptr_t *mailbox, uintptr_t object)
{
    uintptr_t mail;
    if (!ashlar_heap_set_mark(heap, object, true)) {
        return false;
    }
    if (!is_allocated(heap, object)) {
        ashlar_heap_set_mark(heap, object, false);
        return false;
    }
    do {
        mail = atomic_load(mailbox);
        set_next_on_way(object, mail & ~(uintptr_t)MAIL_BITS);
    } while (!atomic_cas(mailbox, mail, object | (mail & MAIL_BITS)));
    return true;
}

COLD bool ashlar_heap_has_mail(const struct owner *owner)
{
    return atomic_load(&owner->mailbox) != 0;
}

/* --- reading: by one at a time ------------------------------------------- */

/* Says what it can without formatting twice: drains happen deep down in the stack. */
COLD __attribute__((noinline)) static void broken_mailbox(struct ashlar_heap *heap, struct owner *owner,
                                                          uintptr_t object, bool is_claimed)
{
    struct ashlar_heap_place place;
    unsigned index = owner->index;
    owner->leftover = 0;
    ashlar_heap_stop_reading(owner);
    if (is_claimed) {
        ashlar_heap_unclaim(owner);
    }
    ashlar_heap_look(heap, (void *)object, &place);
    ashlar_panic(
        "heap: double free or write after free: on its way back to owner %u is %p, %zu bytes into an object of "
        "%zu bytes%s%s",
        index, (void *)object, place.offset, place.bytes, place.cache != NULL ? " of cache " : "",
        place.cache != NULL ? place.cache : "");
}

/* The next object, taken out of the mail, and its slab; 0: there is none that the reader has not seen. */
COLD static uintptr_t read_object(struct ashlar_heap *heap, struct owner *owner, bool is_claimed, struct run **slab)
{
    if (owner->leftover == 0) {
        owner->leftover = atomic_exchange(&owner->mailbox, MAIL_READ) & ~(uintptr_t)MAIL_BITS;
    }
    uintptr_t object = owner->leftover;
    if (object != 0) {
        *slab = ashlar_heap_find(heap, object);
        bool pending = is_slab(*slab) && (*slab)->owner == owner->index && (object & (GRANULE_BYTES - 1u)) == 0 &&
                       is_allocated(heap, object) && is_pending(heap, object);
        if (!pending) {
            broken_mailbox(heap, owner, object, is_claimed);
        }
        owner->leftover = next_on_way(object);
    }
    return object;
}

/* What a search has passed comes before the rest again. */
COLD static void return_passed(struct owner *owner)
{
    if (owner->passed != 0) {
        set_next_on_way(owner->passed_last, owner->leftover);
        owner->leftover = owner->passed;
        owner->passed = 0;
    }
}

COLD bool ashlar_heap_drain(struct ashlar_heap *heap, struct owner *owner)
{
    unsigned read = 0;
    struct run *slab;
    uintptr_t object;
    if (load_relaxed(&owner->mailbox) == 0 || !ashlar_heap_start_reading(owner)) {
        return false;
    }
    return_passed(owner);
    while (read < STEPS_MOST && (object = read_object(heap, owner, true, &slab)) != 0) {
        ashlar_heap_give_claimed(heap, owner, slab, object);
        read++;
    }
    ashlar_heap_stop_reading(owner);
    return read != 0;
}

COLD uintptr_t ashlar_heap_search_mail(struct ashlar_heap *heap, struct owner *owner, const struct want *want,
                                       bool *more)
{
    struct run *slab;
    uintptr_t object = 0;
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        object = read_object(heap, owner, false, &slab);
        if (object == 0 || (slab->cache == want->cache && slab->stride == want->stride)) {
            break;
        }
        set_next_on_way(object, owner->passed);
        owner->passed_last = owner->passed != 0 ? owner->passed_last : object;
        owner->passed = object;
        if (i + 1u == STEPS_MOST) {
            *more = true;
            return 0;
        }
    }
    return_passed(owner);
    *more = object != 0;
    return object;
}

/* What lies in the mailbox of this CPU's interrupts would wait for an interrupt that comes at a bad time.
 * True: some of it is left. */
COLD bool ashlar_heap_drain_second(struct ashlar_heap *heap)
{
    unsigned cpu = ashlar_port_pin();
    bool mail = ashlar_heap_has_mail(&heap->owners[cpu + heap->max_cpus]);
    ashlar_port_unpin();
    struct owner *owner = mail ? ashlar_heap_claim_nth(heap, 1) : NULL;
    if (owner != NULL) {
        ashlar_heap_drain(heap, owner);
        mail = ashlar_heap_has_mail(owner);
        ashlar_heap_unclaim(owner);
    }
    return mail;
}

/* Only the lock's holder pops, so the list's head cannot come back behind its back. */
COLD void ashlar_heap_drain_deferred(struct ashlar_heap *heap)
{
    if (load_relaxed(&heap->deferred) == 0 || ashlar_heap_is_nmi()) {
        return;
    }
    uintptr_t object, interrupts = ashlar_lock_take(&heap->runs.lock);
    for (unsigned i = 0; i < STEPS_MOST && (object = atomic_load(&heap->deferred)) != 0; i++) {
        const struct run *block = ashlar_heap_find(heap, object);
        ASHLAR_CHECK(block->state == RUN_LARGE && block->base == object && is_pending(heap, object),
                     "heap: double free or write after free: among large blocks that an NMI freed is %p",
                     (void *)object);
        if (atomic_cas(&heap->deferred, object, next_on_way(object))) {
            ashlar_heap_block_free_locked(heap, object);
        }
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
}
