/* SPDX-License-Identifier: 0BSD */
/* mailbox_smp.c - the lists on which freed memory waits, under the scheduler that stops a CPU at any access.
 *
 * A few objects and blocks go round between CPUs: the same addresses are freed,
 * taken in, handed out and freed again while another CPU stands in the middle of
 * pushing onto the list that they were on, or of popping from it. What is lost or
 * doubled by such a list (ABA) would be lost or doubled here: each object has one
 * holder, and in the end all of them are back.
 *
 * Mailboxes have one taker, who takes all at once; large blocks that an NMI freed
 * are popped by the lock's holder alone. And a CPU may go: two others then take in
 * on its behalf what is still sent to it.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "seeds.h"

#include <ashlar/heap.h>

#define CPUS 4u
#define GONE (CPUS - 1u)
#define SLOTS 6u
#define STEPS 40u
#define BYTES 1024u /* few to a slab: the same addresses come round at once */
#define BLOCK_BYTES 40000u

static struct ashlar_heap *heap;
static struct test_source test;

/* What its holder has written into it. */
struct object {
    uintptr_t link[2]; /* the heap's while it is free */
    uintptr_t holder;
};

static struct {
    struct object *slot[SLOTS];
    uint64_t random;
    bool is_gone;
    const char *problem;
} run;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&run.random) >> 33) % bound;
}

static void take(unsigned slot, bool block)
{
    struct object *object = ashlar_heap_alloc(heap, block ? BLOCK_BYTES : BYTES, 0);
    if (object == NULL) {
        run.problem = "no memory";
        return;
    }
    object->holder = (uintptr_t)object ^ slot;
    sim_yield();
    if (run.slot[slot] != NULL) { /* another CPU was faster */
        ashlar_heap_free(heap, object);
        return;
    }
    run.slot[slot] = object;
}

static void give(unsigned slot, bool in_nmi)
{
    struct object *object = run.slot[slot];
    run.slot[slot] = NULL;
    if (object->holder != ((uintptr_t)object ^ slot)) {
        run.problem = "an object has two holders";
    }
    object->holder = 0;
    if (in_nmi) {
        sim_set_context(ASHLAR_CONTEXT_NMI);
    }
    ashlar_heap_free(heap, object);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
}

static void step(void)
{
    unsigned slot = random_below(SLOTS);
    unsigned what = random_below(8);
    if (run.slot[slot] == NULL) {
        take(slot, slot % 2u != 0);
    } else {
        give(slot, what < 4u);
    }
    if (what == 0) {
        (void)ashlar_heap_work(heap);
    } else if (what < 5u && run.is_gone) {
        ashlar_heap_drain_cpu(heap, GONE);
    }
}

static void cpu_body(void *context)
{
    (void)context;
    bool goes = ashlar_port_cpu() == GONE && random_below(2) == 0;
    unsigned steps = goes ? STEPS / 4u : STEPS;
    for (unsigned i = 0; i < steps && run.problem == NULL; i++) {
        step();
        sim_progress();
        sim_yield();
    }
    run.is_gone = run.is_gone || goes;
}

static void answer(void)
{
}

/* All come back; a CPU that is gone takes nothing in by itself. */
static const char *settle(void)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (run.slot[slot] != NULL) {
            give(slot, false);
        }
    }
    if (run.is_gone) {
        ashlar_heap_drain_cpu(heap, GONE);
    }
    settle_all(heap, run.is_gone ? GONE : CPUS);
    if (stats_of(heap).live_objects != 0) {
        return "objects are lost";
    }
    return source_audit(heap, &test);
}

static const char *run_seed(uint64_t seed)
{
    const struct sim_schedule_options schedule = {.seed = seed, .interrupt = answer};
    memset(&run, 0, sizeof run);
    run.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    heap = source_heap(&test, 2048, CPUS, 256 << 10, 0);
    const char *why = run_and_settle(CPUS, cpu_body, &run.problem, settle, &schedule);
    source_free(&test);
    return why;
}

int main(void)
{
    is_str(seeds_of(run_seed, 2000), NULL,
           "[fault 99, 104] the same objects on and off the lists, and a CPU that goes: none is lost or doubled");
    return done_testing();
}
