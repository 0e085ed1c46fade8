/* SPDX-License-Identifier: 0BSD */
/* schedule.c - simulated CPUs and their threads as coroutines, switched by a seeded scheduler.
 *
 *     CPU 0   ──run──yield            ┌──run── ...
 *     CPU 1           └──run──yield───┘            (the seed says when, and to whom)
 *
 * Stretches without a switch are short or long at random: most bugs want two
 * switches at the right places, some one CPU that stands still for long.
 *
 * A kick makes an interrupt pending. Its CPU takes it at some later yield, when
 * its interrupts are on, and not at once: the manual promises no time. One that
 * waits for ever is found by counting its turns; a CPU that waits with
 * interrupts off, while somebody wants to interrupt it, is found the same way.
 * The run is then given up as it stands: its coroutines are not gone on with.
 *
 * A CPU may have several threads. Switched between them is at yields, too: at once
 * to a more urgent one that has become ready, now and then to an equal one. Who
 * sleeps stays on its CPU while nobody else of it is ready: that is the idle loop,
 * and interrupts are taken there. When all sleep, and nobody is left to wake one,
 * that is found.
 *
 * With store buffers (buffer.c) a kick is a store to a device, behind all that was
 * stored before it: no interrupt is taken before the other CPU can see why.
 */
#include "schedule.h"

#include "base/lock.h"
#include "buffer.h"
#include "machine.h"
#include "random.h"
#include "sim.h"
#include <ashlar/port.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_BYTES ((size_t)256 * 1024)
#define KICK_USUAL 8u
#define BETWEEN_ONE_IN 4u
#define WAITS_USUAL 5000u

#define SLICE_ONE_IN 8u /* a thread's turn ends in favour of an equal one */
#define WOKEN_ONE_IN 8u /* block returns for no reason */

struct thread {
    ucontext_t machine;
    struct sim_state state;
    unsigned cpu;
    unsigned priority;
    bool ended;
    unsigned waits;                 /* turns since it last did anything else */
    unsigned long ready_at;         /* in yields */
    const volatile void *sleeps_on; /* NULL: on nothing */
    uint32_t mark;
};

struct cpu {
    uint32_t kicked;
    bool in_interrupt;
    unsigned thread; /* that runs on it */
};

static struct {
    bool running;
    unsigned cpus;
    unsigned threads;
    unsigned now; /* CPU */
    unsigned ended;
    unsigned countdown; /* yields until the next switch */
    unsigned long yields;
    unsigned long switches;
    uint64_t random;
    struct sim_schedule_options options;
    void (*body)(void *);
    void *context;
    ucontext_t home;
    struct cpu cpu[SIM_CPUS_MAX];
    struct thread thread[SIM_THREADS_MAX];
    char why[640];
} schedule;

static struct cpu *this_cpu(void)
{
    return &schedule.cpu[schedule.now];
}

static struct thread *this_thread(void)
{
    return &schedule.thread[this_cpu()->thread];
}

static unsigned random_below(unsigned bound)
{
    return (unsigned)(sim_random(&schedule.random) >> 17) % bound;
}

static void draw_countdown(void)
{
    static const unsigned lengths[] = {2, 8, 8, 30, 30, 120, 120, 1000};
    schedule.countdown = 1u + random_below(lengths[random_below(8)]);
}

/* --- switching ------------------------------------------------------------------- */

/* This CPU's thread stops here until it is its turn again: another CPU goes on, with this thread of its own. */
static void switch_to(unsigned cpu, unsigned thread)
{
    struct thread *from = this_thread();
    struct thread *to = &schedule.thread[thread];
    if (from == to) {
        return;
    }
    schedule.switches++;
    schedule.now = cpu;
    this_cpu()->thread = thread;
    sim_state_exchange(&from->state, &to->state);
    swapcontext(&from->machine, &to->machine);
}

static void switch_to_another(void)
{
    unsigned next = random_below(schedule.cpus);
    draw_countdown();
    switch_to(next, schedule.cpu[next].thread);
}

/* Give the whole run up; does not return to this coroutine. */
static void give_up(const char *format, const char *what)
{
    int length = snprintf(schedule.why, sizeof schedule.why, "CPU %u: ", schedule.now);
    snprintf(schedule.why + length, sizeof schedule.why - (size_t)length, format, what);
    setcontext(&schedule.home);
}

/* --- interrupts ------------------------------------------------------------------- */

static void interrupt(struct cpu *cpu)
{
    unsigned context = sim_context();
    uintptr_t interrupts = ashlar_port_irq_save();
    cpu->kicked = 0;
    cpu->in_interrupt = true;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    sim_drain();
    schedule.options.interrupt();
    sim_drain();
    sim_set_context(context);
    cpu->in_interrupt = false;
    ashlar_port_irq_restore(interrupts);
}

