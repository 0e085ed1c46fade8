/* SPDX-License-Identifier: 0BSD */
/* holds.c - how long the heap keeps interrupts off, in instructions.
 *
 * Each case is of a size at which any work per unit, per cache or per slab under the lock would show.
 */
#include "source.h"
#include "stepping.h"

#include <ashlar/heap.h>

#define CACHES 200u
#define BLOCKS 300u
#define MIB ((size_t)1 << 20)
#define MANY 1000000u

static struct ashlar_heap *heap;
static struct test_source test;
static struct ashlar_cache *caches[CACHES];
static void *objects[BLOCKS];
/* The source is not what is measured. */
static ashlar_status commit(void *context, size_t first, size_t pages)
{
    STEP_OFF();
    ashlar_status status = source_commit(context, first, pages);
    if (is_stepping) {
        STEP_ON();
    }
    return status;
}

static void decommit(void *context, size_t first, size_t pages)
{
    STEP_OFF();
    source_decommit(context, first, pages);
    if (is_stepping) {
        STEP_ON();
    }
}

static int move(void *context, size_t to, size_t from, size_t pages)
{
    STEP_OFF();
    int moved = source_move(context, to, from, pages);
    if (is_stepping) {
        STEP_ON();
    }
    return moved;
}

static void start(void)
{
    heap = source_heap(&test, (size_t)128 << 8, 2, 48 * MIB, ASHLAR_HEAP_SOURCE_ZEROED);
    heap->runs.source.commit = commit;
    heap->runs.source.decommit = decommit;
    sim_set_cpu(0);
}

static void test_blocks(void)
{
    void *block = NULL;
    start();
    heap->runs.keep_units = 1;
    HOLDS("[fault 140]", "a block of 24 MiB", block = ashlar_heap_alloc(heap, 24 * MIB, 0));
    HOLDS("[fault 140]", "its free", ashlar_heap_free(heap, block));
    heap->runs.keep_units = MANY;
    ashlar_heap_free(heap, take_one(heap, 30 * MIB));
    block = take_one(heap, 100000);
    HOLDS("[fault 140]", "its growth in place by 24 MiB", block = ashlar_heap_realloc(heap, block, 24 * MIB, 0));
    HOLDS("[fault 140]", "its shrinking", block = ashlar_heap_realloc(heap, block, 100000, 0));
    HOLDS("[fault 140]", "shrinking the heap", (void)ashlar_heap_shrink(heap, 0));
    heap->runs.source.move = move;
    block = ashlar_heap_realloc(heap, block, 24 * MIB, 0);
    void *behind = take_one(heap, 100000);
    size_t moves = test.moves;
    HOLDS("[fault 140]", "a move of 24 MiB", block = ashlar_heap_realloc(heap, block, 30 * MIB, 0));
    ok(test.moves == moves + 1u, "it did move");
    ashlar_heap_free(heap, block);
    ashlar_heap_free(heap, behind);
    source_end(heap, &test, 2, "sound after large blocks");
}

static void test_caches(void)
{
    start();
    for (unsigned i = 0; i < CACHES; i++) {
        caches[i] = make_cache(heap, "one of many", 64, 0, 0);
        ashlar_cache_free(caches[i], ashlar_cache_alloc(caches[i], 0));
    }
    ok(heap->owners[0].kept_units >= CACHES, "each cache keeps a slab");
    HOLDS("[fault 140]", "destroying one cache of many", (void)!ashlar_cache_destroy(caches[CACHES / 2u]));
    HOLDS("[fault 140]", "shrinking with a slab kept for each of many caches", (void)ashlar_heap_shrink(heap, 0));
    is_u(heap->owners[0].kept_units, 0, "none is kept");
    for (unsigned i = 0; i < CACHES; i++) {
        if (i != CACHES / 2u && ashlar_cache_destroy(caches[i]) != ASHLAR_OK) {
            ok(false, "a cache goes");
        }
    }
    source_end(heap, &test, 2, "sound after many caches");
}

/* A cache of many slabs, all of whose objects lie in another CPU's mail. */
static void test_slabs(void)
{
    start();
    struct ashlar_cache *cache = make_cache(heap, "large", 16384, 0, 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        objects[i] = ashlar_cache_alloc(cache, 0);
    }
    sim_set_cpu(1);
    ashlar_cache_free_bulk(cache, objects, BLOCKS);
    HOLDS("[fault 140]", "destroying a cache with much on its way", (void)!ashlar_cache_destroy(cache));
    is_u(stats_of(heap).slabs, 0, "all its slabs are gone");
    source_end(heap, &test, 2, "sound after a large cache");
}

/* Blocks that an NMI has freed. */
static void test_deferred(void)
{
    start();
    for (unsigned i = 0; i < 200; i++) {
        objects[i] = take_one(heap, 40000);
    }
    sim_set_context(ASHLAR_CONTEXT_NMI);
    give_objects(heap, objects, 200);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    HOLDS("[fault 140]", "what an NMI has left", (void)ashlar_heap_work(heap));
    source_end(heap, &test, 2, "sound after an NMI");
}

int main(void)
{
    if (!stepping_works()) {
        return 0;
    }
    test_blocks();
    test_caches();
    test_slabs();
    test_deferred();
    return done_testing();
}
