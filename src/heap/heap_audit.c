/* SPDX-License-Identifier: 0BSD */
/* heap_audit.c - every invariant that can be looked at; and whether somebody used the heap meanwhile.
 *
 * The runs in order of address first (tiling, map, merging, totals), each by its state; then what hangs together by
 * lists: bins of runs, bins of owners and caches, descriptors. The first that is broken is returned as text.
 *
 * An audit holds the growth token, so that nothing loses its memory, and closes the fast paths; all others count: claims
 * of owners, changes of the pools. If one is busy, the lock is taken, or there were more of them in the end, then what
 * looks broken may be in the middle of a change: the answer is "busy". A fast path that had begun before it was closed
 * has ended by the second look, which decides.
 */
#include <ashlar/heap.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/token.h"
#include "heap/find.h"
#include "heap/internal.h"
#include "heap/marks.h"
#include "heap/slab.h"
#include "runs/runs.h"

#define REQUIRE(condition, text)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            return (text);                                                                                             \
        }                                                                                                              \
    } while (0)

const char ashlar_heap_audit_busy[] = "busy: somebody uses the heap";

struct heap_tally {
    size_t empty_units, backed_units, slab_units, large_units, slabs, large, runs, filed;
};

/* Of units that are a slab's, or were last. */
COLD static size_t bits_set(const struct ashlar_heap *heap, const struct run *run)
{
    size_t count = 0;
    uint32_t words = 1u << (heap->runs.unit_granule_shift - 5u);
    for (size_t i = (size_t)run->first * words; i < (size_t)(run->first + run->units) * words; i++) {
        uint32_t entry = heap->runs.map[i / words];
        count += entry == 0 || (entry & MAP_NO_SLAB) != 0 ? 0 : word_popcount(heap->runs.bits[i].allocated);
    }
    return count;
}

COLD static const char *audit_free_list(struct ashlar_heap *heap, const struct run *slab)
{
    uint32_t linked = free_in_slab(slab) - (slab->capacity - (uint32_t)slab->fresh);
    uint32_t offset = slab->word & 0xffffu;
    for (; linked != 0; linked--) {
        REQUIRE(offset % slab->stride == 0 && offset / slab->stride < slab->fresh, "a free list leaves its slab");
        uintptr_t object = slab->base + offset;
        REQUIRE(!is_allocated(heap, object), "a live object is in a free list");
        offset = *(uint16_t *)object;
    }
    REQUIRE(offset == LIST_END, "a free list is longer than its count");
    return NULL;
}

COLD static const char *audit_slab(struct ashlar_heap *heap, const struct run *slab)
{
    uint32_t live = 0;
    uint32_t free_objects = free_in_slab(slab);
    REQUIRE(slab->state != RUN_FULL || slab->word == FULL_WORD, "a slab with free objects is in no list");
    REQUIRE(slab->capacity != 0 && slab->fresh <= slab->capacity, "a slab's capacity is wrong");
    REQUIRE((uint32_t)slab->capacity * slab->stride <= slab->units << heap->runs.unit_shift,
            "a slab is larger than its run");
    REQUIRE(slab->granules == (uint32_t)slab->capacity * slab->stride / GRANULE_BYTES, "a slab's granules are wrong");
    REQUIRE(slab->base == run_address(&heap->runs, slab) && slab->bits == run_bits(&heap->runs, slab),
            "a slab's base is wrong");
    REQUIRE(slab->fast == NULL || slab->fast == &heap->owners[slab->owner], "a slab's fast frees go elsewhere");
    REQUIRE(free_objects <= slab->capacity && (uint32_t)slab->capacity - slab->fresh <= free_objects,
            "a slab's count is wrong");
    for (uint32_t i = 0; i < slab->capacity; i++) {
        live += is_allocated(heap, slab->base + (uintptr_t)i * slab->stride);
    }
    REQUIRE(live == slab->capacity - free_objects, "a slab's count is not that of its bits");
    REQUIRE(live == bits_set(heap, slab), "an allocated bit is set inside of an object");
    return slab->state == RUN_FULL ? NULL : audit_free_list(heap, slab);
}

COLD static const char *audit_map_of(const struct ashlar_heap *heap, const struct run *run)
{
    bool filled = run->state >= RUN_META;
    uint32_t offset = run_offset(&heap->runs, run) | (is_slab(run) ? 0 : MAP_NO_SLAB);
    REQUIRE((heap->runs.map[run->first + run->units - 1u] | MAP_NO_SLAB) == (offset | MAP_NO_SLAB),
            "a run's last unit names another");
    for (uint32_t i = 0; i < run->units; i++) {
        uint32_t entry = heap->runs.map[run->first + i];
        REQUIRE(!filled || entry == offset, "a unit inside of a run names another");
        REQUIRE(run->state != RUN_BARE || entry == 0 || i == 0 || i + 1u == run->units, "a bare unit names a run");
    }
    return NULL;
}

