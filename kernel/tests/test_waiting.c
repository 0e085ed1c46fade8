/* SPDX-License-Identifier: 0BSD */
/* test_waiting.c - threads that wait for what another one is in the middle of, and has been switched away from.
 *
 * What may be promised depends on the command line: with `priorities=strict` only
 * `waiting=block`, and with priorities that are equal all three.
 */
#include "cpu/smp.h"
#include "io/print.h"
#include "memory/memory.h"
#include "tests/crew.h"
#include "tests/tap.h"
#include <ashlar/heap.h>
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define ROUNDS 20u
#define BLOCKS 200u
#define BLOCK_BYTES ((size_t)64 << 10)
#define LONG_BYTES ((size_t)20 << 20)
#define RUN_TICKS 100u
#define PATIENCE 10u
#define PRIORITIES 3u
#define GROW_BYTES ((size_t)1 << 20)
#define RANGE_PAGES 64u

/* --- the idle task in the middle of giving back ------------------------------------- */

static bool free_many(void)
{
    static void *block[BLOCKS];
    bool all = true;
    for (unsigned i = 0; i < BLOCKS; i++) {
        block[i] = ashlar_kmalloc(BLOCK_BYTES);
        all = all && block[i] != NULL;
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        ashlar_kfree(block[i]);
    }
    return all;
}

static volatile bool stop;

static void hog(void *argument)
{
    (void)argument;
    while (!stop) {
        __asm__ volatile("" : : : "memory");
    }
}

/* One that always wants to run keeps idle tasks from their turn, on one CPU; the long block is asked for at once, and after
 * a tick. */
static void test_idle(void)
{
    unsigned got = 0;
    stop = false;
    bool started = crew_start(1, hog, NULL);
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool all = free_many();
        task_sleep(i % 3);
        void *block = ashlar_kmalloc(LONG_BYTES);
        got += all && block != NULL;
        ashlar_kfree(block);
    }
    stop = true;
    crew_join();
    is_number(got, ROUNDS, "[fault 110] growth does not wait for an idle task that gets no turn");
    ok(started, "while another thread always wanted to run");
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
    ok(started && least_rounds(count) > 0, "[fault 105] %u threads that all grow, give back and purge come to an end", count);
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
