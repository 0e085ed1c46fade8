/* SPDX-License-Identifier: 0BSD */
/* heap_audit.c - damage to each structure is found and named; what was damaged is put right, and the audit content
 * again.
 */
#include "source.h"

#include "heap/find.h"
#include "heap/marks.h"
#include "heap/size.h"
#include "runs/runs.h"
#include <ashlar/heap.h>

static struct ashlar_heap *heap;
static struct test_source test;
static char *object, *other, *freed, *full[4], *large, *spent;
static struct run *slab, *full_slab, *block, *empty, *bare;
static struct ashlar_cache *cache;

static struct run *slab_of(const void *address)
{
    return ashlar_heap_find(heap, (uintptr_t)address);
}

static uint32_t *bits_of(const void *address)
{
    return &heap->runs.bits[((uintptr_t)address - heap->runs.base) >> 9].allocated;
}

static struct run *run_in(const struct run_pool *pool)
{
    for (unsigned bin = RUN_BINS; bin-- != 0;) {
        if (pool->heads[bin] != 0) {
            return run_at(&heap->runs, pool->heads[bin]);
        }
    }
    return &ashlar_heap_nobody;
}

static void build(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 4096, 1, 256 << 10, 0);
    object = ashlar_heap_alloc(heap, 64, 0);
    other = ashlar_heap_alloc(heap, 64, 0);
    freed = ashlar_heap_alloc(heap, 64, 0);
    ashlar_heap_free(heap, freed);
    full[0] = ashlar_heap_alloc(heap, 4096, 0);
    (void)!ashlar_heap_alloc(heap, 4096, 0);
    large = ashlar_heap_alloc(heap, 100000, 0);
    (void)!ashlar_cache_create(heap, "cache", 200, 0, 0, &cache);
    (void)!ashlar_cache_alloc(cache, 0);
    ashlar_heap_free(heap, ashlar_heap_alloc(heap, 2048, 0)); /* a kept slab */
    full[1] = ashlar_heap_alloc(heap, 32768, 0);
    spent = ashlar_heap_alloc(heap, 32768, 0);
    ashlar_heap_free(heap, full[1]);
    ashlar_heap_free(heap, spent); /* one slab is kept, the other an empty run */
    slab = slab_of(object);
    full_slab = slab_of(full[0]);
    block = slab_of(large);
    empty = run_in(&heap->runs.empty);
    bare = run_in(&heap->runs.bare);
}

