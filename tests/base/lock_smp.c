/* SPDX-License-Identifier: 0BSD */
/* lock_smp.c - a handler takes the lock that its CPU waits for, on every seed: a lock that let interrupts in while it is
 * waited for would be taken twice by one CPU, or stand behind itself in a queue.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "base/atomic.h"
#include "base/lock.h"
#include "schedule.h"
#include "sim.h"
#include "tap.h"

#include <stdlib.h>

#define CPUS 3u
#define STEPS 60u

static struct ashlar_lock lock;
static volatile uint32_t inside; /* CPUs within the lock: by load and store */
static unsigned long clashes;
static unsigned long handled;
static unsigned foreign[CPUS], foreign_most; /* times that others had the lock while this CPU waited */
static unsigned waiting;                     /* CPUs, bit for bit */

static void visit(void)
{
    unsigned cpu = ashlar_port_cpu();
    bool outer = (waiting >> cpu & 1u) != 0; /* an interrupt found it waiting */
    if (!outer) {
        foreign[cpu] = 0;
        waiting |= 1u << cpu;
    }
    uintptr_t interrupts = ashlar_lock_take(&lock);
    waiting &= outer ? ~0u : ~(1u << cpu);
    foreign_most = foreign[cpu] > foreign_most ? foreign[cpu] : foreign_most;
    for (unsigned i = 0; i < CPUS; i++) {
        foreign[i] += i != cpu && (waiting >> i & 1u) != 0;
    }
    clashes += atomic_load_u32(&inside) != 0;
    atomic_store_u32(&inside, 1);
    sim_yield();
    atomic_store_u32(&inside, 0);
    ashlar_lock_give(&lock, interrupts);
}

static void handle(void)
{
    handled++;
    visit();
}

static void body(void *context)
{
    (void)context;
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t others = ((1u << CPUS) - 1u) & ~(1u << ashlar_port_cpu());
        sim_kick(&others, 1);
        visit();
        sim_progress();
    }
}

static const char *run(uint64_t seed)
{
    struct sim_schedule_options options = {.seed = seed,
                                           .kick_one_in = 2,
                                           .drain_one_in = seed % 2u == 0 ? 0 : 6,
                                           .interrupt = handle};
    ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "lock");
    inside = 0;
    waiting = 0;
    clashes = 0;
    memset(foreign, 0, sizeof foreign);
    const char *problem = sim_schedule(CPUS, body, NULL, &options);
    return problem == NULL && clashes != 0 ? "two CPUs were within the lock" : problem;
}

int main(void)
{
    const char *only = getenv("ASHLAR_SEED");
    unsigned long seeds = only != NULL ? 1u : tap_seeds(200);
    for (unsigned long i = 0; i < seeds; i++) {
        uint64_t seed = only != NULL ? strtoull(only, NULL, 0) : i;
        const char *problem = run(seed);
        if (problem != NULL) {
            ok(false, "a handler takes the lock that its CPU waits for [fault 114]");
            printf("#   seed %llu: %s\n", (unsigned long long)seed, problem);
            return done_testing();
        }
    }
    ok(handled > seeds, "handlers took the lock that CPUs wait for, and none stood behind itself [fault 114]");
    ok(foreign_most < 4u * STEPS * CPUS, "nobody waited while all others had all their turns");
    return done_testing();
}
