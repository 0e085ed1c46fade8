/* SPDX-License-Identifier: 0BSD */
/* grow.c - asking the source for memory, and giving it back.
 *
 *   | map | descriptors | allocated bits | units ...                    |
 *     backed up to limit   sparse          backed where not bare
 *     backed as needed
 *
 * All of it is one reserved range. Whoever commits or decommits holds the
 * growth token; nothing else is held then: no lock, no owner, and the context is
 * a thread. A thread that finds the token taken waits for it with interrupts on
 * and then looks again: what it wanted may be there. Giving back does not wait.
 *
 * A page of bits serves a *zone* of 32768 granules (512 KiB). It is backed if
 * and only if some unit of the zone is not bare. As bare neighbours are always
 * merged, a zone is all bare if and only if it lies within one bare run; so no
 * count is kept for each zone. Beyond the limit all is bare.
 *
 * Growth: make sure of descriptors; take a bare run, or extend the limit, whose
 * map is backed before the limit is published; back the zones' bits, then the
 * run itself; file it as empty. Each step that fails undoes the bits; what
 * stays are reserves: descriptors and map. Shrinking is the same backwards, and
 * makes the map say "nobody" before the bits go.
 *
 * Cost: one commit of at least grow_bytes; rarely one each for bits, descriptors, map.
 */
#include "heap/internal.h"

#include "base/mem.h"

#define ZONE_SHIFT 7u /* units of 4 KiB to a zone: 4096 bytes * 8 bits * 16 bytes / 4096 */
#define ZONE_UNITS (1u << ZONE_SHIFT)
#define MAP_PAGE_UNITS (ASHLAR_PAGE_BYTES / 4u)
#define SPARES_WANTED 24u /* what one growth may need, and interrupts after it */
#define SPARES_NEEDED 4u

/* Zones first..first+count change hands with a run. */
struct zones {
    uint32_t first;
    uint32_t count;
};

COLD bool ashlar_heap_may_grow(const struct ashlar_heap *heap, unsigned flags)
{
    return heap->source.pages != 0 && (flags & ASHLAR_HEAP_NO_GROW) == 0 &&
           ashlar_port_context() == ASHLAR_CONTEXT_THREAD;
}

COLD static bool token_try(struct ashlar_heap *heap)
{
    return atomic_cas_u32(&heap->growing, 0, 1);
}

COLD static void token_take(struct ashlar_heap *heap)
{
    while (!token_try(heap)) {
        ashlar_port_relax();
    }
}

COLD static void token_give(struct ashlar_heap *heap)
{
    size_t pages = heap->backed_units + heap->map_pages + heap->run_pages + heap->bit_pages;
    if (pages > heap->peak_bytes >> ASHLAR_PAGE_SHIFT) {
        heap->peak_bytes = pages << ASHLAR_PAGE_SHIFT;
    }
    atomic_store_u32(&heap->growing, 0);
}

COLD static size_t page_of(const struct ashlar_heap *heap, const void *pointer)
{
    return ((uintptr_t)pointer - heap->range_base) >> ASHLAR_PAGE_SHIFT;
}

/* Back pages of bookkeeping; they read as zeroes. */
COLD static bool back_metadata(struct ashlar_heap *heap, void *area, size_t first, size_t pages)
{
    if (heap->source.commit(heap->source.context, page_of(heap, area) + first, pages) != ASHLAR_OK) {
        return false;
    }
    if ((heap->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) == 0) {
        memset((char *)area + first * ASHLAR_PAGE_BYTES, 0, pages * ASHLAR_PAGE_BYTES);
    }
    return true;
}

COLD static bool ensure_descriptors(struct ashlar_heap *heap)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    uint32_t spares = ashlar_heap_spares_locked(heap);
    ashlar_lock_give(&heap->lock, interrupts);
    if (spares >= SPARES_WANTED || heap->runs_backed == heap->runs_most) {
        return spares >= SPARES_NEEDED;
    }
    if (!back_metadata(heap, heap->runs, heap->run_pages, 1)) {
        return spares >= SPARES_NEEDED;
    }
    size_t most = (size_t)(heap->run_pages + 1u) * ASHLAR_PAGE_BYTES / sizeof(struct run);
    interrupts = ashlar_lock_take(&heap->lock);
    heap->run_pages++;
    heap->runs_backed = most < heap->runs_most ? (uint32_t)most : heap->runs_most;
    ashlar_lock_give(&heap->lock, interrupts);
    return true;
}

COLD static bool ensure_map(struct ashlar_heap *heap, uint32_t limit)
{
    uint32_t pages = (limit + MAP_PAGE_UNITS - 1u) / MAP_PAGE_UNITS;
    if (pages > heap->map_pages) {
        if (!back_metadata(heap, heap->map, heap->map_pages, pages - heap->map_pages)) {
            return false;
        }
        heap->map_pages = pages;
    }
    return true;
}