COLD static const char *audit_one_run(struct ashlar_heap *heap, const struct run *run, struct heap_tally *tally)
{
    tally->runs++;
    tally->backed_units += run->state != RUN_BARE ? run->units : 0;
    switch ((enum run_state)run->state) {
    case RUN_NONE:
        return "a run is in no state";
    case RUN_MOVING:
        return ashlar_heap_audit_busy;
    case RUN_BARE:
    case RUN_META:
        return NULL;
    case RUN_EMPTY:
        tally->empty_units += run->units;
        REQUIRE(bits_set(heap, run) == 0, "an allocated bit is set in an empty run");
        return NULL;
    case RUN_LARGE:
        tally->large++;
        tally->large_units += run->units;
        REQUIRE(run->bits == run_bits(&heap->runs, run) && run->bits->allocated == 1u,
                "a large block's bits are wrong");
        REQUIRE(run->base == run_address(&heap->runs, run) && run->cache == NULL, "a large block's base is wrong");
        return NULL;
    case RUN_FULL:
    case RUN_LISTED:
    case RUN_KEPT:
        break;
    }
    tally->slabs++;
    tally->slab_units += run->units;
    return audit_slab(heap, run);
}

COLD static const char *audit_all_runs(struct ashlar_heap *heap, struct heap_tally *tally)
{
    uint32_t before = RUN_NONE;
    for (uint32_t unit = 0; unit < heap->runs.limit;) {
        const struct run *run = run_in_map(&heap->runs, heap->runs.map[unit]);
        REQUIRE(heap->runs.map[unit] != 0 && run->first == unit && run->units != 0, "the runs do not tile the range");
        REQUIRE(run->units <= heap->runs.limit - unit, "a run passes the limit");
        REQUIRE(run->state > RUN_EMPTY || run->state != before, "neighbours were not merged");
        const char *broken = audit_map_of(heap, run);
        broken = broken != NULL ? broken : audit_one_run(heap, run, tally);
        REQUIRE(broken == NULL, broken);
        before = run->state;
        unit += run->units;
    }
    return NULL;
}

COLD static const char *audit_run_pool(struct ashlar_heap *heap, const struct run_pool *pool, enum run_state state,
                                       struct heap_tally *tally)
{
    for (uint32_t bin = 0; bin < RUN_BINS; bin++) {
        uint32_t before = 0;
        bool marked = (pool->mask[bin / 32u] >> (bin % 32u)) & 1u;
        REQUIRE(marked == (pool->heads[bin] != 0), "a bin's mask bit is wrong");
        for (uint32_t at = pool->heads[bin]; at != 0; at = run_at(&heap->runs, at)->next) {
            const struct run *run = run_at(&heap->runs, at);
            REQUIRE(run->state == state && run->previous == before, "a bin of runs is not linked");
            REQUIRE(ashlar_runs_bin_of(run->units) == bin, "a run is in the wrong bin");
            REQUIRE(++tally->filed <= tally->runs, "a bin of runs has a cycle");
            before = at;
        }
    }
    return NULL;
}

/* Slabs of a bin in its list; *kept_units grows by what is kept. */
COLD static const char *audit_bin(struct ashlar_heap *heap, const struct owner *owner, const struct bin *bin,
                                  const struct ashlar_cache *cache, size_t *listed, size_t *kept_units)
{
    uint32_t before = 0;
    uint32_t kept = 0;
    uint32_t count = 0;
    const struct run *slab = bin->current;
    while (slab != &ashlar_heap_nobody) {
        REQUIRE(slab->state == RUN_LISTED || slab->state == RUN_KEPT, "a slab in a list is not marked so");
        REQUIRE((before == 0 || slab->previous == before) && slab->owner == owner->index && slab->cache == cache,
                "a bin of slabs is not linked");
        REQUIRE(++count <= bin->slabs, "a bin has more slabs than it counts");
        before = run_offset(&heap->runs, slab);
        if (slab->state == RUN_KEPT) {
            REQUIRE(kept == 0, "a bin keeps two slabs");
            kept = before;
            *kept_units += slab->units;
        }
        slab = next_in_bin(heap, slab);
    }
    REQUIRE(before == 0 || bin->current->previous == before, "a bin's first slab does not name the last");
    REQUIRE(kept == bin->kept, "a bin keeps another slab than it says");
    *listed += count;
    return NULL;
}

