/* SPDX-License-Identifier: 0BSD */
/* destroy_threads.c - a cache is destroyed while another CPU's idle loop takes its objects home: all were freed, so it
 * goes, at once.
 */
#include "source.h"
#include "threads.h"

#include <ashlar/heap.h>

#define OBJECTS 40u
#define ROUNDS 300u

static struct ashlar_heap *heap;
static struct test_source test;
static struct ashlar_cache *cache;
static void *objects[OBJECTS];
static uint32_t wanted;
static uint32_t is_over;
static const char *problem;

/* CPU 0: takes objects when told to, and else does what others left. */
static void *idle(void *number)
{
    sim_set_cpu((unsigned)(uintptr_t)number - 1u);
    while (__atomic_load_n(&is_over, __ATOMIC_ACQUIRE) == 0) {
        if (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE) != 0) {
            for (unsigned i = 0; i < OBJECTS; i++) {
                objects[i] = ashlar_cache_alloc(cache, 0);
            }
            __atomic_store_n(&wanted, 0u, __ATOMIC_RELEASE);
        }
        if (ashlar_heap_work(heap) == 0) {
            (void)ashlar_heap_shrink(heap, 0);
        }
    }
    return NULL;
}

static bool destroy_one(void)
{
    if (ashlar_cache_create(heap, "things", 64, 0, 0, &cache) != ASHLAR_OK) {
        return false;
    }
    __atomic_store_n(&wanted, 1u, __ATOMIC_RELEASE);
    while (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE) != 0) {
        sched_yield();
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        ashlar_cache_free(cache, objects[i]);
    }
    ashlar_status status = ASHLAR_OK;
    problem = SIM_FATAL(status = ashlar_cache_destroy(cache));
    return problem == NULL && status == ASHLAR_OK;
}

static void *body(void *number)
{
    if (number == (void *)1) {
        return idle(number);
    }
    sim_set_cpu(1);
    unsigned done = 0;
    while (done < ROUNDS && destroy_one()) {
        done++;
    }
    ok(done == ROUNDS, "[fault 139] a cache is destroyed while its objects are taken home: %u times%s%s", done,
       problem != NULL ? ": " : "", problem != NULL ? problem : "");
    __atomic_store_n(&is_over, 1u, __ATOMIC_RELEASE);
    return NULL;
}

int main(void)
{
    heap = source_heap(&test, 32768, 2, 128 << 10, 0);
    run_threads(2, body);
    source_end(heap, &test, 2, "sound afterwards");
    return done_testing();
}
