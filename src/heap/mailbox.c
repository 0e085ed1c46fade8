/* SPDX-License-Identifier: 0BSD */
/* mailbox.c - what others free comes home.
 *
 * An object freed by anyone else goes to its owner's mailbox: a list that is
 * only ever pushed to and taken whole, so that no ABA arises. Its second word
 * says that it is on its way. The owner drains 32 at a time on every slow path;
 * while some are left over, nothing goes the fast way, so a free of its own that
 * came second is found.
 *
 * Large blocks that an NMI frees, which may take no lock, wait in one such list
 * for whoever works next.
 */
#include "heap/mailbox.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "heap/blocks.h"
#include "heap/find.h"
#include "heap/heap_explain.h"
#include "heap/owner.h"
#include "heap/relaxed.h"
#include "heap/run.h"
#include "heap/slab.h"
#include <ashlar/port.h>

COLD void ashlar_heap_push(uintptr_t *mailbox, uintptr_t object)
{
    uintptr_t head;
    uintptr_t *words = object_words(object);
    store_relaxed(&words[1], pending_mark(object));
    do {
        head = atomic_load(mailbox);
        store_relaxed(&words[0], head);
    } while (!atomic_cas(mailbox, head, object));
}

COLD bool ashlar_heap_has_mail(const struct owner *owner)
{
    return (load_relaxed(&owner->mailbox) | load_relaxed(&owner->leftover)) != 0;
}

/* Says what it can without formatting twice: drains happen deep down in the stack. */
COLD __attribute__((noinline)) static void broken_mailbox(struct ashlar_heap *heap, struct owner *owner,
                                                          uintptr_t object)
{
    struct ashlar_heap_place place;
    unsigned index = owner->index;
    owner->leftover = 0;
    ashlar_heap_unclaim(owner);
    ashlar_heap_look(heap, (void *)object, &place);
    ashlar_panic(
        "heap: double free or write after free: on its way back to owner %u is %p, %zu bytes into an object of "
        "%zu bytes%s%s",
        index, (void *)object, place.offset, place.bytes, place.cache != NULL ? " of cache " : "",
        place.cache != NULL ? place.cache : "");
}

/* Is this an object of the owner's that was pushed, and not drained yet? */
COLD static bool is_pending_of(struct ashlar_heap *heap, const struct owner *owner, const struct run *slab,
                               uintptr_t object)
{
    return is_slab(slab) && slab->owner == owner->index && (object & (GRANULE_BYTES - 1u)) == 0 &&
           is_allocated(heap, object) && is_marked_pending(object);
}

COLD void ashlar_heap_drain(struct ashlar_heap *heap, struct owner *owner)
{
    uintptr_t object = owner->leftover;
    if (object == 0) {
        if (load_relaxed(&owner->mailbox) == 0) {
            return;
        }
        object = atomic_exchange(&owner->mailbox, 0);
    }
    for (unsigned i = 0; object != 0 && i < STEPS_MOST; i++) {
        struct run *slab = ashlar_heap_find(heap, object);
        if (!is_pending_of(heap, owner, slab, object)) {
            broken_mailbox(heap, owner, object);
        }
        uintptr_t next = load_relaxed(&object_words(object)[0]);
        store_relaxed(&object_words(object)[1], 0);
        ashlar_heap_give_claimed(heap, owner, slab, object);
        object = next;
    }
    owner->leftover = object;
}

/* What lies in the mailbox of this CPU's interrupts would wait for an interrupt that comes at a bad time.
 * True: some of it is left. */
COLD bool ashlar_heap_drain_second(struct ashlar_heap *heap)
{
    unsigned cpu = ashlar_port_pin();
    bool mail = ashlar_heap_has_mail(&heap->owners[cpu + heap->max_cpus]);
    ashlar_port_unpin();
    struct owner *owner = mail ? ashlar_heap_claim_second(heap) : NULL;
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
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        uintptr_t object = atomic_load(&heap->deferred);
        if (object == 0) {
            break;
        }
        if (atomic_cas(&heap->deferred, object, load_relaxed(&object_words(object)[0]))) {
            store_relaxed(&object_words(object)[1], 0);
            ashlar_heap_block_free_locked(heap, object);
        }
    }
    ashlar_lock_give(&heap->lock, interrupts);
}
