/* SPDX-License-Identifier: 0BSD */
/* lock.c - ranks, doubled takes, order of giving, interrupts; and what release builds still see of it. */
#include "base/lock.h"

#include "sim.h"
#include "tap.h"
#include <ashlar/config.h>

static struct ashlar_lock frames;
static struct ashlar_lock other_frames;
static struct ashlar_lock ranges;
static struct ashlar_lock heap;

static void begin(void)
{
    sim_set_cpu(0);
    ashlar_lock_init(&frames, ASHLAR_RANK_FRAMES, "frames' lock");
    ashlar_lock_init(&other_frames, ASHLAR_RANK_FRAMES, "others' lock");
    ashlar_lock_init(&ranges, ASHLAR_RANK_RANGES, "ranges' lock");
    ashlar_lock_init(&heap, ASHLAR_RANK_HEAP, "heap's lock");
}

static bool is_free(const struct ashlar_lock *lock)
{
    return lock->held == 0;
}

static void test_take_and_give(void)
{
    memset(&heap, 0xa5, sizeof heap);
    begin();
    ok(is_free(&heap), "init needs no storage that is zeroed");
    ok(!ashlar_lock_is_mine(&heap), "a new lock is nobody's");
    uintptr_t saved = ashlar_lock_take(&heap);
    ok(ashlar_lock_is_mine(&heap), "taken, it is mine");
    sim_set_cpu(1);
    ok(!ashlar_lock_is_mine(&heap), "and not another CPU's");
    sim_set_cpu(0);
    ashlar_lock_give(&heap, saved);
    ok(is_free(&heap) && !ashlar_lock_is_mine(&heap), "given, it is nobody's again");
    saved = ashlar_lock_take(&heap);
    ok(ashlar_lock_is_mine(&heap), "and can be taken again");
    ashlar_lock_give(&heap, saved);
    sim_set_cpu(ASHLAR_MAX_CPUS - 1u);
    saved = ashlar_lock_take(&heap);
    ok(ashlar_lock_is_mine(&heap), "the last CPU can take it as well");
    ashlar_lock_give(&heap, saved);
    ok(is_free(&heap), "and give it");
}

static void test_interrupts_nest(void)
{
    begin();
    uintptr_t outer = ashlar_lock_take(&heap);
    ok(sim_interrupts_are_off(), "interrupts are off while a lock is held");
    uintptr_t inner = ashlar_lock_take(&frames);
    ashlar_lock_give(&frames, inner);
    ok(sim_interrupts_are_off(), "and stay so until the outer one is given");
    ashlar_lock_give(&heap, outer);
    ok(!sim_interrupts_are_off(), "then they are on as before");
    uintptr_t saved = ashlar_port_irq_save();
    outer = ashlar_lock_take(&heap);
    ashlar_lock_give(&heap, outer);
    ok(sim_interrupts_are_off(), "they stay off where they were off");
    ashlar_port_irq_restore(saved);
}

static void test_names(void)
{
    begin();
    is_str(ashlar_lock_held_name(), NULL, "nothing is held");
    uintptr_t outer = ashlar_lock_take(&heap);
    is_str(ashlar_lock_held_name(), ASHLAR_DEBUG ? "heap's lock" : NULL, "debug builds know what is held");
    uintptr_t inner = ashlar_lock_take(&frames);
    is_str(ashlar_lock_held_name(), ASHLAR_DEBUG ? "frames' lock" : NULL, "the innermost");
    sim_set_cpu(1);
    is_str(ashlar_lock_held_name(), NULL, "each CPU its own");
    sim_set_cpu(0);
    ashlar_lock_give(&frames, inner);
    is_str(ashlar_lock_held_name(), ASHLAR_DEBUG ? "heap's lock" : NULL, "the outer again");
    ashlar_lock_give(&heap, outer);
    is_str(ashlar_lock_held_name(), NULL, "nothing again");
}

static void test_every_rank(void)
{
    static struct ashlar_lock locks[ASHLAR_RANK_COUNT];
    uintptr_t saved[ASHLAR_RANK_COUNT];
    begin();
    for (unsigned rank = ASHLAR_RANK_COUNT; rank-- != 0;) {
        ashlar_lock_init(&locks[rank], (enum ashlar_rank)rank, "one of each rank");
        saved[rank] = ashlar_lock_take(&locks[rank]);
    }
    ok(ashlar_lock_is_mine(&locks[0]) && ashlar_lock_is_mine(&locks[ASHLAR_RANK_COUNT - 1]),
       "one lock of each rank can be held, taken going down");
    for (unsigned rank = 0; rank < ASHLAR_RANK_COUNT; rank++) {
        ashlar_lock_give(&locks[rank], saved[rank]);
    }
    ok(!sim_interrupts_are_off(), "and all are given");
}

/* A report names both locks, and nobody holds the one that was asked for. */
static void violation(struct ashlar_lock *held, struct ashlar_lock *wanted, const char *name)
{
    char text[160];
    begin();
    snprintf(text, sizeof text, "locks: %s (rank %u) taken while holding %s (rank %u)", wanted->name,
             (unsigned)wanted->rank, held->name, (unsigned)held->rank);
    (void)ashlar_lock_take(held);
    const char *message = SIM_FATAL((void)ashlar_lock_take(wanted));
    is_str(message, text, name);
    ok(is_free(wanted), "  the lock asked for is still free");
    ok(is_free(held), "  the one held was released after the report");
}

