/* SPDX-License-Identifier: 0BSD */
/* lock.c - what a spin lock does for CPUs that fight for it: pairs of take and give a second, and how they are divided.
 *
 * Threads are CPUs, bound to two real ones: 1 of them, 2, and 4 on the two, as a hypervisor runs virtual CPUs. Within the lock
 * each changes a few words that all share; outside it does about as much of its own. In the same run the peers: plain
 * test and set, as the library's locks once were, and a ticket lock, a strict queue. All call the same hooks.
 *
 *   lock_rate   pairs in a second, of all threads: the best of several rounds
 *   lock_least  what the thread with the fewest got, in thousandths of an equal share; over all rounds
 */
#include "base/lock.h"

#include <ashlar/port.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 5u
#define MILLISECONDS 200
#define THREADS_MOST 4u
#define WORDS 8u

/* --- the port ------------------------------------------------------------------- */

static _Thread_local unsigned cpu;

unsigned ashlar_port_cpu(void)
{
    return cpu;
}

uintptr_t ashlar_port_irq_save(void)
{
    return 0;
}

void ashlar_port_irq_restore(uintptr_t saved)
{
    (void)saved;
}

unsigned ashlar_port_context(void)
{
    return ASHLAR_CONTEXT_THREAD;
}

void ashlar_port_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

void ashlar_port_fatal(const char *message)
{
    fprintf(stderr, "fatal: %s\n", message);
    abort();
}

void ashlar_port_log(const char *message)
{
    (void)message;
}

/* --- the locks ------------------------------------------------------------------ */

static struct ashlar_lock lock;
static _Alignas(64) uint32_t word;
static _Alignas(64) uint32_t next_ticket;
static _Alignas(64) uint32_t served;

static void take_ashlar(void)
{
    (void)ashlar_lock_take(&lock);
}

static void give_ashlar(void)
{
    ashlar_lock_give(&lock, 0);
}

static void take_test_and_set(void)
{
    (void)ashlar_port_irq_save();
    uint32_t expected = 0;
    while (!__atomic_compare_exchange_n(&word, &expected, ashlar_port_cpu() + 1u, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
        expected = 0;
        ashlar_port_relax();
    }
}

static void give_test_and_set(void)
{
    __atomic_store_n(&word, 0, __ATOMIC_RELEASE);
    ashlar_port_irq_restore(0);
}

static void take_ticket(void)
{
    (void)ashlar_port_irq_save();
    uint32_t mine = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&served, __ATOMIC_ACQUIRE) != mine) {
        ashlar_port_relax();
    }
}

static void give_ticket(void)
{
    __atomic_store_n(&served, served + 1u, __ATOMIC_RELEASE);
    ashlar_port_irq_restore(0);
}

static const struct kind {
    const char *name;
    void (*take)(void);
    void (*give)(void);
} kinds[] = {{"ashlar", take_ashlar, give_ashlar},
             {"test_and_set", take_test_and_set, give_test_and_set},
             {"ticket", take_ticket, give_ticket}};

#define KINDS (sizeof kinds / sizeof *kinds)

/* --- the fight ------------------------------------------------------------------- */

static const struct kind *kind;
static bool begun, over;
static volatile uintptr_t shared[WORDS];
static struct {
    _Alignas(64) unsigned long pairs;
} counts[THREADS_MOST];

static void *fight(void *argument)
{
    volatile uintptr_t own[WORDS] = {0};
    unsigned long pairs = 0;
    cpu = (unsigned)(uintptr_t)argument;
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        kind->take();
        for (unsigned i = 0; i < WORDS; i++) {
            shared[i] = shared[i] + 1u;
        }
        kind->give();
        for (unsigned i = 0; i < WORDS; i++) {
            own[i] = own[i] + 1u;
        }
        pairs++;
    }
    counts[cpu].pairs = pairs;
    return NULL;
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double fight_once(unsigned threads, unsigned long *pairs)
{
    pthread_t ids[THREADS_MOST];
    unsigned long sum = 0;
    struct timespec time = {0, MILLISECONDS * 1000000l};
    __atomic_store_n(&begun, false, __ATOMIC_RELEASE);
    __atomic_store_n(&over, false, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, fight, (void *)(uintptr_t)i) != 0) {
            abort();
        }
    }
    double begin = now_seconds();
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    nanosleep(&time, NULL);
    __atomic_store_n(&over, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
    double seconds = now_seconds() - begin;
    for (unsigned i = 0; i < threads; i++) {
        sum += counts[i].pairs;
        pairs[i] += counts[i].pairs;
    }
    return (double)sum / seconds;
}

static double least_share(unsigned threads, const unsigned long *pairs)
{
    unsigned long sum = 0, fewest = pairs[0];
    for (unsigned i = 0; i < threads; i++) {
        sum += pairs[i];
        fewest = pairs[i] < fewest ? pairs[i] : fewest;
    }
    return (double)fewest * threads * 1000.0 / (double)sum;
}

static void report(const char *metric, const char *name, unsigned threads, double value, const char *unit)
{
    printf("CSV %s,%s_%u_on_2,%.0f,%s\n", metric, name, threads, value, unit);
}

/* The kinds by turns, so that all see the same of what else the machine does. */
static void compare(unsigned threads)
{
    double best[KINDS] = {0};
    unsigned long pairs[KINDS][THREADS_MOST] = {{0}};
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < KINDS; i++) {
            kind = &kinds[i];
            double rate = fight_once(threads, pairs[i]);
            best[i] = rate > best[i] ? rate : best[i];
        }
    }
    for (unsigned i = 0; i < KINDS; i++) {
        report("lock_rate", kinds[i].name, threads, best[i], "pairs/s");
        report("lock_least", kinds[i].name, threads, least_share(threads, pairs[i]), "per mille");
    }
}

int main(void)
{
    cpu_set_t two;
    CPU_ZERO(&two);
    CPU_SET(0, &two);
    CPU_SET(1, &two);
    sched_setaffinity(0, sizeof two, &two);
    ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "bench");
    compare(1);
    compare(2);
    compare(4);
    return 0;
}