COLD static const char *audit_owner(struct ashlar_heap *heap, const struct owner *owner, size_t *listed, size_t *slabs)
{
    size_t kept_units = 0;
    const char *broken = NULL;
    for (uint32_t class = 0; class < CLASS_COUNT && broken == NULL; class ++) {
        broken = audit_bin(heap, owner, &owner->bin[class], NULL, listed, &kept_units);
        *slabs += owner->bin[class].slabs;
    }
    for (const struct ashlar_cache *cache = heap->caches; cache != NULL && broken == NULL; cache = cache->next) {
        broken = audit_bin(heap, owner, &cache->bin[owner->index], cache, listed, &kept_units);
        *slabs += cache->bin[owner->index].slabs;
    }
    REQUIRE(broken == NULL, broken);
    REQUIRE(kept_units == owner->kept_units, "an owner's kept units are wrong");
    return NULL;
}

COLD static const char *audit_owners(struct ashlar_heap *heap)
{
    size_t listed = 0;
    size_t slabs = 0;
    size_t marked = 0;
    for (uint32_t i = 0; i < 2u * heap->max_cpus; i++) {
        const char *broken = audit_owner(heap, &heap->owners[i], &listed, &slabs);
        REQUIRE(broken == NULL, broken);
    }
    for (uint32_t i = 1; i < heap->runs.runs_begun; i++) {
        const struct run *slab = run_numbered(&heap->runs, i);
        marked += slab->state == RUN_LISTED || slab->state == RUN_KEPT;
    }
    REQUIRE(slabs == heap->slab_count, "the bins have not as many slabs as there are");
    REQUIRE(listed == marked, "a slab is marked as listed and is in no list");
    REQUIRE(ashlar_heap_nobody.word == LIST_END && ashlar_heap_nobody.next == 0, "nobody has something");
    return NULL;
}

COLD static const char *audit_heap_totals(const struct ashlar_heap *heap, const struct heap_tally *tally)
{
    REQUIRE(tally->filed == tally->runs - tally->slabs - tally->large - heap->cache_count,
            "an empty or bare run is in no bin");
    REQUIRE(tally->empty_units == heap->runs.empty_units, "the empty units are not counted right");
    REQUIRE(tally->backed_units == heap->runs.backed_units, "the backed units are not counted right");
    REQUIRE(tally->slab_units == heap->slab_units && tally->slabs == heap->slab_count,
            "the slabs are not counted right");
    REQUIRE(tally->large_units == heap->large_units && tally->large == heap->large_count,
            "the large blocks are not counted right");
    REQUIRE(heap->runs.limit == 0 || tally->runs + heap->runs.spare_count + 1u == heap->runs.runs_begun,
            "a descriptor was lost");
    REQUIRE(heap->runs.granules == (uintptr_t)heap->runs.limit << heap->runs.unit_granule_shift,
            "the limit is not what was published");
    return NULL;
}

COLD static const char *audit_once(struct ashlar_heap *heap)
{
    struct heap_tally tally = {0, 0, 0, 0, 0, 0, 0, 0};
    const char *broken = audit_all_runs(heap, &tally);
    broken = broken != NULL ? broken : audit_run_pool(heap, &heap->runs.empty, RUN_EMPTY, &tally);
    broken = broken != NULL ? broken : audit_run_pool(heap, &heap->runs.bare, RUN_BARE, &tally);
    broken = broken != NULL ? broken : audit_owners(heap);
    return broken != NULL ? broken : audit_heap_totals(heap, &tally);
}

/* How often it was used off the fast paths, so far. False: it is being used. */
COLD static bool count_uses(const struct ashlar_heap *heap, uintptr_t *uses)
{
    bool idle = atomic_load_u32(&heap->runs.lock.held) == 0;
    *uses = atomic_load(&heap->runs.changes);
    for (uint32_t i = 0; i < 2u * heap->max_cpus; i++) {
        idle = idle && (atomic_load_u32(&heap->owners[i].state) & OWNER_BUSY) == 0;
        *uses += load_relaxed(&heap->owners[i].claims);
    }
    return idle;
}

COLD const char *ashlar_heap_audit(struct ashlar_heap *heap)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    const char *broken = ashlar_heap_audit_busy;
    uint32_t fast_cpus = heap->fast_cpus;
    if (!ashlar_token_try(&heap->runs.growing)) {
        return broken;
    }
    (void)atomic_exchange_u32(&heap->fast_cpus, 0);
    for (unsigned look = 0; look < 2u && broken != NULL; look++) {
        uintptr_t before, after;
        bool idle = count_uses(heap, &before);
        broken = audit_once(heap);
        idle = count_uses(heap, &after) && idle && before == after;
        broken = idle ? broken : ashlar_heap_audit_busy;
    }
    atomic_store_u32(&heap->fast_cpus, fast_cpus);
    ashlar_token_give(&heap->runs.growing);
    return broken;
}
