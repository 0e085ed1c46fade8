/* SPDX-License-Identifier: 0BSD */
/* kmalloc.c - the kernel's one heap. Before bind it is an empty one, in which every fast path fails and every slow path
 * says so; thus no call tests for it.
 */
#include "heap/internal.h"
#include <ashlar/kmalloc.h>

static struct ashlar_heap unbound;
static struct ashlar_heap *bound = &unbound;

void ashlar_kmalloc_bind(struct ashlar_heap *heap)
{
    ASHLAR_CHECK(heap == NULL || bound == &unbound, "heap: kmalloc bound a second time, by %p", ASHLAR_CALLER());
    bound = heap != NULL ? heap : &unbound;
}

void *ashlar_kmalloc(size_t bytes)
{
    return take_fast(bound, bytes);
}

void *ashlar_kzalloc(size_t bytes)
{
    return ashlar_heap_alloc(bound, bytes, ASHLAR_HEAP_ZERO);
}

void *ashlar_kcalloc(size_t count, size_t bytes)
{
    size_t all;
    return __builtin_mul_overflow(count, bytes, &all) ? NULL : ashlar_heap_alloc(bound, all, ASHLAR_HEAP_ZERO);
}

void *ashlar_krealloc(void *object, size_t bytes)
{
    return ashlar_heap_resize(bound, object, bytes, 0, ASHLAR_CALLER());
}

void *ashlar_kmemalign(size_t align_bytes, size_t bytes)
{
    return ashlar_heap_alloc_aligned(bound, align_bytes, bytes, 0);
}

void ashlar_kfree(void *object)
{
    if (__builtin_expect(!give_fast(bound, (uintptr_t)object), 0) && object != NULL) {
        ashlar_heap_give_slow(bound, object, ASHLAR_CALLER());
    }
}

void ashlar_kfree_sized(void *object, size_t bytes)
{
    ashlar_heap_give_sized(bound, object, bytes, ASHLAR_CALLER());
}

size_t ashlar_kmalloc_usable_size(const void *object)
{
    return ashlar_heap_usable(bound, object, ASHLAR_CALLER());
}

size_t ashlar_kmalloc_size_roundup(size_t bytes)
{
    ashlar_heap_require_ready(bound, ASHLAR_CALLER());
    return ashlar_heap_size_roundup(bound, bytes);
}

ashlar_status ashlar_kmalloc_prefill(size_t bytes, size_t count)
{
    return ashlar_heap_prefill(bound, bytes, count);
}

int ashlar_work(void)
{
    return bound != &unbound ? ashlar_heap_work(bound) : 0;
}
