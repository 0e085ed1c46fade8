/* SPDX-License-Identifier: 0BSD */
/* alone_smp.c - a CPU joins while another one is in the middle of what it may do only alone: it waits, on every seed.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "base/alone.h"
#include "base/atomic.h"
#include "schedule.h"
#include "sim.h"
#include "tap.h"

#include <ashlar/port.h>
#include <stdlib.h>

#define CPUS 3u
#define STEPS 12u

static volatile uint32_t busy;   /* the CPU that is alone is at work */
static volatile uint32_t joined; /* CPUs that take part beside it */
static unsigned long alone_steps, refused_steps;
static const char *problem;

static void work_alone(void)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    bool entered = ashlar_alone_enter();
    if (entered) {
        alone_steps++;
        atomic_store_u32(&busy, 1);
        bool nested = ashlar_alone_enter();
        if (!nested || !ashlar_may_change()) {
            problem = "who is at work alone is not alone within";
        }
        ashlar_alone_exit();
        if (atomic_load_u32(&joined) != 0) {
            problem = "another CPU takes part";
        }
        atomic_store_u32(&busy, 0);
        sim_drain();
    } else {
        refused_steps++;
    }
    ashlar_alone_exit();
    ashlar_port_irq_restore(interrupts);
}

static void join(void)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_alone_join();
    if (atomic_load_u32(&busy) != 0) {
        problem = "a CPU joins in the middle";
    }
    (void)atomic_fetch_add_u32(&joined, 1);
    if (ashlar_alone_enter()) {
        problem = "one of several CPUs is alone";
    }
    ashlar_alone_exit();
    sim_yield();
    (void)atomic_fetch_add_u32(&joined, ~(uint32_t)0);
    ashlar_alone_leave();
    ashlar_port_irq_restore(interrupts);
}

static void body(void *context)
{
    (void)context;
    for (unsigned i = 0; i < STEPS; i++) {
        if (ashlar_port_cpu() == 0) {
            work_alone();
        } else {
            join();
        }
        sim_progress();
    }
}

static void nothing(void)
{
}

int main(void)
{
    const char *one = getenv("ASHLAR_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 0) : 0;
    unsigned long seeds = one != NULL ? 1 : tap_seeds(2000);
    const char *why = NULL;
    uint64_t seed;
    ok(!ashlar_alone_enter(), "before somebody counts, nobody is alone");
    for (seed = first; seed < first + seeds && why == NULL; seed++) {
        struct sim_schedule_options options = {.seed = seed,
                                               .drain_one_in = seed % 2u == 0 ? 0 : 6,
                                               .interrupt = nothing};
        ashlar_alone_begin(CPUS);
        busy = joined = 0;
        problem = NULL;
        why = sim_schedule(CPUS, body, NULL, &options);
        why = why == NULL ? problem : why;
    }
    ok(why == NULL, "[fault 117] a CPU that joins waits for what another one does alone (%lu seeds)", seeds);
    if (why != NULL) {
        printf("#   seed %llu: %s\n", (unsigned long long)seed - 1u, why);
    }
    ok(one != NULL || (alone_steps > seeds && refused_steps > seeds), "  it was alone, and was not");
    return done_testing();
}
