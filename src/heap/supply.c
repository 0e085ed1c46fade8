/* SPDX-License-Identifier: 0BSD */
/* supply.c - the source of pages: who may ask it, one at a time, and what for.
 *
 *   | map | descriptors | allocated bits | units ...                    |
 *     backed up to limit   sparse          backed where not bare
 *     backed as needed
 *
 * All of it is one reserved range. Whoever commits or decommits holds the
 * growth token; nothing else is held then: no lock, no owner, and the context is
 * a thread, or one with interrupts off while no other CPU takes part, which does
 * not wait. A thread that finds the token taken waits for it with interrupts on
 * and then looks again: what it wanted may be there. Giving back does not wait.
 * A source that uses the heap which it serves would wait for itself: that is told
 * by where its caller's frame lies, right above the frame of whoever asks, on one stack.
 * Where the source has no frames, it is asked for relief once the token is given
 * back: whoever relieves may wait for somebody who wants to grow.
 */
#include "heap/supply.h"

#include "base/alone.h"
#include "base/check.h"
#include "base/mem.h"
#include <ashlar/port.h>

/* Less than what is left of any stack on which the source was called: so it is no other thread's. */
#define SOURCE_STACK_BYTES 1024u

COLD static void enter_source(struct ashlar_heap *heap, void *frame)
{
    atomic_store(&heap->source_caller, (uintptr_t)frame);
}

COLD static void leave_source(struct ashlar_heap *heap)
{
    atomic_store(&heap->source_caller, 0);
}

COLD bool ashlar_heap_may_grow(const struct ashlar_heap *heap, unsigned flags)
{
    uintptr_t below = atomic_load(&heap->source_caller) - (uintptr_t)__builtin_frame_address(0);
    ASHLAR_CHECK(below - 1u >= SOURCE_STACK_BYTES,
                 "heap: its source (commit %p) uses the heap that it serves, and would wait for itself",
                 (void *)(uintptr_t)heap->source.commit);
    return heap->source.pages != 0 && (flags & ASHLAR_HEAP_NO_GROW) == 0 && ashlar_may_change();
}

COLD void ashlar_heap_token_give(struct ashlar_heap *heap)
{
    size_t pages = heap->backed_units + heap->map_pages + heap->run_pages + heap->bit_pages;
    if (pages > heap->peak_bytes >> ASHLAR_PAGE_SHIFT) {
        heap->peak_bytes = pages << ASHLAR_PAGE_SHIFT;
    }
    ashlar_alone_give(&heap->growing);
}

COLD static size_t metadata_page(const struct ashlar_heap *heap, const void *pointer)
{
    return ((uintptr_t)pointer - heap->range_base) >> ASHLAR_PAGE_SHIFT;
}

COLD bool ashlar_heap_commit(struct ashlar_heap *heap, size_t page, size_t pages)
{
    enter_source(heap, __builtin_frame_address(0));
    ashlar_status status = heap->source.commit(heap->source.context, page, pages);
    leave_source(heap);
    heap->refused = status == ASHLAR_NO_FRAMES;
    return status == ASHLAR_OK;
}

COLD void ashlar_heap_decommit(struct ashlar_heap *heap, size_t page, size_t pages)
{
    enter_source(heap, __builtin_frame_address(0));
    heap->source.decommit(heap->source.context, page, pages);
    leave_source(heap);
}

COLD bool ashlar_heap_move_units(struct ashlar_heap *heap, uint32_t to, uint32_t from, uint32_t units)
{
    size_t payload = heap->payload_page;
    enter_source(heap, __builtin_frame_address(0));
    bool moved = heap->source.move(heap->source.context, payload + to, payload + from, units) != 0;
    leave_source(heap);
    return moved;
}

COLD bool ashlar_heap_relieve(struct ashlar_heap *heap)
{
    return heap->source.relieve != NULL && heap->source.relieve(heap->source.context) != 0;
}

COLD bool ashlar_heap_commit_metadata(struct ashlar_heap *heap, void *area, size_t first, size_t pages)
{
    if (!ashlar_heap_commit(heap, metadata_page(heap, area) + first, pages)) {
        return false;
    }
    if ((heap->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) == 0) {
        memset((char *)area + first * ASHLAR_PAGE_BYTES, 0, pages * ASHLAR_PAGE_BYTES);
    }
    return true;
}

COLD void ashlar_heap_decommit_metadata(struct ashlar_heap *heap, const void *area, size_t first, size_t pages)
{
    ashlar_heap_decommit(heap, metadata_page(heap, area) + first, pages);
}