static void test_ranks(void)
{
    if (!ASHLAR_DEBUG) {
        begin();
        uintptr_t outer = ashlar_lock_take(&frames);
        uintptr_t inner = ashlar_lock_take(&heap);
        ok(ashlar_lock_is_mine(&heap), "release builds do not watch ranks");
        ashlar_lock_give(&heap, inner);
        ashlar_lock_give(&frames, outer);
        return;
    }
    violation(&frames, &heap, "going up is fatal and names both locks");
    violation(&frames, &ranges, "by one rank, too");
    violation(&frames, &other_frames, "so are two of one rank");
    begin();
    (void)ashlar_lock_take(&heap);
    uintptr_t inner = ashlar_lock_take(&frames);
    ashlar_lock_give(&frames, inner);
    inner = ashlar_lock_take(&ranges);
    ok(ashlar_lock_is_mine(&ranges), "what was given again does not count");
    like(SIM_FATAL((void)ashlar_lock_take(&heap)), "taken twice", "the outer one again is not a matter of ranks");
}

/* The other CPU holds the lock and never gives it: without the check before the wait this would not end. */
static void test_violation_before_waiting(void)
{
    begin();
    sim_set_cpu(1);
    (void)ashlar_lock_take(&heap);
    sim_set_cpu(0);
    if (ASHLAR_DEBUG) {
        (void)ashlar_lock_take(&frames);
        like(SIM_FATAL((void)ashlar_lock_take(&heap)), "taken while holding frames' lock",
             "two CPUs in opposite orders are reported, not stuck");
    }
    ok(heap.held == 2, "the other CPU's lock stays its own");
    sim_set_cpu(1);
    ashlar_lock_give(&heap, 0);
    ok(is_free(&heap), "until it gives it");
    sim_set_cpu(0);
}

static void test_taken_twice(void)
{
    begin();
    sim_set_cpu(3);
    (void)ashlar_lock_take(&ranges);
    const char *message = SIM_FATAL((void)ashlar_lock_take(&ranges));
    like(message, "locks: ranges' lock taken twice on CPU 3, by 0x", "twice on one CPU is fatal in every build");
    ok(is_free(&ranges) == (ASHLAR_DEBUG != 0), "debug builds release it afterwards");
    sim_set_cpu(0);
}

static void test_order_of_giving(void)
{
    begin();
    uintptr_t outer = ashlar_lock_take(&heap);
    uintptr_t inner = ashlar_lock_take(&frames);
    const char *message = SIM_FATAL(ashlar_lock_give(&heap, outer));
    is_str(message, ASHLAR_DEBUG ? "locks: heap's lock given out of order" : NULL,
           "debug builds see a lock given out of order");
    if (!ASHLAR_DEBUG) {
        ashlar_lock_give(&frames, inner);
        ok(is_free(&heap) && is_free(&frames), "release builds give both");
        return;
    }
    ok(is_free(&heap) && is_free(&frames), "both are free after the report");
    is_str(SIM_FATAL(ashlar_lock_give(&heap, 0)), "locks: heap's lock given out of order",
           "so is one that nobody holds");
    sim_set_cpu(1);
    (void)ashlar_lock_take(&heap);
    sim_set_cpu(0);
    is_str(SIM_FATAL(ashlar_lock_give(&heap, 0)), "locks: heap's lock given out of order",
           "and one that another CPU holds");
    is_u(heap.held, 2, "which keeps it");
    sim_set_cpu(1);
    ashlar_lock_abandon_all();
    sim_set_cpu(0);
}

static void test_abandon(void)
{
    begin();
    sim_set_cpu(1);
    uintptr_t theirs = ashlar_lock_take(&ranges);
    sim_set_cpu(0);
    (void)ashlar_lock_take(&heap);
    (void)ashlar_lock_take(&frames);
    ashlar_lock_abandon_all();
    if (ASHLAR_DEBUG) {
        ok(is_free(&heap) && is_free(&frames), "all that this CPU held is released");
        is_str(ashlar_lock_held_name(), NULL, "and forgotten");
    } else {
        ok(ashlar_lock_is_mine(&heap) && ashlar_lock_is_mine(&frames), "release builds release nothing");
    }
    is_u(ranges.held, 2, "another CPU keeps what it has");
    sim_set_cpu(1);
    ashlar_lock_give(&ranges, theirs);
    sim_set_cpu(0);
    ashlar_port_irq_restore(0);
    ashlar_lock_abandon_all();
    is_str(ashlar_lock_held_name(), NULL, "nothing to abandon is no error");
}

static void test_unknown_cpu(void)
{
    begin();
    sim_set_cpu(ASHLAR_MAX_CPUS);
    const char *message = SIM_FATAL(ashlar_lock_give(&heap, ashlar_lock_take(&heap)));
    if (ASHLAR_DEBUG) {
        like(message, "locks: ashlar_port_cpu says",
             "debug builds have a table of CPUs, and look where it ends [fault 115]");
    } else {
        is_str(message, NULL, "release builds have no table of CPUs");
    }
    sim_set_cpu(0);
}

int main(void)
{
    test_take_and_give();
    test_interrupts_nest();
    test_names();
    test_every_rank();
    test_ranks();
    test_violation_before_waiting();
    test_taken_twice();
    test_order_of_giving();
    test_abandon();
    test_unknown_cpu();
    return done_testing();
}
