/* SPDX-License-Identifier: 0BSD */
/* inject.c - the nth allocation from now on fails, for tests. Meanwhile no CPU takes the fast paths. */
#include "heap/inject.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/relaxed.h"

COLD bool ashlar_heap_fail_now(struct ashlar_heap *heap)
{
    if (load_relaxed(&heap->fail_in) == 0) {
        return false;
    }
    if (atomic_fetch_add((uintptr_t *)&heap->fail_in, ~(uintptr_t)0) != 1u) {
        return false;
    }
    store_relaxed(&heap->fast_cpus, heap->max_cpus);
    return true;
}

COLD void ashlar_heap_fail_nth(struct ashlar_heap *heap, size_t nth)
{
    CONTEXTS(yes, yes, no, no, no);
    store_relaxed(&heap->fast_cpus, nth != 0 ? 0 : heap->max_cpus);
    store_relaxed(&heap->fail_in, nth);
}
