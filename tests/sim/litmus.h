/* SPDX-License-Identifier: 0BSD */
/* litmus.h - litmus tests, as in the papers: a few accesses on each CPU, many seeds, and a look at which outcomes there
 * were.
 *
 * Accesses are those of the library (base/atomic.h, arch/access.h); a plain read
 * is a look at memory, where other CPUs and page walks read.
 */
#ifndef TESTS_SIM_LITMUS_H
#define TESTS_SIM_LITMUS_H

#include "arch/access.h"
#include "base/lock.h"
#include "machine.h"
#include "schedule.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/port.h>

#define CPUS 4u
#define SEEDS 300u
#define LATE 40u       /* one in: a buffer seldom drains */
#define NEVER 1000000u /* only what drains it, or a full buffer */

static struct {
    volatile uintptr_t word[CPUS];
    volatile uintptr_t other;
    uintptr_t seen[CPUS];
    unsigned handled[CPUS];
    unsigned arrived;
    unsigned long bad;  /* must not be */
    unsigned long late; /* a store that memory had not yet */
    struct ashlar_lock lock;
} run;

static void (*interrupt)(void); /* the handler of kicks, where there are any */

static void run_on(unsigned cpus, void (*body)(void *), uint64_t seed, unsigned drain_one_in)
{
    const struct sim_schedule_options options = {.seed = seed,
                                                 .kick_one_in = 2,
                                                 .drain_one_in = drain_one_in,
                                                 .interrupt = interrupt};
    memset((void *)&run.word, 0, sizeof run.word);
    memset(run.seen, 0, sizeof run.seen);
    memset(run.handled, 0, sizeof run.handled);
    run.arrived = 0;
    ashlar_lock_init(&run.lock, ASHLAR_RANK_SPACE, "lock");
    const char *why = sim_schedule(cpus, body, NULL, &options);
    if (why != NULL) {
        run.bad++;
        printf("# seed %u: %s\n", (unsigned)seed, why);
    }
}

/* Seeds that had this outcome. */
static unsigned count(unsigned cpus, void (*body)(void *), unsigned drain_one_in, bool (*outcome)(void))
{
    unsigned found = 0;
    run.bad = run.late = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_on(cpus, body, seed, drain_one_in);
        found += outcome();
    }
    return found;
}

static volatile uint64_t *entry_of(uint64_t frame, unsigned index)
{
    return (volatile uint64_t *)sim_ram_frame(frame) + index;
}

/* Tables 1, 2, ... in a row, the last one mapped at ALIAS; 64-bit entries on both. */
static void make_tables(void)
{
    const struct sim_mmu_options options = {.features = SIM_CPU_USUAL,
                                            .has_l1tf = true,
                                            .kernel_first = 0,
                                            .kernel_bytes = UINT64_C(1) << 21};
    unsigned levels = sizeof(uintptr_t) == 8 ? 4u : 3u;
    sim_ram_init(UINT64_C(1) << 24);
    sim_mmu_init(sizeof(uintptr_t) == 8 ? SIM_FOUR_LEVEL : SIM_PAE, CPUS, &options);
    for (uint64_t table = 1; table < levels; table++) {
        *entry_of(table, 0) = levels == 3u && table == 1 ? UINT64_C(2) << 12 | 1u : (table + 1u) << 12 | 0x63u;
    }
    *entry_of(levels, 6) = (uint64_t)levels << 12 | 0x23u;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        sim_mmu_set_root(cpu, 0x1000);
    }
}

#endif
