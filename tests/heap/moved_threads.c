/* SPDX-License-Identifier: 0BSD */
/* moved_threads.c - more threads than CPUs: each is somewhere else after every moment in which it was not pinned.
 *
 * This program brings hooks of its own. To pin a thread, or to turn interrupts
 * off, is to get hold of a CPU, any one, that no other thread has; afterwards the
 * CPU is free for others, and the next pin gets another one. Asked without a pin,
 * the hook names a CPU that is somebody else's as likely as not. So whoever asks
 * first and pins later, or not at all, meets another thread in the same owner.
 */
#include "source.h"
#include "threads.h"

#include "heap/owner.h"
#include <ashlar/heap.h>
#include <ashlar/port.h>
#include <sched.h>

#define CPUS 3u
#define THREADS 6u
#define ROUNDS 20000u
#define SLOTS 128u

static struct ashlar_heap *heap;
static struct test_source test;
static struct ashlar_cache *cache;
static void *slots[SLOTS];  /* A */
static uint32_t held[CPUS]; /* A: by a thread */
static uint32_t moves;      /* A */
static uint32_t clashes;    /* A */

static _Thread_local struct {
    unsigned holds; /* pins, and interrupts turned off */
    unsigned off;   /* of these: interrupts */
    unsigned cpu;
    unsigned context;
    uint64_t random;
} self;

/* --- the port ------------------------------------------------------------------ */

static void hold(void)
{
    if (self.holds++ != 0) {
        return;
    }
    unsigned cpu = (unsigned)(tap_random(&self.random) >> 40) % CPUS;
    while (__atomic_exchange_n(&held[cpu], 1u, __ATOMIC_ACQUIRE) != 0) {
        cpu = (cpu + 1u) % CPUS;
        if (cpu == 0) {
            sched_yield();
        }
    }
    if (cpu != self.cpu) {
        __atomic_fetch_add(&moves, 1u, __ATOMIC_RELAXED);
    }
    self.cpu = cpu;
}

static void let_go(void)
{
    if (self.holds == 0) {
        ashlar_port_fatal("nothing was held");
    }
    if (--self.holds == 0) {
        __atomic_store_n(&held[self.cpu], 0, __ATOMIC_RELEASE);
    }
}

unsigned ashlar_port_cpu(void)
{
    return self.holds != 0 ? self.cpu : (unsigned)(tap_random(&self.random) >> 40) % CPUS;
}

unsigned ashlar_port_pin(void)
{
    hold();
    return self.cpu;
}

void ashlar_port_unpin(void)
{
    let_go();
}

uintptr_t ashlar_port_irq_save(void)
{
    hold();
    return self.off++;
}

void ashlar_port_irq_restore(uintptr_t saved)
{
    self.off = (unsigned)saved;
    let_go();
}

unsigned ashlar_port_context(void)
{
    return self.context | (self.off != 0 ? ASHLAR_CONTEXT_IRQS_OFF : 0u);
}

void ashlar_port_relax(void)
{
    sched_yield();
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

/* What source.h asks the simulated machine, which is not here. */
unsigned sim_pins(void)
{
    return self.holds;
}

void sim_set_cpu(unsigned cpu)
{
    self.cpu = cpu;
}

/* --- what the threads do -------------------------------------------------------- */

static void end(unsigned char *object)
{
    size_t bytes;
    if (object == NULL) {
        return;
    }
    memcpy(&bytes, object, sizeof bytes);
    bool good = bytes >= sizeof bytes && bytes <= 4096;
    for (size_t i = sizeof bytes; good && i < bytes; i += 61) {
        good = object[i] == (unsigned char)bytes;
    }
    if (!good) {
        __atomic_fetch_add(&clashes, 1u, __ATOMIC_RELAXED);
        return;
    }
    ashlar_heap_free(heap, object);
}

static void *begin(size_t bytes, bool of_cache)
{
    unsigned char *object = of_cache ? ashlar_cache_alloc(cache, 0) : ashlar_heap_alloc(heap, bytes, 0);
    if (object == NULL) {
        ashlar_port_fatal("no memory");
    }
    memset(object, (int)(unsigned char)bytes, bytes);
    memcpy(object, &bytes, sizeof bytes);
    return object;
}

/* An object of the CPU's interrupts: one comes while the thread is in the middle of something. */
static void *begin_in_interrupt(size_t bytes)
{
    struct owner *busy = ashlar_heap_claim(heap);
    self.context = ASHLAR_CONTEXT_INTERRUPT;
    void *object = busy != NULL ? ashlar_heap_alloc(heap, bytes, 0) : NULL;
    self.context = ASHLAR_CONTEXT_THREAD;
    if (busy != NULL) {
        ashlar_heap_unclaim(busy);
    }
    if (object != NULL) {
        memset(object, (int)(unsigned char)bytes, bytes);
        memcpy(object, &bytes, sizeof bytes);
    }
    return object;
}

static void *work(void *argument)
{
    uint64_t random = (uintptr_t)argument * 77u;
    self.random = (uintptr_t)argument * 91u;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t number = tap_random(&random);
        bool of_cache = number % 4u == 0;
        size_t bytes = of_cache ? 48u : sizeof(size_t) + (size_t)(number >> 8) % (number % 8u == 1 ? 4000u : 120u);
        void *object = number % 2u == 1 ? begin_in_interrupt(bytes) : begin(bytes, of_cache);
        end(__atomic_exchange_n(&slots[(number >> 40) % SLOTS], object, __ATOMIC_ACQ_REL));
        if (number % 128u == 2) {
            (void)ashlar_heap_shrink(heap, 0);
        }
    }
    return NULL;
}

/* Each CPU takes its mail in: here any pin gets any CPU, so ask until all have been had. */
static bool settle(void)
{
    for (unsigned i = 0; i < 10000u && stats_of(heap).live_objects != 0; i++) {
        (void)ashlar_heap_work(heap);
    }
    return stats_of(heap).live_objects == 0;
}

int main(void)
{
    self.random = 1;
    heap = source_heap(&test, 16384, CPUS, 128 << 10, 0);
    cache = make_cache(heap, "items", 48, 0, 0);
    run_threads(THREADS, work);
    for (unsigned i = 0; i < SLOTS; i++) {
        end(slots[i]);
    }
    ok(moves > ROUNDS, "the threads were moved between CPUs (%u times)", moves);
    is_u(clashes, 0, "[fault 101] no object was with two threads");
    ok(settle(), "[fault 101] and none was lost");
    is_str(source_audit(heap, &test), NULL, "[fault 101] sound after threads that were moved all the time");
    source_free(&test);
    return done_testing();
}
