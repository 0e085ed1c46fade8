/* SPDX-License-Identifier: 0BSD */
/* others.c - what other CPUs have, when there is no memory: objects in their mail, and what they give back when asked.
 *
 * An object that is on its way home is as good as new: whoever finds one of his
 * size takes the mark off, and has it. It stays in its owner's slab.
 *
 * All else is the owners' alone, so they are asked: a word says so, the kernel
 * kicks the CPU, and its handler gives back. The kick is repeated, since it may
 * find the owner busy; that never lasts, as whoever is at it is pinned. So a
 * thread may wait for the answer, and nobody else does.
 */
#include "heap/others.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/token.h"
#include "base/wait.h"
#include "heap/find.h"
#include "heap/mailbox.h"
#include "heap/marks.h"
#include "heap/owner.h"
#include "heap/slab.h"
#include <ashlar/port.h>

#define ANSWER_SHARES 4u
#define KICK_AGAIN 4096u /* turns without an answer */

enum asked { ASKED_NOTHING, ASKED_FOR_ALL, ASKED_MORE_LEFT };

COLD bool ashlar_heap_start_search(struct ashlar_heap *heap)
{
    if (!ashlar_token_try(&heap->searching)) {
        if (!ashlar_may_wait()) {
            return false;
        }
        ashlar_token_take(&heap->searching);
    }
    return true;
}

COLD bool ashlar_heap_search_step(struct ashlar_heap *heap, struct owner *owner, const struct want *want,
                                  uintptr_t *found)
{
    bool more = false;
    *found = 0;
    if (atomic_load(&owner->mailbox) == 0) {
        return false;
    }
    ashlar_port_pin();
    if (ashlar_heap_start_reading(owner)) {
        *found = ashlar_heap_search_mail(heap, owner, want, &more);
        if (*found != 0) {
            return true;
        }
        ashlar_heap_stop_reading(owner);
        ashlar_port_unpin();
        return more;
    }
    ashlar_port_unpin();
    ashlar_port_relax();
    return ashlar_may_wait();
}

COLD static uintptr_t take_mail_of(struct ashlar_heap *heap, struct owner *owner, const struct want *want)
{
    uintptr_t found = 0;
    while (found == 0 && ashlar_heap_search_step(heap, owner, want, &found)) {
        if (found != 0) {
            if (want->stride > GRANULE_BYTES) {
                ashlar_heap_set_mark(heap, found + GRANULE_BYTES, false);
            }
            ashlar_heap_set_mark(heap, found, false);
            ashlar_heap_stop_reading(owner);
            ashlar_port_unpin();
        }
    }
    return found;
}

COLD void *ashlar_heap_take_mail(struct ashlar_heap *heap, const struct want *want)
{
    uintptr_t found = 0;
    if (ashlar_heap_is_nmi() || !ashlar_heap_start_search(heap)) {
        return NULL;
    }
    for (uint32_t i = 0; i < 2u * heap->max_cpus && found == 0; i++) {
        found = take_mail_of(heap, &heap->owners[i], want);
    }
    ashlar_token_give(&heap->searching);
    return (void *)found;
}

/* --- asking -------------------------------------------------------------- */

COLD static bool has_something(const struct ashlar_heap *heap, uint32_t cpu)
{
    const struct owner *first = &heap->owners[cpu];
    const struct owner *second = &heap->owners[cpu + heap->max_cpus];
    return ashlar_heap_has_mail(first) || ashlar_heap_has_mail(second) ||
           (load_relaxed(&first->kept_units) | load_relaxed(&second->kept_units)) != 0;
}

/* False: this CPU takes no part. */
COLD static bool ask_once(struct ashlar_heap *heap, uint32_t cpu)
{
    bool kicked = true;
    bool here = ashlar_port_pin() == cpu;
    atomic_store_u32(&heap->owners[cpu].asked, ASKED_FOR_ALL);
    if (here) {
        ashlar_heap_answer(heap);
    } else {
        kicked = heap->kick(heap->kick_context, cpu) != 0;
    }
    ashlar_port_unpin();
    return kicked;
}

COLD static bool ask_until_answered(struct ashlar_heap *heap, uint32_t cpu)
{
    const uint32_t *asked = &heap->owners[cpu].asked;
    do {
        do {
            if (!ask_once(heap, cpu)) {
                return false;
            }
            for (unsigned i = 0; i < KICK_AGAIN && atomic_load_u32(asked) == ASKED_FOR_ALL; i++) {
                ashlar_port_relax();
            }
        } while (atomic_load_u32(asked) == ASKED_FOR_ALL);
    } while (atomic_load_u32(asked) == ASKED_MORE_LEFT);
    return true;
}

COLD bool ashlar_heap_ask_next(struct ashlar_heap *heap, unsigned flags, uint32_t *next)
{
    bool answered = false;
    if (heap->kick == NULL || (flags & ASHLAR_HEAP_NO_GROW) != 0 || !ashlar_may_wait()) {
        return false;
    }
    while (!answered && *next < heap->max_cpus) {
        uint32_t cpu = (*next)++;
        answered = has_something(heap, cpu) && ask_until_answered(heap, cpu);
    }
    return answered;
}

/* NULL: it is busy, and will be asked again. */
COLD static bool answer_by(struct ashlar_heap *heap, struct owner *owner, uint32_t *answer)
{
    if (owner == NULL) {
        return false;
    }
    for (unsigned i = 0; i < ANSWER_SHARES; i++) {
        ashlar_heap_drain(heap, owner);
    }
    ashlar_heap_release_kept(heap, owner, STEPS_MOST);
    if (ashlar_heap_has_mail(owner) || load_relaxed(&owner->kept_units) != 0) {
        *answer = ASKED_MORE_LEFT;
    }
    ashlar_heap_unclaim(owner);
    return true;
}

COLD void ashlar_heap_answer(struct ashlar_heap *heap)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uint32_t answer = ASKED_NOTHING;
    unsigned cpu = ashlar_port_pin();
    uint32_t *asked = cpu < heap->max_cpus ? &heap->owners[cpu].asked : &answer; /* a kick may be for another one */
    if (atomic_load_u32(asked) == ASKED_FOR_ALL && answer_by(heap, ashlar_heap_claim_nth(heap, 0), &answer) &&
        answer_by(heap, ashlar_heap_claim_nth(heap, 1), &answer)) {
        atomic_store_u32(asked, answer);
    }
    ashlar_port_unpin();
}
