/* SPDX-License-Identifier: 0BSD */
/* audit_smp.c - audits while others use the heap: they say that it is busy, never that it is broken; and they say what is
 * broken once nobody does.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "seeds.h"

#include <ashlar/heap.h>

#define CPUS 3u
#define AUDITOR (CPUS - 1u)
#define SLOTS 8u
#define STEPS 60u

static struct ashlar_heap *heap;
static struct test_source test;

static struct {
    void *slot[AUDITOR][SLOTS];
    uint64_t random;
    const char *problem;
    unsigned busy;
    unsigned sound;
} run;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&run.random) >> 33) % bound;
}

/* Small objects, often the last of a slab; and large blocks that grow and shrink. */
static void step(void **slot)
{
    static const size_t sizes[] = {64, 2048, 30000, 50000};
    size_t bytes = sizes[random_below(4)];
    if (*slot == NULL) {
        *slot = ashlar_heap_alloc(heap, bytes, 0);
    } else if (random_below(3) == 0) {
        void *moved = ashlar_heap_realloc(heap, *slot, bytes, 0);
        *slot = moved != NULL ? moved : *slot;
    } else {
        ashlar_heap_free(heap, *slot);
        *slot = NULL;
    }
    if (random_below(8) == 0) {
        (void)ashlar_heap_shrink(heap, 0);
    }
}

static void look(void)
{
    const char *broken = ashlar_heap_audit(heap);
    run.busy += broken == ashlar_heap_audit_busy;
    run.sound += broken == NULL;
    if (broken != NULL && broken != ashlar_heap_audit_busy) {
        run.problem = broken;
    }
}

static void cpu_body(void *context)
{
    (void)context;
    unsigned cpu = ashlar_port_cpu();
    for (unsigned i = 0; i < STEPS && run.problem == NULL; i++) {
        if (cpu == AUDITOR) {
            look();
        } else {
            step(&run.slot[cpu][random_below(SLOTS)]);
        }
        sim_progress();
        sim_yield();
    }
}

static void answer(void)
{
}

static const char *settle(void)
{
    for (unsigned cpu = 0; cpu < AUDITOR; cpu++) {
        for (unsigned i = 0; i < SLOTS; i++) {
            ashlar_heap_free(heap, run.slot[cpu][i]);
        }
    }
    settle_all(heap, CPUS);
    return source_audit(heap, &test);
}

static const char *run_seed(uint64_t seed)
{
    const struct sim_schedule_options schedule = {.seed = seed, .interrupt = answer};
    memset(run.slot, 0, sizeof run.slot);
    run.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    heap = source_heap(&test, 2048, CPUS, 64 << 10, 0);
    const char *why = run_and_settle(CPUS, cpu_body, &run.problem, settle, &schedule);
    source_free(&test);
    return why;
}

int main(void)
{
    is_str(seeds_of(run_seed, 500), NULL, "[fault 148] an audit of a heap in use says that it is busy, not broken");
    ok(run.busy != 0 && run.sound != 0, "%u times it was busy, %u times sound", run.busy, run.sound);
    return done_testing();
}
