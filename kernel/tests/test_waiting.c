/* SPDX-License-Identifier: 0BSD */
/* test_waiting.c - threads that wait for what another one is in the middle of, and has been switched away from.
 *
 * What may be promised depends on the command line: with `priorities=strict` only
 * `waiting=block`, and with priorities that are equal all three.
 */
#include "cpu/smp.h"
#include "cpu/timer.h"
#include "io/print.h"
#include "memory/memory.h"
#include "tests/crew.h"
#include "tests/tap.h"
#include "x86/cpu.h"
#include <ashlar/heap.h>
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define ROUNDS 16u
#define HOGGED_ROUNDS 8u
#define BLOCKS 200u
#define BLOCK_BYTES ((size_t)1 << 20)
#define LONG_BYTES ((size_t)20 << 20)
#define HOG_TICKS 4u
#define RUN_TICKS 100u
#define PATIENCE 20u
#define PRIORITIES 3u
#define GROW_BYTES ((size_t)1 << 20)
#define RANGE_PAGES 64u

static volatile bool stop;

/* --- the idle task in the middle of giving back ------------------------------------- */

static void *many[BLOCKS];

static bool take_many(void)
{
    bool all = true;
    for (unsigned i = 0; i < BLOCKS; i++) {
        many[i] = ashlar_kmalloc(BLOCK_BYTES);
        all = all && many[i] != NULL;
    }
    return all;
}

static void free_many(void)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        ashlar_kfree(many[i]);
        many[i] = NULL;
    }
}

static uint64_t delay_cycles;

/* In an interrupt, which may not give them back to the source; the later, the sooner the next tick comes. Once: where a
 * tick was taken for longer than it is, one after the other would leave no time to anybody. */
static void free_in_tick(void)
{
    uint64_t begin = x86_rdtsc();
    timer_set_hook(NULL);
    while (x86_rdtsc() - begin < delay_cycles) {
        x86_pause();
    }
    free_many();
}

static uint64_t cycles_of_tick(void)
{
    task_sleep(1);
    uint64_t begin = x86_rdtsc();
    task_sleep(1);
    return x86_rdtsc() - begin;
}

/* Wants to run for some ticks, and again after one: then the idle task gets no turn. */
static void hog(void *argument)
{
    (void)argument;
    while (!stop) {
        uint32_t begin = timer_ticks();
        while (timer_ticks() - begin < HOG_TICKS && !stop) {
            __asm__ volatile("" : : : "memory");
        }
        task_sleep(1);
    }
}

/* Memory comes free with a tick; whoever runs then begins to give it back, and is switched away by the next one. */
static unsigned grow_meanwhile(unsigned count)
{
    unsigned got = 0;
    uint64_t tick = cycles_of_tick();
    for (unsigned i = 0; i < count; i++) {
        bool all = take_many();
        delay_cycles = (tick >> 3) * (i % 8);
        timer_set_hook(free_in_tick);
        task_sleep(2);
        void *lengthy = ashlar_kmalloc(LONG_BYTES);
        got += all && lengthy != NULL;
        ashlar_kfree(lengthy);
        timer_set_hook(NULL);
        free_many();
    }
    return got;
}

static void test_idle(void)
{
    if (!has_frames((2 * BLOCKS * BLOCK_BYTES + LONG_BYTES) / ASHLAR_PAGE_BYTES, "growth while memory is given back")) {
        return;
    }
    is_number(grow_meanwhile(ROUNDS), ROUNDS, "[fault 110] growth does not wait for an idle task that gets no turn");
    stop = false;
    bool started = crew_start(1, hog, NULL);
    unsigned got = grow_meanwhile(HOGGED_ROUNDS);
    stop = true;
    crew_join();
    ok(started && got == HOGGED_ROUNDS, "nor while another thread wants to run for long");
    ok_audit("giving back and growing in turn");
}

/* --- threads of several priorities --------------------------------------------------- */

static volatile uint32_t rounds[CREW_MOST];
static volatile uint32_t wrong;

static bool use_all(void)
{
    ashlar_vpn page;
    volatile char *block = ashlar_kmalloc(GROW_BYTES);
    bool taken = ashlar_kva_take(RANGE_PAGES, ASHLAR_MAP_WRITE, "waiter", &page) == ASHLAR_OK;
    if (block != NULL) {
        block[GROW_BYTES - 1] = 1;
    }
    ashlar_kfree((void *)(uintptr_t)block);
    if (taken) {
        ashlar_kva_give(page);
    }
    (void)ashlar_heap_shrink(kernel_memory.booted.heap, 0);
    (void)ashlar_kva_purge();
    return block != NULL && taken;
}

/* The least urgent ones always run; the others come in between, at any place. */
static void waiter(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;
    task_set_priority(task_current(), me % PRIORITIES);
    while (!stop) {
        if (!use_all()) {
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        }
        rounds[me]++;
        if (me % PRIORITIES != 0) {
            task_sleep(1);
        }
    }
}

static uint32_t least_rounds(unsigned count)
{
    uint32_t least = UINT32_MAX;
    for (unsigned i = 0; i < count; i++) {
        least = rounds[i] < least ? rounds[i] : least;
    }
    return least;
}

static void test_priorities(void)
{
    unsigned count = PRIORITIES * smp_count();
    count = count <= CREW_MOST ? count : CREW_MOST;
    if (!has_frames(count * 2 * (GROW_BYTES / ASHLAR_PAGE_BYTES + RANGE_PAGES),
                    "threads that grow, give back and purge")) {
        return;
    }
    stop = false;
    wrong = 0;
    for (unsigned i = 0; i < count; i++) {
        rounds[i] = 0;
    }
    bool started = crew_start(count, waiter, NULL);
    for (unsigned i = 0; i < PATIENCE && (i == 0 || least_rounds(count) == 0); i++) {
        task_sleep(RUN_TICKS); /* QEMU's CPUs share the host's */
    }
    stop = true;
    crew_join();
    for (unsigned i = 0; i < count; i++) {
        print("# thread %u: %u rounds\n", i, rounds[i]);
    }
    ok(started && least_rounds(count) > 0, "[fault 105] %u threads that all grow, give back and purge come to an end",
       count);
    is_number(wrong, 0, "each got its memory each time");
    ok_audit("threads that wait for each other");
}

static void test_waiting(void)
{
    test_idle();
    test_priorities();
}

const struct test tests_waiting[] = {
    {"waiting", "threads that wait for one that was switched away", test_waiting},
    {NULL, NULL, NULL},
};
