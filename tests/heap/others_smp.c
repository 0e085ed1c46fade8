/* SPDX-License-Identifier: 0BSD */
/* others_smp.c - CPUs that are all short of memory reach into each other's mail, under the scheduler that stops a CPU at
 * any access.
 *
 * A range so small that it is full most of the time: objects of three sizes, and
 * of a cache, change hands between CPUs and come home by mail, are drained by their
 * owners, found by those who look for their size, or given back by owners that are
 * kicked. Each has one holder; in the end all of them are home, and the range is
 * whole again. Now and then the cache is destroyed and made anew, while its objects
 * are on their way.
 *
 * And an object is freed by two CPUs at the same time: one of them is told, or its
 * owner is when it comes home.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "seeds.h"

#include <ashlar/heap.h>

#define CPUS 3u
#define SLOTS 40u
#define STEPS 60u
#define RANGE_BYTES ((size_t)96 << 10)

static struct ashlar_heap *heap;
static _Alignas(16) unsigned char range[RANGE_BYTES];

struct object {
    uintptr_t words[2]; /* the heap's while it is free */
    uintptr_t holder;
};

static struct {
    struct object *slot[SLOTS];
    bool is_cached[SLOTS]; /* of the cache */
    struct ashlar_cache *cache;
    uint64_t random;
    unsigned refusals;
    const char *problem;
} run;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&run.random) >> 33) % bound;
}

static int kick(void *context, unsigned cpu)
{
    (void)context;
    uint32_t mask = (uint32_t)1 << cpu;
    sim_kick(&mask, 1);
    return 1;
}

static void answer(void)
{
    unsigned context = ashlar_port_context() & ~ASHLAR_CONTEXT_IRQS_OFF;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ashlar_heap_answer(heap);
    sim_set_context(context);
}

/* In a slot that nobody else has. */
static void take(unsigned slot, unsigned what)
{
    static const size_t sizes[] = {64, 2048, 9000};
    struct object *object = (void *)(uintptr_t)1;
    run.slot[slot] = object; /* taken */
    run.is_cached[slot] = what == 3u && run.cache != NULL;
    object = run.is_cached[slot] ? ashlar_cache_alloc(run.cache, 0) : ashlar_heap_alloc(heap, sizes[what % 3u], 0);
    if (object != NULL) {
        object->words[0] = object->words[1] = ~(uintptr_t)object * 0x9e3779b1u;
        object->holder = (uintptr_t)object ^ slot;
    } else {
        run.refusals++;
    }
    run.slot[slot] = object;
}

static void give(unsigned slot)
{
    struct object *object = run.slot[slot];
    if (object == (void *)(uintptr_t)1) {
        return; /* another CPU is at it */
    }
    run.slot[slot] = (void *)(uintptr_t)1;
    if (object->holder != ((uintptr_t)object ^ slot)) {
        run.problem = "an object has two holders";
    }
    object->holder = 0;
    ashlar_heap_free(heap, object);
    run.slot[slot] = NULL;
}

/* By CPU 0 alone: no slot has any of its objects, and none will. */
static void renew_cache(void)
{
    struct ashlar_cache *old = run.cache;
    run.cache = NULL;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (run.slot[slot] != NULL && run.is_cached[slot]) {
            give(slot);
        }
        if (run.slot[slot] != NULL && run.is_cached[slot]) {
            run.cache = old; /* somebody takes it right now */
            return;
        }
    }
    if (ashlar_cache_destroy(old) != ASHLAR_OK) {
        run.problem = "a cache does not go";
    }
    if (ashlar_cache_create(heap, "shared", 200, 0, 0, &run.cache) != ASHLAR_OK) {
        run.cache = NULL;
    }
}

static void cpu_body(void *context)
{
    (void)context;
    for (unsigned i = 0; i < STEPS && run.problem == NULL; i++) {
        unsigned slot = random_below(SLOTS);
        if (ashlar_port_cpu() == 0 && run.cache != NULL && random_below(10) == 0) {
            renew_cache();
        } else if (run.slot[slot] == NULL) {
            take(slot, random_below(4));
        } else if (random_below(3) != 0) {
            give(slot);
        }
        if (random_below(16) == 0) {
            (void)ashlar_heap_work(heap);
        }
        sim_progress();
        sim_yield();
    }
}

static void begin_range(void)
{
    const struct ashlar_heap_options options = {.max_cpus = CPUS, .kick = kick};
    memset(range, 0xe7, sizeof range);
    if (ashlar_heap_init_range_with(range, sizeof range, &options, &heap) != ASHLAR_OK) {
        puts("# no heap");
        exit(1);
    }
}

static const char *settle(void)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (run.slot[slot] != NULL) {
            give(slot);
        }
    }
    if (run.cache != NULL && ashlar_cache_destroy(run.cache) != ASHLAR_OK) {
        return "the cache does not go";
    }
    settle_all(heap, CPUS);
    return stats_of(heap).live_objects != 0 ? "objects are lost" : ashlar_heap_audit(heap);
}

static const char *run_seed(uint64_t seed)
{
    const struct sim_schedule_options schedule = {.seed = seed, .interrupt = answer, .waits_most = 100000};
    unsigned refusals = run.refusals;
    memset(&run, 0, sizeof run);
    run.refusals = refusals;
    run.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    begin_range();
    (void)!ashlar_cache_create(heap, "shared", 200, 0, 0, &run.cache);
    return run_and_settle(CPUS, cpu_body, &run.problem, settle, &schedule);
}

/* --- two frees at once --------------------------------------------------------- */

static struct {
    void *object;
    unsigned told;
} twice;

static void free_it(void *context)
{
    (void)context;
    if (ashlar_port_cpu() != 0 && SIM_FATAL(ashlar_heap_free(heap, twice.object)) != NULL) {
        twice.told++;
    }
}

static const char *free_twice(uint64_t seed)
{
    const struct sim_schedule_options schedule = {.seed = seed, .interrupt = answer};
    begin_range();
    twice.told = 0;
    twice.object = ashlar_heap_alloc(heap, 64, 0);
    const char *why = sim_schedule(CPUS, free_it, NULL, &schedule);
    if (why == NULL && twice.told != 1u) {
        why = "both frees went through";
    }
    if (why == NULL) {
        settle_all(heap, CPUS);
        why = stats_of(heap).live_objects != 0 ? "the object is lost" : ashlar_heap_audit(heap);
    }
    return why;
}

int main(void)
{
    is_str(seeds_of(run_seed, 1000), NULL, "[fault 137] short of memory, all at once: none is lost or doubled");
    printf("# %u refusals\n", run.refusals);
    is_str(seeds_of(free_twice, 1000), NULL, "[fault 144] freed by two CPUs at once: one is told");
    return done_testing();
}
