/* SPDX-License-Identifier: 0BSD */
/* prefill.c - slabs beforehand, so that the next allocations of a size are certain, in threads and in interrupts.
 *
 * Runs are gathered first, in nobody's hands: whoever gives back does not see
 * them, and growth may move the thread to another CPU. When there are enough,
 * the owners of the CPU that it is then on get them; when there never are, they
 * go back, and all is as before. Cost: O(slabs).
 */
#include <ashlar/heap.h>

#include "base/alone.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "heap/find.h"
#include "heap/inject.h"
#include "heap/marks.h"
#include "heap/owner.h"
#include "heap/room.h"
#include "heap/size.h"
#include "heap/slab.h"
#include "runs/shrink.h"
#include <ashlar/port.h>

/* For one owner of the CPU: the threads', or the interrupts'. */
struct gathered {
    struct run *first; /* chained by their offsets */
    size_t objects;
};

struct prefill {
    struct ashlar_heap *heap;
    struct want want;
    size_t count; /* wanted of each owner */
    struct gathered gathered[2];
};

COLD static struct owner *claim_one(struct ashlar_heap *heap, unsigned which)
{
    return which == 0 ? ashlar_heap_claim(heap) : ashlar_heap_claim_nth(heap, 1);
}

COLD static size_t free_in_bin(const struct ashlar_heap *heap, const struct bin *bin)
{
    size_t count = 0;
    const struct run *slab = bin->current;
    for (; slab != &ashlar_heap_nobody; slab = next_in_bin(heap, slab)) {
        count += free_in_slab(slab);
    }
    return count;
}

/* Objects that this CPU's owner lacks, those gathered for it included. */
COLD static size_t lacking(struct prefill *prefill, unsigned which)
{
    size_t have = prefill->gathered[which].objects;
    struct owner *owner = claim_one(prefill->heap, which);
    if (owner != NULL) {
        have += free_in_bin(prefill->heap, &owner->bin[prefill->want.class]);
        ashlar_heap_unclaim(owner);
    }
    return have < prefill->count ? prefill->count - have : 0;
}

COLD static bool gather(struct prefill *prefill, unsigned which, size_t *lack)
{
    struct ashlar_heap *heap = prefill->heap;
    struct gathered *gathered = &prefill->gathered[which];
    while (*lack != 0) {
        struct run *run =
            ashlar_heap_take_slab(heap, &prefill->want, *lack * prefill->want.stride >> heap->runs.unit_shift);
        if (run == NULL) {
            return false;
        }
        uint32_t objects = ashlar_heap_slab_capacity(heap, run, prefill->want.stride);
        run->next = gathered->first != NULL ? run_offset(&heap->runs, gathered->first) : 0;
        gathered->first = run;
        gathered->objects += objects;
        *lack -= objects < *lack ? objects : *lack;
    }
    return true;
}

COLD static struct run *pop_gathered(struct ashlar_heap *heap, struct gathered *gathered)
{
    struct run *run = gathered->first;
    gathered->first = run->next != 0 ? run_at(&heap->runs, run->next) : NULL;
    return run;
}

COLD static void hand_over(struct prefill *prefill, unsigned which)
{
    struct gathered *gathered = &prefill->gathered[which];
    struct owner *owner = claim_one(prefill->heap, which);
    while (owner != NULL && gathered->first != NULL) {
        ashlar_heap_open_slab(prefill->heap, owner, pop_gathered(prefill->heap, gathered), &prefill->want);
    }
    if (owner != NULL) {
        ashlar_heap_unclaim(owner);
    }
}

COLD static void give_gathered_back(struct prefill *prefill)
{
    struct ashlar_heap *heap = prefill->heap;
    for (unsigned which = 0; which < 2u; which++) {
        while (prefill->gathered[which].first != NULL) {
            struct run *run = pop_gathered(heap, &prefill->gathered[which]);
            uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
            ashlar_heap_slab_release_locked(heap, run);
            ashlar_lock_give(&heap->runs.lock, interrupts);
        }
    }
    ashlar_runs_settle(&heap->runs);
}

/* False: one of the two lacks some, as this is another CPU, or others took objects. */
COLD static bool hand_both_over(struct prefill *prefill)
{
    ashlar_port_pin();
    bool enough = lacking(prefill, 0) == 0 && lacking(prefill, 1) == 0;
    for (unsigned which = 0; enough && which < 2u; which++) {
        hand_over(prefill, which);
    }
    ashlar_port_unpin();
    return enough;
}

COLD static bool gather_both(struct prefill *prefill)
{
    unsigned turns = 0;
    size_t lack[2] = {lacking(prefill, 0), lacking(prefill, 1)};
    uint32_t units = units_for(prefill->heap, prefill->want.stride);
    while (!gather(prefill, 0, &lack[0]) || !gather(prefill, 1, &lack[1])) {
        if (ashlar_heap_fail_now(prefill->heap) ||
            !ashlar_heap_make_room(prefill->heap, prefill->want.stride, units, prefill->want.align, 0, &turns)) {
            return false;
        }
    }
    return true;
}

COLD ashlar_status ashlar_heap_prefill(struct ashlar_heap *heap, size_t bytes, size_t count)
{
    CONTEXTS(yes, yes, less, less, less);
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (bytes > SMALL_MOST_BYTES) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (!ashlar_may_change()) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    if (count > heap->runs.range_bytes / GRANULE_BYTES) {
        return ASHLAR_NO_FRAMES;
    }
    struct prefill prefill = {heap, ashlar_heap_want(NULL, bytes != 0 ? bytes : 1u), count, {{NULL, 0}, {NULL, 0}}};
    do {
        if (!gather_both(&prefill)) {
            give_gathered_back(&prefill);
            return ASHLAR_NO_FRAMES;
        }
    } while (!hand_both_over(&prefill));
    return ASHLAR_OK;
}