/* place takes another value for one audit. */
#define DAMAGE(place, value, text)                                                                                     \
    do {                                                                                                               \
        __typeof__(place) before_ = (place);                                                                           \
        (place) = (__typeof__(place))(value);                                                                          \
        is_str(ashlar_heap_audit(heap), text, "[fault 86] " #place " = " #value);                                      \
        (place) = before_;                                                                                             \
        is_str(ashlar_heap_audit(heap), NULL, "sound again");                                                          \
    } while (0)

static void test_slabs(void)
{
    uint16_t *link = (void *)freed;
    DAMAGE(slab->capacity, 0, "a slab's capacity is wrong");
    DAMAGE(slab->fresh, slab->capacity + 1, "a slab's capacity is wrong");
    DAMAGE(slab->stride, 128, "a slab is larger than its run");
    DAMAGE(slab->granules, slab->granules + 1, "a slab's granules are wrong");
    DAMAGE(slab->base, slab->base + 16, "a slab's base is wrong");
    DAMAGE(slab->bits, slab->bits + 1, "a slab's base is wrong");
    DAMAGE(slab->fast, &heap->owners[1], "a slab's fast frees go elsewhere");
    DAMAGE(full_slab->fast, &heap->owners[1], "a slab's fast frees go elsewhere");
    DAMAGE(slab->word, slab->word + 0x10000u, "a slab's count is not that of its bits");
    DAMAGE(slab->word, slab->word & 0xffff0000u, "a live object is in a free list");
    DAMAGE(slab->word, (slab->word & 0xffff0000u) | 8u, "a free list leaves its slab");
    DAMAGE(slab->bits[0].allocated, slab->bits[0].allocated | 2u, "an allocated bit is set inside of an object");
    DAMAGE(slab->bits[0].allocated, slab->bits[0].allocated & ~1u, "a slab's count is not that of its bits");
    DAMAGE(slab->state, RUN_FULL, "a slab with free objects is in no list");
    DAMAGE(slab->state, RUN_MOVING, ashlar_heap_audit_busy);
    DAMAGE(full_slab->state, RUN_NONE, "a run is in no state");
    DAMAGE(heap->runs.lock.held, 1, ashlar_heap_audit_busy);
    DAMAGE(*link, 8, "a free list leaves its slab");
    DAMAGE(*link, object - (char *)slab->base, "a live object is in a free list");
}

static void test_runs(void)
{
    DAMAGE(empty->units, empty->units - 1, "a run's last unit names another");
    DAMAGE(heap->runs.map[slab->first], 0, "the runs do not tile the range");
    DAMAGE(heap->runs.map[block->first + 1], 0, "a unit inside of a run names another");
    DAMAGE(heap->runs.map[block->first + block->units - 1], 0, "a run's last unit names another");
    DAMAGE(heap->runs.map[bare->first + 1], 64, "a bare unit names a run");
    DAMAGE(bare->units, bare->units + 1, "a run passes the limit");
    DAMAGE(bare->state, RUN_EMPTY, "neighbours were not merged");
    DAMAGE(block->bits->allocated, 0, "a large block's bits are wrong");
    DAMAGE(block->bits->allocated, 3, "a large block's bits are wrong");
    DAMAGE(block->bits, slab->bits, "a large block's bits are wrong");
    DAMAGE(block->base, block->base + 4096, "a large block's base is wrong");
    DAMAGE(block->cache, cache, "a large block's base is wrong");
    DAMAGE(*bits_of(spent + 4096), 4, "an allocated bit is set in an empty run");
    DAMAGE(heap->runs.map[block->first + 1], run_offset(&heap->runs, block), "a unit inside of a run names another");
    DAMAGE(heap->runs.map[slab->first], run_offset(&heap->runs, slab) | MAP_NO_SLAB,
           "a unit inside of a run names another");
    DAMAGE(*bits_of(cache), 4, NULL);
    DAMAGE(*bits_of(large + 4096), 4, NULL);
    DAMAGE(heap->runs.empty.mask[0], heap->runs.empty.mask[0] ^ 2u, "a bin's mask bit is wrong");
    DAMAGE(bare->previous, 64, "a bin of runs is not linked");
    uint32_t bin = ashlar_runs_bin_of(bare->units);
    DAMAGE(heap->runs.bare.heads[bin], 0, "a bin's mask bit is wrong");
    DAMAGE(bare->next, run_offset(&heap->runs, bare), "a bin of runs is not linked");
}

static void test_bins(void)
{
    struct owner *owner = &heap->owners[0];
    struct bin *bin = &owner->bin[slab->class];
    struct bin *kept = &owner->bin[size_class_of(2048)];
    DAMAGE(bin->current, &ashlar_heap_nobody, "a slab is marked as listed and is in no list");
    DAMAGE(bin->slabs, 0, "a bin has more slabs than it counts");
    DAMAGE(bin->slabs, 2, "the bins have not as many slabs as there are");
    DAMAGE(slab->previous, 0, "a bin's first slab does not name the last");
    DAMAGE(slab->next, run_offset(&heap->runs, slab), "a bin has more slabs than it counts");
    DAMAGE(slab->owner, 1, "a slab's fast frees go elsewhere");
    DAMAGE(slab->cache, cache, "a bin of slabs is not linked");
    DAMAGE(cache->bin[0].current->cache, NULL, "a bin of slabs is not linked");
    DAMAGE(kept->kept, 0, "a bin keeps another slab than it says");
    DAMAGE(owner->kept_units, 5, "an owner's kept units are wrong");
    DAMAGE(owner->state, OWNER_BUSY, ashlar_heap_audit_busy);
    DAMAGE(ashlar_heap_nobody.word, 0, "nobody has something");
    DAMAGE(bin->current, full_slab, "a slab in a list is not marked so");
    DAMAGE(cache->bin[0].current, &ashlar_heap_nobody, "a slab is marked as listed and is in no list");
}

static void test_totals(void)
{
    DAMAGE(heap->runs.empty_units, heap->runs.empty_units + 1, "the empty units are not counted right");
    DAMAGE(heap->runs.backed_units, heap->runs.backed_units + 1, "the backed units are not counted right");
    DAMAGE(heap->slab_units, heap->slab_units + 1, "the slabs are not counted right");
    DAMAGE(heap->large_units, heap->large_units + 1, "the large blocks are not counted right");
    DAMAGE(heap->large_count, heap->large_count + 1, "the large blocks are not counted right");
    DAMAGE(heap->runs.runs_begun, heap->runs.runs_begun + 1, "a descriptor was lost");
    DAMAGE(heap->runs.spare_count, heap->runs.spare_count + 1, "a descriptor was lost");
    DAMAGE(heap->runs.granules, heap->runs.granules - 16, "the limit is not what was published");
    DAMAGE(heap->runs.growing.taken, 1, ashlar_heap_audit_busy);
    DAMAGE(heap->cache_count, 2, "an empty or bare run is in no bin");
}

int main(void)
{
    build();
    is_str(source_audit(heap, &test), NULL, "sound");
    ok(other != NULL && slab->state == RUN_LISTED && full_slab->state != RUN_KEPT && block->state == RUN_LARGE &&
           empty->state == RUN_EMPTY && bare->state == RUN_BARE,
       "each kind of run is there");
    test_slabs();
    test_runs();
    test_bins();
    test_totals();
    source_free(&test);
    return done_testing();
}
