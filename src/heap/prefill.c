/* SPDX-License-Identifier: 0BSD */
/* prefill.c - slabs beforehand, so that the next allocations of a size are certain, in threads and in interrupts. */
#include <ashlar/heap.h>

#include "base/check.h"
#include "heap/find.h"
#include "heap/inject.h"
#include "heap/owner.h"
#include "heap/room.h"
#include "heap/run.h"
#include "heap/size.h"
#include "heap/slab.h"
#include <ashlar/port.h>

COLD static size_t free_in_bin(const struct ashlar_heap *heap, const struct bin *bin)
{
    size_t count = 0;
    const struct run *slab = bin->current;
    for (; slab != &ashlar_heap_nobody; slab = next_in_bin(heap, slab)) {
        count += free_in_slab(slab);
    }
    return count;
}

/* Give this owner, which is claimed, slabs until it has so many free objects. */
COLD static bool fill_owner(struct ashlar_heap *heap, struct owner *owner, const struct want *want, size_t count)
{
    while (free_in_bin(heap, &owner->bin[want->class]) < count) {
        if (!ashlar_heap_add_slab(heap, owner, want)) {
            return false;
        }
    }
    return true;
}

/* NULL: it is busy. */
COLD static bool fill_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want, size_t count)
{
    bool filled = owner != NULL && fill_owner(heap, owner, want, count);
    if (owner != NULL) {
        ashlar_heap_unclaim(owner);
    }
    return filled;
}

COLD static bool fill_both(struct ashlar_heap *heap, const struct want *want, size_t count)
{
    return fill_claimed(heap, ashlar_heap_claim(heap), want, count) &&
           fill_claimed(heap, ashlar_heap_claim_second(heap), want, count);
}

COLD ashlar_status ashlar_heap_prefill(struct ashlar_heap *heap, size_t bytes, size_t count)
{
    unsigned turns = 0;
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    if (bytes > SMALL_MOST_BYTES) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    struct want want = ashlar_heap_want(NULL, bytes != 0 ? bytes : 1u);
    uint32_t units = units_for(heap, want.stride);
    while (!fill_both(heap, &want, count)) {
        if (ashlar_heap_fail_now(heap) || !ashlar_heap_make_room(heap, bytes, units, want.align, 0, &turns)) {
            return ASHLAR_NO_FRAMES;
        }
    }
    return ASHLAR_OK;
}
