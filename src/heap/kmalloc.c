/* SPDX-License-Identifier: 0BSD */
/* kmalloc.c - the kernel's one heap. Before bind it is an empty one, in which every fast path fails and every slow path
 * says so; thus no call tests for it.
 */
#include <ashlar/kmalloc.h>

#include "base/check.h"
#include "base/contexts.h"
#include "heap/fast.h"
#include "heap/give.h"
#include "heap/internal.h"
#include "heap/owner.h"
#include "heap/resize.h"
#include "heap/size.h"
#include "heap/take.h"

static struct ashlar_heap unbound_heap;
static struct ashlar_heap *bound_heap = &unbound_heap;

void ashlar_kmalloc_bind(struct ashlar_heap *heap)
{
    CONTEXTS(yes, yes, no, no, no);
    ASHLAR_CHECK(heap == NULL || bound_heap == &unbound_heap, "heap: kmalloc bound a second time, by %p",
                 ASHLAR_CALLER());
    bound_heap = heap != NULL ? heap : &unbound_heap;
}

void *ashlar_kmalloc(size_t bytes)
{
    CONTEXTS(yes, yes, less, less, less);
    struct ashlar_heap *heap = bound_heap;
    if (__builtin_expect(bytes - 1u < SMALL_MOST_BYTES, 1)) {
        void *object = take_fast(heap, size_class_of(bytes));
        if (__builtin_expect(object != NULL, 1)) {
            return object;
        }
    }
    return ashlar_heap_take_slow(heap, NULL, bytes, 0);
}

void *ashlar_kzalloc(size_t bytes)
{
    CONTEXTS(yes, yes, less, less, less);
    return ashlar_heap_alloc(bound_heap, bytes, ASHLAR_HEAP_ZERO);
}

void *ashlar_kcalloc(size_t count, size_t bytes)
{
    CONTEXTS(yes, yes, less, less, less);
    return ashlar_heap_calloc(bound_heap, count, bytes, 0);
}

void *ashlar_krealloc(void *object, size_t bytes)
{
    CONTEXTS(yes, yes, less, less, less);
    return ashlar_heap_resize(bound_heap, object, bytes, 0, ASHLAR_CALLER());
}

void *ashlar_kmemalign(size_t align_bytes, size_t bytes)
{
    CONTEXTS(yes, yes, less, less, less);
    return ashlar_heap_alloc_aligned(bound_heap, align_bytes, bytes, 0);
}

void ashlar_kfree(void *object)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    if (__builtin_expect(!give_fast(bound_heap, (uintptr_t)object), 0) && object != NULL) {
        ashlar_heap_give_slow(bound_heap, object, ASHLAR_CALLER());
    }
}

void ashlar_kfree_sized(void *object, size_t bytes)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    ashlar_heap_give_sized(bound_heap, object, bytes, ASHLAR_CALLER());
}

size_t ashlar_kmalloc_usable_size(const void *object)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return ashlar_heap_usable(bound_heap, object, ASHLAR_CALLER());
}

size_t ashlar_kmalloc_size_roundup(size_t bytes)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    ashlar_heap_require_ready(bound_heap, ASHLAR_CALLER());
    return ashlar_heap_size_roundup(bound_heap, bytes);
}

ashlar_status ashlar_kmalloc_prefill(size_t bytes, size_t count)
{
    CONTEXTS(yes, yes, less, less, less);
    return ashlar_heap_prefill(bound_heap, bytes, count);
}

int ashlar_work(void)
{
    CONTEXTS(yes, yes, less, less, less);
    return bound_heap != &unbound_heap ? ashlar_heap_work(bound_heap) : 0;
}

COLD void ashlar_kmalloc_answer(void)
{
    CONTEXTS(yes, yes, yes, yes, no);
    if (bound_heap != &unbound_heap) {
        ashlar_heap_answer(bound_heap);
    }
}
