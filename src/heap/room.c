/* SPDX-License-Identifier: 0BSD */
/* room.c - what is done when there is no memory: this CPU's mail, growth, what this CPU keeps, reclaimers.
 *
 * Nobody is claimed here, and nothing held: growth waits, and reclaimers use the
 * heap. Kept slabs are asked once for each allocation; reclaimers again as long as
 * they free something, for another thread may be the one that gets it, but not for
 * ever.
 */
#include "heap/room.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "base/token.h"
#include "base/wait.h"
#include "heap/mailbox.h"
#include "heap/owner.h"
#include "heap/slab.h"
#include "runs/grow.h"
#include "runs/supply.h"
#include <ashlar/port.h>

#define TURNS_MOST 8u

/* One thread asks them at a time, and others wait: they would be told that there is nothing while it is on its way. */
COLD static void ask_reclaimers(struct ashlar_heap *heap, size_t bytes)
{
    bool freed = false;
    if (!ashlar_token_enter(&heap->reclaiming)) {
        return;
    }
    uint32_t count = atomic_load_u32(&heap->reclaimer_count);
    for (uint32_t i = 0; i < count; i++) {
        freed |= heap->reclaimer[i].call(heap->reclaimer[i].context, bytes) != 0;
    }
    (void)atomic_fetch_add_u32(&heap->reclaims, freed);
    ashlar_token_leave(&heap->reclaiming);
}

COLD void ashlar_heap_release_own(struct ashlar_heap *heap)
{
    for (unsigned nth = 0; nth < 2u; nth++) {
        struct owner *owner = ashlar_heap_claim_nth(heap, nth);
        if (owner != NULL) {
            ashlar_heap_release_kept(heap, owner, SIZE_MAX);
            ashlar_heap_unclaim(owner);
        }
    }
}

/* A share of what others sent to this CPU and its interrupts. True: something came home, or will have. */
COLD static bool drain_own(struct ashlar_heap *heap)
{
    bool drained = false;
    bool mail = false;
    const struct owner *own = &heap->owners[ashlar_port_pin()];
    bool any = (load_relaxed(&own->mailbox) | load_relaxed(&own[heap->max_cpus].mailbox)) != 0;
    ashlar_port_unpin();
    for (unsigned nth = 0; any && nth < 2u; nth++) {
        struct owner *owner = ashlar_heap_claim_nth(heap, nth);
        if (owner != NULL) {
            drained |= ashlar_heap_drain(heap, owner);
            mail |= ashlar_heap_has_mail(owner);
            ashlar_heap_unclaim(owner);
        }
    }
    if (mail && !drained && ashlar_may_wait()) {
        ashlar_port_relax(); /* somebody looks through it */
        return true;
    }
    return drained;
}

COLD bool ashlar_heap_make_room(struct ashlar_heap *heap, size_t bytes, uint32_t units, uint32_t align_bytes,
                                unsigned flags, struct room *room)
{
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    if (drain_own(heap) || (((flags & ASHLAR_HEAP_NO_GROW) == 0 && ashlar_runs_may_change(&heap->runs)) &&
                            ashlar_runs_grow(&heap->runs, units, align_bytes))) {
        return true;
    }
    if (room->turns == TURNS_MOST) {
        return false;
    }
    size_t before = load_relaxed(&heap->runs.empty_units);
    ashlar_heap_release_own(heap);
    while (load_relaxed(&heap->deferred) != 0) {
        ashlar_heap_drain_deferred(heap);
    }
    uint32_t seen = room->reclaims;
    if (ashlar_port_context() == ASHLAR_CONTEXT_THREAD && (flags & ASHLAR_HEAP_NO_GROW) == 0 &&
        (atomic_load_u32(&heap->reclaims) == seen || room->turns == TURNS_MOST - 1u)) { /* the last time in any case */
        ask_reclaimers(heap, bytes);
    }
    room->reclaims = atomic_load_u32(&heap->reclaims);
    room->turns = room->reclaims != seen ? room->turns + 1u : TURNS_MOST;
    return room->reclaims != seen || load_relaxed(&heap->runs.empty_units) != before;
}

COLD ashlar_status ashlar_heap_on_shortage(struct ashlar_heap *heap, ashlar_heap_reclaimer reclaim, void *context)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_status status = ASHLAR_NO_STORAGE;
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    uint32_t count = heap->reclaimer_count;
    if (count < RECLAIMERS) {
        heap->reclaimer[count].call = reclaim;
        heap->reclaimer[count].context = context;
        atomic_store_u32(&heap->reclaimer_count, count + 1u);
        status = ASHLAR_OK;
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return status;
}
