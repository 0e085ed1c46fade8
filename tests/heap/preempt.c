/* SPDX-License-Identifier: 0BSD */
/* preempt.c - two threads of one CPU that preempt each other, on a port whose pin forbids it, and on one whose pin does not.
 *
 * A timer's signal is the tick: its handler goes on as the other thread, unless
 * interrupts are off or, where the port is right, the thread is pinned. The wrong
 * port does what looks enough: the threads have one CPU and stay on it.
 *
 * Each thread marks its objects, so a port that corrupts the heap without being
 * found would be told by an object that both have.
 */
#include "tap.h"

#include <ashlar/heap.h>
#include <ashlar/port.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <ucontext.h>

#define THREADS 2u
#define SLOTS 64u
#define STACK_BYTES ((size_t)1 << 18)
#define SWITCHES_ENOUGH 400u /* of a sound run */
#define TICK_MICROSECONDS 100

static _Alignas(4096) unsigned char memory[4u << 20];
static struct ashlar_heap *heap;
static ucontext_t threads[THREADS], home;
static volatile unsigned running;
static volatile unsigned long switches;
static volatile sig_atomic_t interrupts_off, pins, ended;
static volatile bool pins_forbid;
static char message[256];
static const char *volatile wrong;

/* --- the port ------------------------------------------------------------------ */

unsigned ashlar_port_cpu(void)
{
    return 0;
}

unsigned ashlar_port_pin(void)
{
    pins = pins + 1;
    return 0;
}

void ashlar_port_unpin(void)
{
    pins = pins - 1;
}

uintptr_t ashlar_port_irq_save(void)
{
    uintptr_t saved = (uintptr_t)interrupts_off;
    interrupts_off = 1;
    return saved;
}

void ashlar_port_irq_restore(uintptr_t saved)
{
    interrupts_off = (sig_atomic_t)saved;
}

unsigned ashlar_port_context(void)
{
    return interrupts_off != 0 ? ASHLAR_CONTEXT_IRQS_OFF : ASHLAR_CONTEXT_THREAD;
}

void ashlar_port_relax(void)
{
}

static void end_run(void)
{
    ended = 1;
    setcontext(&home);
    abort();
}

void ashlar_port_fatal(const char *text)
{
    ended = 1;
    snprintf(message, sizeof message, "%s", text);
    end_run();
    abort();
}

void ashlar_port_log(const char *text)
{
    fprintf(stderr, "%s\n", text);
}

/* --- the threads ---------------------------------------------------------------- */

static void tick(int signal)
{
    (void)signal;
    if (ended != 0 || interrupts_off != 0 || (pins_forbid && pins != 0)) {
        return;
    }
    unsigned before = running;
    running = 1u - before;
    switches++;
    sig_atomic_t mine = pins; /* each thread has its own count */
    pins = 0;
    swapcontext(&threads[before], &threads[running]);
    pins = mine;
}

static bool is_whole(const unsigned char *object, size_t bytes, unsigned mark)
{
    return object[0] == (unsigned char)mark && object[bytes - 1u] == (unsigned char)mark;
}

static void work(void)
{
    unsigned mark = running + 1u;
    interrupts_off = 0;
    uint64_t random = 77u + mark;
    unsigned char *objects[SLOTS] = {0};
    size_t bytes[SLOTS] = {0};
    while (ended == 0 && switches < SWITCHES_ENOUGH) {
        unsigned i = (unsigned)(tap_random(&random) >> 40) % SLOTS;
        if (objects[i] != NULL) {
            if (!is_whole(objects[i], bytes[i], mark)) {
                wrong = "an object is two threads'";
                end_run();
            }
            ashlar_heap_free(heap, objects[i]);
            objects[i] = NULL;
            continue;
        }
        bytes[i] = 16u + (size_t)(tap_random(&random) >> 40) % 200u;
        objects[i] = ashlar_heap_alloc(heap, bytes[i], 0);
        if (objects[i] != NULL) {
            memset(objects[i], (int)mark, bytes[i]);
        }
    }
    end_run();
}

static void run(bool forbid)
{
    static char *stacks[THREADS];
    struct itimerval timer = {{0, TICK_MICROSECONDS}, {0, TICK_MICROSECONDS}};
    struct itimerval none = {{0, 0}, {0, 0}};
    pins_forbid = forbid;
    pins = ended = 0;
    interrupts_off = 1; /* until the first thread runs */
    switches = running = 0;
    wrong = NULL;
    message[0] = '\0';
    if (ashlar_heap_init_range(memory, sizeof memory, &heap) != ASHLAR_OK) {
        abort();
    }
    for (unsigned i = 0; i < THREADS; i++) {
        stacks[i] = stacks[i] != NULL ? stacks[i] : malloc(STACK_BYTES);
        getcontext(&threads[i]);
        threads[i].uc_stack.ss_sp = stacks[i];
        threads[i].uc_stack.ss_size = STACK_BYTES;
        makecontext(&threads[i], work, 0);
    }
    setitimer(ITIMER_REAL, &timer, NULL);
    swapcontext(&home, &threads[0]);
    setitimer(ITIMER_REAL, &none, NULL);
    interrupts_off = 0;
}

int main(void)
{
    struct sigaction action = {.sa_handler = tick};
    sigaction(SIGALRM, &action, NULL);
    run(true);
    is_str(message, "", "threads that preempt each other, but never a pinned one: no report [fault 113]");
    is_str(wrong, NULL, "  no object is two threads'");
    is_str(ashlar_heap_audit(heap), NULL, "  and the heap is sound");
    ok(switches >= SWITCHES_ENOUGH, "  after many switches");
    run(false);
    like(message, "ashlar_port_pin lets another thread run on its CPU",
         "a pin that lets threads in is fatal, and named [fault 113]");
    is_str(wrong, NULL, "  before an object is two threads'");
    return done_testing();
}
