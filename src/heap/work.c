/* SPDX-License-Identifier: 0BSD */
/* work.c - work that others left: mail, blocks that wait, growth for interrupts that went without; and giving back
 * on demand, for this CPU and for one that is offline.
 */
#include <ashlar/heap.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/relaxed.h"
#include "heap/mailbox.h"
#include "heap/owner.h"
#include "heap/room.h"
#include "heap/slab.h"
#include "runs/grow.h"
#include "runs/shrink.h"
#include "runs/supply.h"
#include <ashlar/port.h>

/* Somebody shrinks the heap: what this CPU keeps empty goes back as well. */
COLD static void take_part_in_shrink(struct ashlar_heap *heap)
{
    if (!ashlar_runs_may_change(&heap->runs)) {
        return;
    }
    uintptr_t *seen = &heap->owners[ashlar_port_pin()].shrunk;
    uintptr_t count = atomic_load(&heap->shrink_count);
    bool due = *seen != count;
    *seen = count;
    ashlar_port_unpin();
    if (due) {
        ashlar_heap_release_own(heap);
        (void)ashlar_runs_purge(&heap->runs, load_relaxed(&heap->shrink_units));
    }
}

COLD int ashlar_heap_work(struct ashlar_heap *heap)
{
    CONTEXTS(yes, yes, less, less, less);
    struct owner *owner = ashlar_heap_claim(heap);
    bool more = false;
    if (owner != NULL) {
        ashlar_heap_drain(heap, owner);
        more = ashlar_heap_has_mail(owner);
        ashlar_heap_unclaim(owner);
    }
    more |= ashlar_heap_drain_second(heap);
    ashlar_heap_drain_deferred(heap);
    if (load_relaxed(&heap->starved) != 0 && ashlar_runs_may_change(&heap->runs)) {
        store_relaxed(&heap->starved, 0);
        ashlar_runs_grow(&heap->runs, (uint32_t)heap->runs.grow_units, GRANULE_BYTES);
    }
    take_part_in_shrink(heap);
    ashlar_runs_settle(&heap->runs);
    return more || load_relaxed(&heap->deferred) != 0;
}

COLD size_t ashlar_heap_shrink(struct ashlar_heap *heap, size_t target_bytes)
{
    CONTEXTS(yes, yes, less, less, less);
    size_t given = 0;
    size_t more;
    if (!ashlar_runs_may_change(&heap->runs)) {
        return 0;
    }
    store_relaxed(&heap->shrink_units, target_bytes >> heap->runs.unit_shift);
    atomic_fetch_add(&heap->shrink_count, 1u);
    ashlar_heap_release_own(heap);
    ashlar_heap_drain_deferred(heap);
    do {
        more = ashlar_runs_purge(&heap->runs, target_bytes >> heap->runs.unit_shift);
        given += more;
    } while (more != 0);
    return given << heap->runs.unit_shift;
}

COLD void ashlar_heap_drain_cpu(struct ashlar_heap *heap, unsigned cpu)
{
    CONTEXTS(yes, yes, less, no, no);
    ashlar_heap_require_ready(heap, ASHLAR_CALLER());
    ASHLAR_CHECK(cpu < heap->max_cpus && cpu != ashlar_port_cpu(),
                 "heap: drain of CPU %u, which runs, or is none of %u; called from %p", cpu, heap->max_cpus,
                 ASHLAR_CALLER());
    for (unsigned i = cpu; i < 2u * heap->max_cpus; i += heap->max_cpus) {
        struct owner *owner = &heap->owners[i];
        ashlar_heap_claim_absent(owner);
        while (ashlar_heap_has_mail(owner)) {
            ashlar_heap_drain(heap, owner);
        }
        ashlar_heap_release_kept(heap, owner, SIZE_MAX);
        ashlar_heap_unclaim(owner);
    }
    ashlar_heap_drain_deferred(heap);
    ashlar_runs_settle(&heap->runs);
}
