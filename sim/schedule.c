/* SPDX-License-Identifier: 0BSD */
/* schedule.c - simulated CPUs as coroutines, switched by a seeded scheduler.
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

struct coroutine {
    ucontext_t machine;
    struct sim_state state;
    uint32_t kicked;
    bool in_interrupt;
    bool ended;
    unsigned waits; /* turns since it last did anything else */
};

static struct {
    bool running;
    unsigned cpus;
    unsigned now;
    unsigned ended;
    unsigned countdown; /* yields until the next switch */
    unsigned long yields;
    unsigned long switches;
    uint64_t random;
    struct sim_schedule_options options;
    void (*body)(void *);
    void *context;
    ucontext_t home;
    struct coroutine cpu[SIM_CPUS_MAX];
    char why[640];
} schedule;

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

/* The coroutine of this CPU stops here until it is its turn again. */
static void switch_to(unsigned next)
{
    struct coroutine *from = &schedule.cpu[schedule.now];
    struct coroutine *to = &schedule.cpu[next];
    if (from == to) {
        return;
    }
    schedule.switches++;
    schedule.now = next;
    sim_state_exchange(&from->state, &to->state);
    swapcontext(&from->machine, &to->machine);
}

static void switch_to_another(void)
{
    unsigned next = random_below(schedule.cpus);
    draw_countdown();
    switch_to(next);
}

/* Give the whole run up; does not return to this coroutine. */
static void give_up(const char *format, const char *what)
{
    int length = snprintf(schedule.why, sizeof schedule.why, "CPU %u: ", schedule.now);
    snprintf(schedule.why + length, sizeof schedule.why - (size_t)length, format, what);
    setcontext(&schedule.home);
}

/* --- interrupts ------------------------------------------------------------------- */

static void interrupt(struct coroutine *cpu)
{
    unsigned context = ashlar_port_context() & 15u;
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
    struct coroutine *cpu = &schedule.cpu[schedule.now];
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
    if (--schedule.countdown == 0) {
        switch_to_another();
    }
}

bool sim_wait(void)
{
    struct coroutine *cpu = &schedule.cpu[schedule.now];
    const char *held = ashlar_lock_held_name();
    if (!schedule.running) {
        return false;
    }
    if (cpu->waits++ > schedule.options.waits_most) {
        give_up(sim_interrupts_are_off() ? "waits for ever with interrupts off, lock: %s" : "waits for ever, lock: %s",
                held != NULL ? held : "none");
    }
    sim_buffer_tick();
    take_interrupt();
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
    schedule.cpu[schedule.now].waits = 0;
}

/* --- a run -------------------------------------------------------------------------- */

static void enter(void)
{
    struct coroutine *cpu = &schedule.cpu[schedule.now];
    const char *fatal = SIM_FATAL(schedule.body(schedule.context));
    if (fatal != NULL) {
        give_up("fatal: %s", fatal);
    }
    sim_drain();
    cpu->ended = true;
    schedule.ended++;
    while (schedule.ended < schedule.cpus) {
        take_interrupt();
        switch_to_another();
    }
    setcontext(&schedule.home);
}

/* Kept from run to run. */
static char *stack_of(unsigned index)
{
    static char *stacks[SIM_CPUS_MAX];
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
    struct coroutine *cpu = &schedule.cpu[index];
    memset(cpu, 0, sizeof *cpu);
    cpu->state.cpu = index;
    getcontext(&cpu->machine);
    cpu->machine.uc_stack.ss_sp = stack_of(index);
    cpu->machine.uc_stack.ss_size = STACK_BYTES;
    cpu->machine.uc_link = NULL;
    makecontext(&cpu->machine, enter, 0);
}

const char *sim_schedule(unsigned cpus, void (*body)(void *), void *context, const struct sim_schedule_options *options)
{
    struct sim_state outside = {0};
    volatile bool started = false;
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
    for (unsigned i = 0; i < cpus; i++) {
        prepare(i);
    }
    draw_countdown();
    sim_buffer_begin(cpus, options->drain_one_in, options->seed);
    getcontext(&schedule.home);
    if (!started) {
        started = true;
        schedule.running = true;
        sim_state_exchange(&outside, &schedule.cpu[0].state);
        setcontext(&schedule.cpu[0].machine);
    }
    schedule.running = false;
    sim_buffer_end();
    sim_state_exchange(&schedule.cpu[schedule.now].state, &outside);
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