static void take_interrupt(void)
{
    struct cpu *cpu = this_cpu();
    if (cpu->kicked != 0 && !sim_interrupts_are_off() && random_below(schedule.options.kick_one_in) == 0) {
        interrupt(cpu);
    }
}

void sim_kick(const uint32_t *cpus, unsigned words)
{
    for (unsigned i = 0; i < schedule.cpus && i / 32u < words; i++) {
        sim_yield();
        if ((cpus[i / 32u] >> i % 32u & 1u) != 0) {
            sim_buffer_store(&schedule.cpu[i].kicked, sizeof schedule.cpu[i].kicked, 1);
        }
    }
}

/* --- threads of one CPU ------------------------------------------------------------ */

static bool is_ready(const struct thread *thread)
{
    return !thread->ended && thread->sleeps_on == NULL && (long)(schedule.yields - thread->ready_at) >= 0;
}

/* The most urgent of this CPU's threads that are ready, of equal ones one at random; its own if there is none. */
static unsigned most_urgent(void)
{
    unsigned chosen = this_cpu()->thread, equal = 0;
    bool found = false;
    for (unsigned i = schedule.now; i < schedule.threads; i += schedule.cpus) {
        const struct thread *thread = &schedule.thread[i];
        if (is_ready(thread) && (!found || thread->priority >= schedule.thread[chosen].priority)) {
            equal = found && thread->priority == schedule.thread[chosen].priority ? equal + 1u : 1u;
            chosen = equal == 1u || random_below(equal) == 0 ? i : chosen;
            found = true;
        }
    }
    return chosen;
}

static bool may_be_switched(void)
{
    return ashlar_port_context() == ASHLAR_CONTEXT_THREAD && !this_cpu()->in_interrupt;
}

/* A tick of the timer, or a thread has become ready: the more urgent one runs at once, an equal one in turn. */
static void preempt(unsigned slice_one_in)
{
    if (schedule.threads == schedule.cpus || !may_be_switched()) {
        return;
    }
    unsigned next = most_urgent();
    if (schedule.thread[next].priority > this_thread()->priority || random_below(slice_one_in) == 0) {
        switch_to(schedule.now, next);
    }
}

static bool all_sleep(void)
{
    for (unsigned i = 0; i < schedule.threads; i++) {
        if (!schedule.thread[i].ended && schedule.thread[i].sleeps_on == NULL) {
            return false;
        }
    }
    return true;
}

/* This thread has nothing to do: another one of its CPU runs, or the CPU is idle. Time passes. */
static void pass_turn(void)
{
    unsigned next = most_urgent();
    schedule.yields++;
    if (next != this_cpu()->thread) {
        switch_to(schedule.now, next);
        return;
    }
    if (schedule.ended < schedule.threads && all_sleep()) {
        give_up("sleeps for ever: nobody wakes it%s", "");
    }
    take_interrupt();
    switch_to_another();
}

static void sleep_until_ready(void)
{
    while (!is_ready(this_thread())) {
        sim_buffer_tick();
        pass_turn();
    }
}

static void require_sleep(const char *what)
{
    if (!may_be_switched() || ashlar_lock_held_name() != NULL) {
        give_up("%s where it may not sleep: pinned, with interrupts off or a lock held, or in an interrupt", what);
    }
}

unsigned sim_thread(void)
{
    return this_cpu()->thread;
}

void sim_sleep(unsigned turns)
{
    require_sleep("sleeps");
    this_thread()->ready_at = schedule.yields + turns;
    sleep_until_ready();
}

/* --- the hooks by which threads wait ------------------------------------------------ */

/* Compared and queued in one step: nobody runs in between. */
static void block(const volatile uint32_t *word, uint32_t seen)
{
    sim_yield();
    require_sleep("blocks");
    sim_drain();
    if (*word == seen && random_below(WOKEN_ONE_IN) != 0) {
        this_thread()->sleeps_on = word;
        sleep_until_ready();
    }
}

/* The address is compared, and nothing else. */
static void wake(const volatile uint32_t *word)
{
    sim_yield();
    for (unsigned i = 0; i < schedule.threads; i++) {
        struct thread *thread = &schedule.thread[i];
        thread->sleeps_on = thread->sleeps_on == word ? NULL : thread->sleeps_on;
    }
    sim_yield();
}

static void yield_to_equals(void)
{
    struct thread *thread = this_thread();
    require_sleep("yields");
    if (thread->waits++ > schedule.options.waits_most) {
        give_up("waits for ever, yielding%s", "");
    }
    preempt(1);
    sim_buffer_tick();
    take_interrupt();
    switch_to_another();
}