/* More addresses known to the map, as a bare run. */
COLD static bool extend_limit(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    uint64_t wanted = (uint64_t)units + (align_bytes >> heap->unit_shift) + MAP_PAGE_UNITS - 1u;
    uint32_t left = heap->total - heap->limit;
    uint32_t more = wanted < left ? (uint32_t)wanted & ~(MAP_PAGE_UNITS - 1u) : left;
    if (more == 0 || !ensure_map(heap, heap->limit + more)) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    bool described = ashlar_heap_spares_locked(heap) != 0; /* others may have used them up meanwhile */
    if (described) {
        struct run *run = ashlar_heap_describe_locked(heap, heap->limit, more);
        heap->limit += more;
        ashlar_heap_run_file_locked(heap, run, RUN_BARE);
        atomic_store(&heap->granules, (uintptr_t)heap->limit << heap->unit_granule_shift);
    }
    ashlar_lock_give(&heap->lock, interrupts);
    return described;
}

COLD static struct run *take_run(struct ashlar_heap *heap, struct run_pool *pool, uint32_t units, uint32_t align_bytes)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    struct run *run = ashlar_heap_run_take_locked(heap, pool, units, align_bytes);
    ashlar_lock_give(&heap->lock, interrupts);
    return run;
}

COLD static void file_run(struct ashlar_heap *heap, struct run *run, enum run_state state)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    ashlar_heap_run_file_locked(heap, run, state);
    ashlar_lock_give(&heap->lock, interrupts);
}

COLD static struct run *take_bare(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    if (!ensure_descriptors(heap)) {
        return NULL;
    }
    struct run *run = take_run(heap, &heap->bare, units, align_bytes);
    if (run == NULL && extend_limit(heap, units, align_bytes)) {
        run = take_run(heap, &heap->bare, units, align_bytes);
    }
    return run;
}

/* The zones that are all bare if this run is. */
COLD static struct zones zones_of(struct ashlar_heap *heap, const struct run *run)
{
    uint32_t low = run->first;
    uint32_t end = run->first + run->units;
    uint32_t high = end;
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    const struct run *before = ashlar_heap_run_before_locked(heap, run);
    const struct run *after = ashlar_heap_run_after_locked(heap, run);
    if (load_relaxed(&before->state) == RUN_BARE) {
        low = before->first;
    }
    if (load_relaxed(&after->state) == RUN_BARE) {
        high = after->first + after->units;
    }
    if (high == heap->limit) {
        high = (uint32_t)round_up(high, ZONE_UNITS);
    }
    ashlar_lock_give(&heap->lock, interrupts);
    uint32_t first = (low + ZONE_UNITS - 1u) >> ZONE_SHIFT;
    uint32_t last = high >> ZONE_SHIFT;
    first = first > run->first >> ZONE_SHIFT ? first : run->first >> ZONE_SHIFT;
    uint32_t most = (end + ZONE_UNITS - 1u) >> ZONE_SHIFT;
    last = last < most ? last : most;
    struct zones zones = {first, last > first ? last - first : 0};
    return zones;
}

COLD static bool back_zones(struct ashlar_heap *heap, struct zones zones)
{
    if (zones.count != 0 && !back_metadata(heap, heap->bits, zones.first, zones.count)) {
        return false;
    }
    heap->bit_pages += zones.count;
    return true;
}

COLD static void unback_zones(struct ashlar_heap *heap, struct zones zones)
{
    if (zones.count != 0) {
        heap->source.decommit(heap->source.context, page_of(heap, heap->bits) + zones.first, zones.count);
        heap->bit_pages -= zones.count;
    }
}

COLD static ashlar_status commit_units(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    return heap->source.commit(heap->source.context, (size_t)heap->payload_page + first, units);
}

COLD static void decommit_units(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    heap->source.decommit(heap->source.context, (size_t)heap->payload_page + first, units);
}

