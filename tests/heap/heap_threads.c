/* SPDX-License-Identifier: 0BSD */
/* heap_threads.c - real threads as CPUs on one heap: what one allocates any may free; growth, shrinking and large
 * blocks race. No object is with two of them, and none is lost.
 */
#include "source.h"
#include "threads.h"

#include <ashlar/heap.h>

#define THREADS 4u
#define ROUNDS 30000u
#define SLOTS 512u

static struct ashlar_heap *heap;
static struct test_source test;
static struct ashlar_cache *cache;
static void *slots[SLOTS]; /* A: objects on offer to whoever comes */
static uint32_t clashes;
static uint32_t refusals;

/* An object begins with its size and ends with a trace of it. */
static void stamp(void *object, size_t bytes)
{
    memset(object, (int)(bytes & 0x7fu), bytes);
    memcpy(object, &bytes, sizeof bytes);
}

static size_t check_stamp(const unsigned char *object)
{
    size_t bytes;
    memcpy(&bytes, object, sizeof bytes);
    bool good = bytes <= 200000;
    for (size_t i = sizeof bytes; good && i<bytes; i += bytes> 4096 ? 997 : 1) {
        good = object[i] == (bytes & 0x7fu);
    }
    if (!good) {
        __atomic_fetch_add(&clashes, 1u, __ATOMIC_RELAXED);
    }
    return bytes;
}

static void let_go(void *object, uint64_t how)
{
    if (object == NULL) {
        return;
    }
    size_t bytes = check_stamp(object);
    if (how % 4u == 0) {
        ashlar_heap_free_sized(heap, object, bytes);
    } else {
        ashlar_heap_free(heap, object);
    }
}

static size_t some_size(uint64_t random)
{
    unsigned kind = (unsigned)(random >> 8 & 63u);
    size_t most = kind == 0 ? 150000 : kind < 8 ? 20000 : 500;
    return sizeof(size_t) + (size_t)(random >> 16) % most;
}

static void round_of(uint64_t random)
{
    size_t bytes = some_size(random);
    unsigned char *object = ashlar_heap_alloc(heap, bytes, 0);
    if (object == NULL) {
        __atomic_fetch_add(&refusals, 1u, __ATOMIC_RELAXED);
        return;
    }
    stamp(object, bytes);
    if (random % 16u == 1) {
        size_t more = some_size(random * 3u);
        unsigned char *moved = ashlar_heap_realloc(heap, object, more, 0);
        object = moved != NULL ? moved : object;
        stamp(object, moved != NULL ? more : bytes);
    }
    let_go(__atomic_exchange_n(&slots[(random >> 40) % SLOTS], object, __ATOMIC_ACQ_REL), random >> 3);
}

/* Objects of the cache pass through the same slots: ashlar_heap_free takes them as well. */
static void bulk_round(uint64_t random)
{
    void *objects[8];
    if (ashlar_cache_alloc_bulk(cache, 0, objects, 8) == 0) {
        __atomic_fetch_add(&refusals, 1u, __ATOMIC_RELAXED);
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        stamp(objects[i], 48);
    }
    void *other = __atomic_exchange_n(&slots[(random >> 40) % SLOTS], objects[7], __ATOMIC_ACQ_REL);
    ashlar_cache_free_bulk(cache, objects, 7);
    let_go(other, 1);
}

static void *work(void *argument)
{
    uint64_t seed = (uintptr_t)argument * 77u;
    sim_set_cpu((unsigned)(uintptr_t)argument - 1u);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t random = tap_random(&seed);
        round_of(random);
        if (random % 8u == 0) {
            bulk_round(random);
        }
        if (random % 256u == 0) {
            (void)ashlar_heap_shrink(heap, (size_t)(random >> 30) % (1u << 18));
        }
        if (random % 64u == 3) {
            (void)ashlar_heap_work(heap);
        }
    }
    return NULL;
}

int main(void)
{
    heap = source_heap(&test, 32768, THREADS, 128 << 10, 0);
    cache = make_cache(heap, "items", 48, 0, 0);
    run_threads(THREADS, work);
    is_u(clashes, 0, "no object was with two CPUs");
    is_u(refusals, 0, "memory that can be had is had, whoever else is growing");
    is_str(source_audit(heap, &test), NULL, "[fault 100] sound after remote frees against retirement of slabs");
    for (unsigned i = 0; i < SLOTS; i++) {
        let_go(slots[i], i);
    }
    settle_all(heap, THREADS);
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK, "the cache can be destroyed");
    is_u(stats_of(heap).live_objects, 0, "no object was lost");
    ok(stats_of(heap).grows > 50 && stats_of(heap).shrinks > 50, "it did grow and shrink");
    is_str(source_audit(heap, &test), NULL, "sound");
    source_free(&test);
    return done_testing();
}
