/* SPDX-License-Identifier: 0BSD */
/* owner.c - who may allocate from slabs without a lock.
 *
 * Each CPU has two owners: one for threads (and for interrupts that find it
 * idle), one for interrupts that came while the first was busy. An owner is
 * claimed by its busy bit, which only its own CPU writes: no atomic is needed,
 * since an interrupt finishes before what it interrupted goes on, and no thread
 * runs beside one that is pinned: a thread that finds an owner busy has a bad port.
 * Owners of a CPU that is offline are claimed by another one, with an atomic.
 *
 * One at a time reads an owner's mailbox, and lets go of a cache's slabs that the
 * owner keeps: the owner itself, or a CPU that looks for something (mailbox.c).
 * While part of a drained mailbox is left, unclaim leaves the owner's attention
 * bit set: nothing goes the fast way then.
 */
#include "heap/owner.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/relaxed.h"
#include "base/wait.h"
#include <ashlar/port.h>

COLD void ashlar_heap_require_ready(const struct ashlar_heap *heap, const void *caller)
{
    ASHLAR_CHECK(heap != NULL && heap->owners != NULL, "heap: used before init, by %p", caller);
}

COLD bool ashlar_heap_is_nmi(void)
{
    return ashlar_context_kind() == ASHLAR_CONTEXT_NMI;
}

static bool try_busy(struct owner *owner)
{
    uint32_t state = load_relaxed(&owner->state);
    if ((state & OWNER_BUSY) != 0) {
        return false;
    }
    store_relaxed(&owner->state, state | OWNER_BUSY);
    store_relaxed(&owner->claims, owner->claims + 1u);
    compiler_barrier();
    return true;
}

COLD static void require_no_thread(const struct owner *owner)
{
    ASHLAR_CHECK((ashlar_port_context() & ~ASHLAR_CONTEXT_NO_SLEEP) != ASHLAR_CONTEXT_THREAD,
                 "heap: ashlar_port_pin lets another thread run on its CPU: owner %u is in use", owner->index);
}

struct owner *ashlar_heap_claim(struct ashlar_heap *heap)
{
    unsigned cpu = ashlar_port_pin();
    ASHLAR_CHECK(cpu < heap->max_cpus, "heap: CPU %u uses a heap made for %u CPUs", cpu, heap->max_cpus);
    for (unsigned i = cpu; i < 2u * heap->max_cpus; i += heap->max_cpus) {
        if (try_busy(&heap->owners[i])) {
            return &heap->owners[i];
        }
        require_no_thread(&heap->owners[i]);
    }
    ashlar_port_unpin();
    return NULL;
}

COLD struct owner *ashlar_heap_claim_nth(struct ashlar_heap *heap, unsigned nth)
{
    unsigned cpu = ashlar_port_pin();
    struct owner *owner = &heap->owners[cpu + nth * heap->max_cpus];
    if (!try_busy(owner)) {
        require_no_thread(owner);
        ashlar_port_unpin();
        return NULL;
    }
    return owner;
}

COLD void ashlar_heap_claim_absent(struct owner *owner)
{
    ashlar_port_pin();
    while (!atomic_cas_u32(&owner->state, load_relaxed(&owner->state) & ~OWNER_BUSY, OWNER_BUSY)) {
        ashlar_port_relax();
    }
}

void ashlar_heap_unclaim(struct owner *owner)
{
    __atomic_store_n(&owner->state, (load_relaxed(&owner->mailbox) & MAIL_MORE) != 0 ? OWNER_ATTENTION : 0u,
                     __ATOMIC_RELEASE);
    ashlar_port_unpin();
}

/* --- who reads its mail -------------------------------------------------- */

COLD bool ashlar_heap_start_reading(struct owner *owner)
{
    for (;;) {
        uintptr_t mail = atomic_load(&owner->mailbox);
        if ((mail & MAIL_READ) != 0) {
            return false;
        }
        bool more = (mail & MAIL_MORE) != 0;
        if (atomic_cas(&owner->mailbox, mail, more ? mail | MAIL_READ : MAIL_READ)) {
            if (!more) {
                owner->leftover = mail;
            }
            return true;
        }
    }
}

COLD void ashlar_heap_stop_reading(struct owner *owner)
{
    uintptr_t more = (owner->leftover | owner->passed) != 0 ? MAIL_MORE : 0;
    uintptr_t mail;
    do {
        mail = atomic_load(&owner->mailbox);
    } while (!atomic_cas(&owner->mailbox, mail, (mail & ~(uintptr_t)MAIL_BITS) | more));
}
