/* SPDX-License-Identifier: 0BSD */
/* heap_large.c - blocks over 32 KiB, or aligned to more than 4 KiB: each a run of its own.
 *
 * Its first allocated bit says that the block is live, as for any object. It is
 * read and cleared under the lock, so that of two frees at once one is found.
 *
 * A block shrinks by giving its end to the runs, and grows into an empty run
 * behind it. Every unit of it is in the map, so that any address tells its block.
 */
#include "heap/internal.h"

#include "base/mem.h"

COLD struct run *ashlar_heap_run_obtain(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags)
{
    bool desperate = false;
    if (bytes > heap->range_bytes || align_bytes > heap->range_bytes || align_bytes > UINT32_MAX / 2u) {
        return NULL;
    }
    uint32_t units = (uint32_t)((bytes + ((size_t)1 << heap->unit_shift) - 1u) >> heap->unit_shift);
    struct run *run;
    do {
        if (ashlar_heap_is_nmi()) {
            return NULL;
        }
        uintptr_t interrupts = ashlar_lock_take(&heap->lock);
        run = ashlar_heap_run_take_locked(heap, &heap->empty, units, (uint32_t)align_bytes);
        ashlar_lock_give(&heap->lock, interrupts);
    } while (run == NULL && ashlar_heap_make_room(heap, bytes, units, (uint32_t)align_bytes, flags, &desperate));
    return run;
}

COLD static size_t bytes_of(const struct ashlar_heap *heap, const struct run *run)
{
    return (size_t)run->units << heap->unit_shift;
}

COLD void *ashlar_heap_large(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags)
{
    size_t rounded = bytes > ALIGN_MOST_BYTES ? ashlar_heap_size_roundup(heap, bytes) : bytes;
    uint32_t natural = natural_align((uint32_t)rounded);
    align_bytes = align_bytes > natural ? align_bytes : natural;
    if (ashlar_heap_fail_now(heap)) {
        return NULL;
    }
    struct run *run = ashlar_heap_run_obtain(heap, bytes != 0 ? bytes : 1u, align_bytes, flags);
    if (run == NULL) {
        count_up(&heap->failures);
        return NULL;
    }
    bool clean = run->clean != 0;
    run->base = heap->base + ((uintptr_t)run->first << heap->unit_shift);
    run->bits = &heap->bits[((uintptr_t)run->first << heap->unit_granule_shift) / 32u];
    run->cache = NULL;
    ashlar_heap_map_run(heap, run, run_offset(heap, run));
    if ((flags & ASHLAR_HEAP_ZERO) != 0 && !clean) {
        memset((void *)run->base, 0, bytes_of(heap, run));
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    heap->large_units += run->units;
    heap->large_count++;
    store_relaxed(run->bits, 1u);
    store_relaxed(&run->state, RUN_LARGE);
    ashlar_lock_give(&heap->lock, interrupts);
    return (void *)run->base;
}

COLD bool ashlar_heap_large_free_locked(struct ashlar_heap *heap, uintptr_t object)
{
    struct run *run = ashlar_heap_find(heap, object);
    if (run->state != RUN_LARGE || run->base != object || load_relaxed(run->bits) == 0) {
        return false;
    }
    store_relaxed(run->bits, 0);
    heap->large_units -= run->units;
    heap->large_count--;
    store_relaxed(&run->state, RUN_MOVING);
    run->clean = 0;
    ashlar_heap_run_file_locked(heap, run, RUN_EMPTY);
    return true;
}

COLD static bool shrink_locked(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    if (ashlar_heap_spares_locked(heap) == 0) {
        return false;
    }
    heap->large_units -= run->units - units;
    struct run *rest = ashlar_heap_run_split_locked(heap, run, units);
    rest->clean = 0;
    ashlar_heap_run_file_locked(heap, rest, RUN_EMPTY);
    return true;
}

COLD static bool extend_locked(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    struct run *after = ashlar_heap_run_after_locked(heap, run);
    uint32_t more = units - run->units;
    if (load_relaxed(&after->state) != RUN_EMPTY || after->units < more || ashlar_heap_spares_locked(heap) == 0) {
        return false;
    }
    ashlar_heap_run_unfile_locked(heap, after);
    if (after->units > more) {
        ashlar_heap_run_file_locked(heap, ashlar_heap_run_split_locked(heap, after, more), RUN_EMPTY);
    }
    ashlar_heap_map_run(heap, after, run_offset(heap, run));
    ashlar_heap_forget_locked(heap, after);
    run->units = units;
    heap->large_units += more;
    return true;
}

/* Where it is. The block is live, and its caller's alone. */
COLD bool ashlar_heap_large_resize(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    bool done = units < run->units ? shrink_locked(heap, run, units) : extend_locked(heap, run, units);
    ashlar_lock_give(&heap->lock, interrupts);
    if (done) {
        ashlar_heap_settle(heap);
    }
    return done;
}