static uint32_t *mark(void)
{
    return &this_thread()->mark;
}

const struct ashlar_waiting sim_waiting_by_block = {.block = block, .wake = wake, .mark = mark};
const struct ashlar_waiting sim_waiting_by_yield = {.yield = yield_to_equals, .mark = mark};

/* --- what the code under test calls ---------------------------------------------------- */

void sim_yield(void)
{
    if (!schedule.running) {
        return;
    }
    schedule.yields++;
    sim_buffer_tick();
    if (schedule.options.between != NULL && random_below(BETWEEN_ONE_IN) == 0) {
        schedule.options.between();
    }
    take_interrupt();
    preempt(SLICE_ONE_IN);
    if (--schedule.countdown == 0) {
        switch_to_another();
    }
}

bool sim_wait(void)
{
    struct thread *thread = this_thread();
    const char *held = ashlar_lock_held_name();
    if (!schedule.running) {
        return false;
    }
    if (thread->waits++ > schedule.options.waits_most) {
        give_up(sim_interrupts_are_off() ? "waits for ever with interrupts off, lock: %s" : "waits for ever, lock: %s",
                held != NULL ? held : "none");
    }
    sim_buffer_tick();
    take_interrupt();
    preempt(SLICE_ONE_IN);
    switch_to_another();
    return true;
}

/* Outside of a run CPUs are threads of the host. */
void ashlar_port_relax(void)
{
    if (!sim_wait()) {
        sched_yield();
    }
}

void sim_progress(void)
{
    this_thread()->waits = 0;
}

/* --- a run -------------------------------------------------------------------------- */

static void enter(void)
{
    struct thread *thread = this_thread();
    const char *fatal = SIM_FATAL(schedule.body(schedule.context));
    if (fatal != NULL) {
        give_up("fatal: %s", fatal);
    }
    sim_drain();
    thread->ended = true;
    schedule.ended++;
    while (schedule.ended < schedule.threads) {
        pass_turn();
    }
    setcontext(&schedule.home);
}

/* Kept from run to run. */
static char *stack_of(unsigned index)
{
    static char *stacks[SIM_THREADS_MAX];
    if (stacks[index] == NULL) {
        void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED) {
            abort();
        }
        stacks[index] = stack;
    }
    return stacks[index];
}

static void prepare(unsigned index)
{
    struct thread *thread = &schedule.thread[index];
    memset(thread, 0, sizeof *thread);
    thread->cpu = index % schedule.cpus;
    thread->priority = schedule.options.priority_of != NULL ? schedule.options.priority_of(index) : 0;
    thread->state.cpu = thread->cpu;
    getcontext(&thread->machine);
    thread->machine.uc_stack.ss_sp = stack_of(index);
    thread->machine.uc_stack.ss_size = STACK_BYTES;
    thread->machine.uc_link = NULL;
    makecontext(&thread->machine, enter, 0);
}

const char *sim_schedule(unsigned cpus, void (*body)(void *), void *context, const struct sim_schedule_options *options)
{
    struct sim_state outside = {0};
    volatile bool started = false;
    if (cpus == 0 || cpus > SIM_CPUS_MAX) {
        abort();
    }
    schedule.options = *options;
    schedule.options.kick_one_in = options->kick_one_in != 0 ? options->kick_one_in : KICK_USUAL;
    schedule.options.waits_most = options->waits_most != 0 ? options->waits_most : WAITS_USUAL;
    schedule.random = (options->seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    schedule.cpus = cpus;
    schedule.body = body;
    schedule.context = context;
    schedule.now = schedule.ended = 0;
    schedule.yields = schedule.switches = 0;
    schedule.why[0] = '\0';
    schedule.threads = options->threads != 0 ? options->threads : cpus;
    for (unsigned i = 0; i < schedule.threads; i++) {
        prepare(i);
    }
    for (unsigned i = 0; i < cpus; i++) {
        schedule.cpu[i] = (struct cpu){.thread = i};
    }
    draw_countdown();
    sim_buffer_begin(cpus, options->drain_one_in, options->seed);
    getcontext(&schedule.home);
    if (!started) {
        started = true;
        schedule.running = true;
        sim_state_exchange(&outside, &schedule.thread[0].state);
        setcontext(&schedule.thread[0].machine);
    }
    schedule.running = false;
    sim_buffer_end();
    sim_state_exchange(&this_thread()->state, &outside);
    return schedule.why[0] != '\0' ? schedule.why : NULL;
}

unsigned long sim_schedule_yields(void)
{
    return schedule.yields;
}

unsigned long sim_schedule_switches(void)
{
    return schedule.switches;
}
