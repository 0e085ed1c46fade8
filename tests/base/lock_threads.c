/* SPDX-License-Identifier: 0BSD */
/* lock_threads.c - real threads as CPUs: one at a time within a lock, and what it wrote is seen by the next. */
#include "base/atomic.h"
#include "base/lock.h"
#include "sim.h"
#include "tap.h"
#include "threads.h"

#define ROUNDS 20000u

static struct ashlar_lock outer;
static struct ashlar_lock inner;
/* Plain on purpose: only the locks make these counts exact. */
static unsigned long outer_count;
static unsigned long inner_count;
static unsigned inside;
static unsigned clashes;
static volatile uint32_t atomic_count;

static void *work(void *argument)
{
    unsigned cpu = (unsigned)(uintptr_t)argument;
    sim_set_cpu(cpu);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uintptr_t saved = ashlar_lock_take(&outer);
        clashes += inside++ != 0 || !ashlar_lock_is_mine(&outer);
        outer_count++;
        inside--;
        if (round % 2u == 0) {
            ashlar_lock_give(&outer, saved);
            saved = ashlar_lock_take(&inner);
            inner_count++;
            ashlar_lock_give(&inner, saved);
        } else {
            uintptr_t nested = ashlar_lock_take(&inner);
            inner_count++;
            ashlar_lock_give(&inner, nested);
            ashlar_lock_give(&outer, saved);
        }
        atomic_fetch_add_u32(&atomic_count, 1);
    }
    return NULL;
}

int main(void)
{
    ashlar_lock_init(&outer, ASHLAR_RANK_HEAP, "outer");
    ashlar_lock_init(&inner, ASHLAR_RANK_FRAMES, "inner");
    run_threads(work);
    is_u(clashes, 0, "never two CPUs within one lock");
    is_u(outer_count, THREADS * ROUNDS, "no count of the outer lock is lost");
    is_u(inner_count, THREADS * ROUNDS, "nor of the inner one");
    is_u(atomic_count, THREADS * ROUNDS, "nor of the atomic word");
    ok(outer.held == 0 && inner.held == 0, "both are free at the end");
    return done_testing();
}
