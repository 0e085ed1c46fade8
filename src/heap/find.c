/* SPDX-License-Identifier: 0BSD */
/* find.c - from an address to the run that it lies in, without a lock.
 *
 * The map leads from an address to a descriptor; as a run's inner units may name a
 * descriptor that has gone elsewhere, that one has to say that the unit is its own.
 *
 * Where there is no run, the answer is nobody: so the caller looks at a state, and
 * not for NULL. Every bin without a slab points there as well, for the fast paths.
 */
#include "heap/find.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/relaxed.h"
#include "heap/marks.h"

/* Never written: its state is no slab's, and its list is at its end. */
struct run ashlar_heap_nobody = {.word = LIST_END};

COLD struct run *ashlar_heap_find(struct ashlar_heap *heap, uintptr_t address)
{
    uintptr_t granule = (address - heap->runs.base) >> GRANULE_SHIFT;
    if (address < heap->runs.base || granule >= atomic_load(&heap->runs.granules)) {
        return &ashlar_heap_nobody;
    }
    uint32_t unit = (uint32_t)(granule >> heap->runs.unit_granule_shift);
    struct run *run = run_in_map(&heap->runs, load_relaxed(&heap->runs.map[unit]));
    return unit - run->first < run->units ? run : &ashlar_heap_nobody;
}

COLD size_t ashlar_heap_object_bytes(const struct ashlar_heap *heap, const struct run *run)
{
    if (is_slab(run)) {
        return run->cache != NULL ? run->cache->object_bytes : run->stride;
    }
    return run_bytes(&heap->runs, run);
}

COLD bool ashlar_heap_set_mark(struct ashlar_heap *heap, uintptr_t address, bool mark)
{
    uintptr_t granule = (address - heap->runs.base) >> GRANULE_SHIFT;
    uint32_t bit = (uint32_t)1 << (granule % 32u);
    uint32_t *word = &heap->runs.bits[granule / 32u].marked;
    uint32_t old = mark ? atomic_fetch_or_u32(word, bit) : atomic_fetch_and_u32(word, ~bit);
    return ((old & bit) != 0) != mark;
}
