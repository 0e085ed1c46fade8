/* SPDX-License-Identifier: 0BSD */
/* peek.c - reading what another CPU may be taking away.
 *
 * Whoever explains an address has no lock, and may be in a fault handler: between a
 * look at the map and one at the object another CPU may give the page back. So what
 * is read is copied out by the source's *peek*, which may say no, and what was copied
 * is believed as far as it does no harm: a descriptor may be half of one run and half
 * of the next. A plain range never goes away.
 */
#include "heap/peek.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/mem.h"
#include "heap/marks.h"

COLD bool ashlar_heap_peek(const struct ashlar_heap *heap, const void *from, void *to, size_t bytes)
{
    if (heap->runs.source.peek != NULL) {
        return heap->runs.source.peek(heap->runs.source.context, (uintptr_t)from, to, bytes) != 0;
    }
    memcpy(to, from, bytes);
    return true;
}

COLD bool ashlar_heap_peek_run(const struct ashlar_heap *heap, uintptr_t address, struct run *run)
{
    uintptr_t granule = (address - heap->runs.base) >> GRANULE_SHIFT;
    if (address < heap->runs.base || granule >= atomic_load(&heap->runs.granules)) {
        return false;
    }
    uint32_t unit = (uint32_t)(granule >> heap->runs.unit_granule_shift);
    uint32_t entry;
    return ashlar_heap_peek(heap, &heap->runs.map[unit], &entry, sizeof entry) &&
           ashlar_heap_peek(heap, run_in_map(&heap->runs, entry), run, sizeof *run) && unit - run->first < run->units;
}
