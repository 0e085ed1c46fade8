/* SPDX-License-Identifier: 0BSD */
/* supply.c - the source of pages: who may ask it, one at a time, and what for.
 *
 *   | map | descriptors | allocated bits | units ...                    |
 *     backed up to limit   sparse          backed where not bare
 *     backed as needed
 *
 * All of it is one reserved range. Whoever commits or decommits holds the
 * growth token; nothing else is held then: no lock, no owner, and the context is
 * a thread. A thread that finds the token taken waits for it with interrupts on
 * and then looks again: what it wanted may be there. Giving back does not wait.
 */
#include "heap/supply.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/mem.h"
#include <ashlar/port.h>

COLD bool ashlar_heap_may_grow(const struct ashlar_heap *heap, unsigned flags)
{
    return heap->source.pages != 0 && (flags & ASHLAR_HEAP_NO_GROW) == 0 &&
           ashlar_port_context() == ASHLAR_CONTEXT_THREAD;
}

COLD bool ashlar_heap_token_try(struct ashlar_heap *heap)
{
    return atomic_cas_u32(&heap->growing, 0, 1);
}

COLD void ashlar_heap_token_take(struct ashlar_heap *heap)
{
    while (!ashlar_heap_token_try(heap)) {
        ashlar_port_relax();
    }
}

COLD void ashlar_heap_token_give(struct ashlar_heap *heap)
{
    size_t pages = heap->backed_units + heap->map_pages + heap->run_pages + heap->bit_pages;
    if (pages > heap->peak_bytes >> ASHLAR_PAGE_SHIFT) {
        heap->peak_bytes = pages << ASHLAR_PAGE_SHIFT;
    }
    atomic_store_u32(&heap->growing, 0);
}

COLD static size_t metadata_page(const struct ashlar_heap *heap, const void *pointer)
{
    return ((uintptr_t)pointer - heap->range_base) >> ASHLAR_PAGE_SHIFT;
}

COLD bool ashlar_heap_commit_metadata(struct ashlar_heap *heap, void *area, size_t first, size_t pages)
{
    if (heap->source.commit(heap->source.context, metadata_page(heap, area) + first, pages) != ASHLAR_OK) {
        return false;
    }
    if ((heap->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) == 0) {
        memset((char *)area + first * ASHLAR_PAGE_BYTES, 0, pages * ASHLAR_PAGE_BYTES);
    }
    return true;
}

COLD void ashlar_heap_decommit_metadata(struct ashlar_heap *heap, const void *area, size_t first, size_t pages)
{
    heap->source.decommit(heap->source.context, metadata_page(heap, area) + first, pages);
}