COLD static bool grow_by(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    struct run *run = take_bare(heap, units, align_bytes);
    if (run == NULL) {
        return false;
    }
    struct zones zones = zones_of(heap, run);
    bool backed = back_zones(heap, zones);
    if (backed && commit_units(heap, run->first, run->units) != ASHLAR_OK) {
        unback_zones(heap, zones);
        backed = false;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    if (backed) {
        run->clean = (heap->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) != 0;
        heap->backed_units += run->units;
        heap->grows++;
    }
    ashlar_heap_run_file_locked(heap, run, backed ? RUN_EMPTY : RUN_BARE);
    ashlar_lock_give(&heap->lock, interrupts);
    return backed;
}

/* While this thread waited for the token, somebody may have grown the heap. */
COLD static bool is_there(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    struct run *run = take_run(heap, &heap->empty, units, align_bytes);
    if (run != NULL) {
        file_run(heap, run, RUN_EMPTY);
    }
    return run != NULL;
}

COLD bool ashlar_heap_grow(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes)
{
    uint32_t chunk = units > heap->grow_units ? units : (uint32_t)heap->grow_units;
    uint32_t well = align_bytes > heap->grow_align_bytes ? align_bytes : heap->grow_align_bytes;
    token_take(heap);
    bool grown = is_there(heap, units, align_bytes) || grow_by(heap, chunk, well) ||
                 ((units < chunk || align_bytes < well) && grow_by(heap, units, align_bytes));
    token_give(heap);
    return grown;
}

COLD bool ashlar_heap_reclaim(struct ashlar_heap *heap, size_t bytes)
{
    bool freed = false;
    if (!atomic_cas_u32(&heap->reclaiming, 0, 1)) {
        return false;
    }
    uint32_t count = atomic_load_u32(&heap->reclaimer_count);
    for (uint32_t i = 0; i < count; i++) {
        freed |= heap->reclaimer[i].call(heap->reclaimer[i].context, bytes) != 0;
    }
    atomic_store_u32(&heap->reclaiming, 0);
    return freed;
}

/* Units of the run that are kept, if at least so many have to be: what is given back begins where the source likes it. */
COLD static uint32_t kept_units(const struct ashlar_heap *heap, const struct run *run, uint32_t least)
{
    uintptr_t address = heap->base + ((uintptr_t)(run->first + least) << heap->unit_shift);
    return least + (uint32_t)((round_up(address, heap->grow_align_bytes) - address) >> heap->unit_shift);
}

/* An empty run, or the end of one, that is more than is to be kept; the map says nobody. */
COLD static struct run *take_excess(struct ashlar_heap *heap, size_t keep_units)
{
    struct run *run = NULL;
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    size_t empty = heap->empty_units;
    if (empty > keep_units) {
        run = ashlar_heap_run_largest_locked(heap);
        if (run->units > empty - keep_units && ashlar_heap_spares_locked(heap) != 0) {
            struct run *kept = run;
            uint32_t units = kept_units(heap, run, run->units - (uint32_t)(empty - keep_units));
            run = units < run->units ? ashlar_heap_run_split_locked(heap, run, units) : NULL;
            ashlar_heap_run_file_locked(heap, kept, RUN_EMPTY);
        }
        if (run != NULL) {
            ashlar_heap_map_run(heap, run, 0);
        }
    }
    ashlar_lock_give(&heap->lock, interrupts);
    return run;
}

COLD static void unback(struct ashlar_heap *heap, struct run *run)
{
    struct zones zones = zones_of(heap, run);
    decommit_units(heap, run->first, run->units);
    unback_zones(heap, zones);
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    heap->backed_units -= run->units;
    heap->shrinks++;
    run->clean = 0;
    ashlar_heap_run_file_locked(heap, run, RUN_BARE);
    ashlar_lock_give(&heap->lock, interrupts);
}

/* At most 32 runs a call. Returns units given back. */
COLD size_t ashlar_heap_purge(struct ashlar_heap *heap, size_t keep_units)
{
    size_t given = 0;
    if (!ashlar_heap_may_grow(heap, 0) || !token_try(heap)) {
        return 0;
    }
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        struct run *run = take_excess(heap, keep_units);
        if (run == NULL) {
            break;
        }
        given += run->units;
        unback(heap, run);
    }
    token_give(heap);
    return given;
}

/* The bare run gets what is behind the block, and new memory behind that. */
COLD static bool move_pages(struct ashlar_heap *heap, const struct run *from, const struct run *to, struct zones zones)
{
    uint32_t more = to->units - from->units;
    if (!back_zones(heap, zones)) {
        return false;
    }
    if (commit_units(heap, to->first + from->units, more) == ASHLAR_OK) {
        if (heap->source.move(heap->source.context, (size_t)heap->payload_page + to->first,
                              (size_t)heap->payload_page + from->first, from->units)) {
            return true;
        }
        decommit_units(heap, to->first + from->units, more);
    }
    unback_zones(heap, zones);
    return false;
}

/* to is the block now; from's memory is gone. */
COLD static void exchange_blocks(struct ashlar_heap *heap, struct run *from, struct run *to)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    uint32_t more = to->units - from->units;
    heap->large_units += more;
    heap->backed_units += more;
    heap->grows++;
    to->base = heap->base + ((uintptr_t)to->first << heap->unit_shift);
    to->bits = &heap->bits[((uintptr_t)to->first << heap->unit_granule_shift) / 32u];
    to->cache = NULL;
    store_relaxed(to->bits, 1u);
    store_relaxed(from->bits, 0);
    ashlar_heap_map_run(heap, to, run_offset(heap, to));
    ashlar_heap_map_run(heap, from, 0);
    store_relaxed(&to->state, RUN_LARGE);
    store_relaxed(&from->state, RUN_MOVING);
    ashlar_lock_give(&heap->lock, interrupts);
    unback_zones(heap, zones_of(heap, from));
    file_run(heap, from, RUN_BARE);
}

COLD void *ashlar_heap_move_large(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    void *moved = NULL;
    if (heap->source.move == NULL || !ashlar_heap_may_grow(heap, 0)) {
        return NULL;
    }
    token_take(heap);
    struct run *to = take_bare(heap, units, ASHLAR_PAGE_BYTES);
    if (to != NULL) {
        if (move_pages(heap, run, to, zones_of(heap, to))) {
            exchange_blocks(heap, run, to);
            moved = (void *)to->base;
        } else {
            file_run(heap, to, RUN_BARE);
        }
    }
    token_give(heap);
    return moved;
}
