/* SPDX-License-Identifier: 0BSD */
/* task.c - the scheduler: one ring for all CPUs, and whose turn it is.
 *
 * One lock, taken with interrupts off, covers the ring and every task's state. It
 * is held across a switch: the CPU that takes a task waits until the one that
 * leaves it has saved all of it.
 *
 *     take the lock, choose, switch stacks ... the other task: give the lock
 *
 * The space is changed before the stack: both stacks lie in the kernel half, which
 * every space shows. A task of the kernel's own stays in whatever space it finds,
 * so that switching to it costs no TLB; the space of a task that has ended is left
 * by all CPUs, asked by an interrupt, before it can be destroyed.
 *
 * Each CPU has an idle task, which runs when no other one is ready. It must never
 * sleep, and gets no turn while others want to run: so it holds nothing that others
 * wait for. It does pinned what can be done so, and wakes the worker for the rest:
 * a thread more urgent than any that could wait for it.
 *
 * A task that waits for another sleeps on the address of a word. The comparison
 * and the change of state are under the lock, as is the wake: one step.
 */
#include "task/task.h"

#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/spin.h"
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "x86/cpu.h"
#include <ashlar/kmalloc.h>
#include <ashlar/kva.h>
#include <ashlar/port.h>

#define STACK_PAGES 4

void switch_stacks(uintptr_t *save, uintptr_t load);

static struct spin lock;
static uint32_t turns;    /* given so far */
static bool strict;       /* only the most urgent tasks run */
static uint32_t quiet;    /* how many want idle tasks to do nothing */
static uint32_t working;  /* idle tasks that do something */
static struct task *ring; /* the task that was chosen last; NULL: there is none */

void task_init(const char *name, uintptr_t stack_top)
{
    struct cpu *cpu = cpu_self();
    cpu->idle = (struct task){.name = name, .stack_top = stack_top, .is_running = true, .cpu = cpu_index()};
    cpu->current = &cpu->idle;
}

/* What interrupts and other CPUs left to do is done here, unless somebody wants quiet. */
static void work(void)
{
    __atomic_fetch_add(&working, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&quiet, __ATOMIC_SEQ_CST) == 0) {
        ashlar_work();
    }
    __atomic_fetch_sub(&working, 1, __ATOMIC_SEQ_CST);
}

static struct task worker;
static volatile uint32_t worker_wanted;

/* Pinned, so that it may not sleep, and nobody waits for it that keeps it from running. */
static void work_idly(void)
{
    task_pin();
    work();
    task_unpin();
    __atomic_store_n(&worker_wanted, 1, __ATOMIC_SEQ_CST);
    task_wake(&worker_wanted);
}

static void worker_thread(void *argument)
{
    (void)argument;
    for (;;) {
        while (__atomic_exchange_n(&worker_wanted, 0, __ATOMIC_SEQ_CST) == 0) {
            task_block(&worker_wanted, 0);
        }
        work();
    }
}

void task_start_worker(void)
{
    if (task_start(&worker, "worker", worker_thread, NULL, NULL) != ASHLAR_OK) {
        ashlar_port_fatal("no stack for the worker");
    }
    task_set_priority(&worker, TASK_WORKER);
}

void task_idle(void)
{
    for (;;) {
        work_idly();
        x86_irq_disable();
        if (cpu_self()->leaving != 0) {
            task_leave_space();
            smp_go_offline();
        }
        x86_enable_and_halt();
    }
}

/* An idle task at work may have been switched away: it needs its CPU to end. */
void task_begin_quiet(void)
{
    __atomic_fetch_add(&quiet, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&working, __ATOMIC_SEQ_CST) != 0) {
        task_sleep(1);
    }
}

void task_end_quiet(void)
{
    __atomic_fetch_sub(&quiet, 1, __ATOMIC_SEQ_CST);
}

/* The same task wherever it is asked. */
struct task *task_current(void)
{
    return (struct task *)CPU_READ(current);
}

const char *task_current_name(void)
{
    return task_current()->name;
}

ashlar_phys task_current_root(void)
{
    const struct ashlar_space *space = (const struct ashlar_space *)CPU_READ(loaded);
    return space != NULL ? ashlar_space_root(space) : ashlar_port_get_root();
}

/* --- under the lock ------------------------------------------------------- */

static bool can_run(struct task *task, uint32_t now)
{
    unsigned cpu = cpu_index();
    if ((task->is_running || task->pins != 0) && task->cpu != cpu) {
        return false;
    }
    if (task->pins == 0 && cpu_self()->leaving != 0) {
        return false;
    }
    if (task->state == TASK_ASLEEP && (int32_t)(now - task->wake_tick) >= 0) {
        task->state = TASK_READY;
    }
    return task->state == TASK_READY;
}

/* The more urgent one; of equals the one whose turn was longer ago, whoever more urgent has run in between. */
static bool comes_before(const struct task *task, const struct task *other)
{
    return task->priority != other->priority ? task->priority > other->priority
                                             : (int32_t)(task->turn - other->turn) < 0;
}

/* The next one in turn, of the most urgent ones where priorities are strict; the idle task only if there is no other. */
static struct task *choose(void)
{
    uint32_t now = timer_ticks();
    struct task *chosen = NULL;
    struct task *task = ring;
    if (task != NULL) {
        do {
            task = task->next;
            if (can_run(task, now) && (chosen == NULL || comes_before(task, chosen))) {
                chosen = task;
            }
        } while (task != ring && (strict || chosen == NULL));
    }
    if (chosen == NULL) {
        return &cpu_self()->idle;
    }
    ring = chosen;
    chosen->turn = ++turns;
    return chosen;
}

static void load_space(struct cpu *cpu, struct ashlar_space *space)
{
    if (space != cpu->loaded) {
        ashlar_space_switch(space);
        cpu->loaded = space;
    }
}

static void switch_to(struct task *task)
{
    struct cpu *cpu = cpu_self();
    struct task *previous = cpu->current;
    if (task == previous) {
        return;
    }
    if (ashlar_x86_windows_open(0) != 0) {
        ashlar_port_fatal("a task is switched away with a window open: it was not pinned");
    }
    if (previous->pins != 0) {
        ashlar_port_fatal("a task that is pinned sleeps, yields or ends: until unpin no other one may run on its CPU");
    }
    if (task->space != NULL) {
        load_space(cpu, task->space);
    }
    task->switches++;
    task->cpu = cpu_index();
    task->is_running = true;
    previous->is_running = false;
    cpu->current = task;
    switch_stacks(&previous->sp, task->sp);
}

/* --- switching -------------------------------------------------------------- */

static void reschedule(void)
{
    uintptr_t interrupts = spin_take(&lock);
    task_current()->due = false;
    switch_to(choose());
    spin_give(&lock, interrupts);
}

void task_preempt(void)
{
    struct task *task = task_current();
    task->due = task->pins != 0;
    if (trap_depth() == 0 && !task->due) {
        reschedule();
    }
}

void task_pin(void)
{
    task_current()->pins++;
    __asm__ volatile("" : : : "memory");
}

/* A switch that was due meanwhile is made now, unless the caller has interrupts off: then with the next tick. */
void task_unpin(void)
{
    struct task *task = task_current();
    __asm__ volatile("" : : : "memory");
    if (--task->pins == 0 && task->due && trap_depth() == 0 && (x86_flags() & X86_FLAGS_IF) != 0) {
        task_yield();
    }
}

void task_yield(void)
{
    reschedule();
}

void task_sleep(uint32_t ticks)
{
    uintptr_t interrupts = spin_take(&lock);
    struct task *task = task_current();
    task->wake_tick = timer_ticks() + ticks;
    task->state = TASK_ASLEEP;
    switch_to(choose());
    spin_give(&lock, interrupts);
}

/* --- waiting for another task -------------------------------------------------- */

void task_block(const volatile uint32_t *word, uint32_t seen)
{
    uintptr_t interrupts = spin_take(&lock);
    if (!task_may_sleep(task_current()) || trap_depth() != 0 || (interrupts & X86_FLAGS_IF) == 0) {
        ashlar_port_fatal("a task blocks where it may not sleep");
    }
    if (*word == seen) {
        struct task *task = task_current();
        task->word = word;
        task->state = TASK_BLOCKED;
        switch_to(choose());
    }
    spin_give(&lock, interrupts);
}

/* Whoever is woken, and more urgent than the caller, runs at once where the caller may be switched away, else with the
 * next tick. */
void task_wake(const volatile uint32_t *word)
{
    bool urgent = false;
    uintptr_t interrupts = spin_take(&lock);
    struct task *task = ring;
    if (task != NULL) {
        do {
            if (task->state == TASK_BLOCKED && task->word == word) {
                task->state = TASK_READY;
                urgent = urgent || (strict && task->priority > task_current()->priority);
            }
            task = task->next;
        } while (task != ring);
    }
    spin_give(&lock, interrupts);
    if (urgent && trap_depth() == 0 && task_may_sleep(task_current()) && (interrupts & X86_FLAGS_IF) != 0) {
        task_yield();
    }
}

uint32_t *task_mark(void)
{
    return &task_current()->mark;
}

void task_set_priority(struct task *task, unsigned priority)
{
    uintptr_t interrupts = spin_take(&lock);
    task->priority = priority;
    spin_give(&lock, interrupts);
}

void task_use_strict_priorities(void)
{
    strict = true;
}

/* A new task begins where switch_to would have returned: with the lock. */
static ASHLAR_NORETURN void task_begin(void)
{
    struct task *task = task_current();
    spin_give(&lock, X86_FLAGS_IF);
    task->function(task->argument);
    (void)spin_take(&lock);
    task->state = TASK_DONE;
    for (;;) {
        switch_to(choose());
    }
}

/* As switch_stacks leaves a stack: its registers, and where to go on; aligned as after a call. */
static uintptr_t first_frame(uintptr_t top)
{
    uintptr_t *word = (uintptr_t *)top;
    for (unsigned i = 0; i < 3; i++) {
        *--word = 0; /* task_begin has no caller */
    }
    *--word = (uintptr_t)task_begin;
    for (unsigned i = 0; i < SWITCH_WORDS; i++) {
        *--word = 0;
    }
    return (uintptr_t)word;
}

static void join_ring(struct task *task)
{
    uintptr_t interrupts = spin_take(&lock);
    if (ring == NULL) {
        ring = task->next = task;
    } else {
        task->next = ring->next;
        ring->next = task;
    }
    spin_give(&lock, interrupts);
}

ashlar_status task_start(struct task *task, const char *name, task_function function, void *argument,
                         struct ashlar_space *space)
{
    uintptr_t top;
    ashlar_status status = ashlar_kva_take_stack(STACK_PAGES, name, &top);
    if (status != ASHLAR_OK) {
        return status;
    }
    *task = (struct task){.name = name,
                          .sp = first_frame(top),
                          .stack_top = top,
                          .space = space,
                          .priority = TASK_USUAL,
                          .function = function,
                          .argument = argument};
    join_ring(task);
    return ASHLAR_OK;
}

/* Only once no CPU runs it: until then its stack is in use. */
static bool leave_ring(struct task *task)
{
    uintptr_t interrupts = spin_take(&lock);
    bool left = task->state == TASK_DONE && !task->is_running;
    if (left) {
        struct task *before = task;
        while (before->next != task) {
            before = before->next;
        }
        before->next = task->next;
        if (ring == task) {
            ring = before != task ? before : NULL;
        }
    }
    spin_give(&lock, interrupts);
    return left;
}

/* --- spaces of tasks that are done ------------------------------------------ */

void task_leave_space(void)
{
    uintptr_t interrupts = spin_take(&lock);
    load_space(cpu_self(), NULL);
    spin_give(&lock, interrupts);
}

void task_leave_done(void)
{
    uintptr_t interrupts = spin_take(&lock);
    struct cpu *cpu = cpu_self();
    if (cpu->loaded != NULL && cpu->loaded == cpu->leave) {
        load_space(cpu, NULL);
    }
    spin_give(&lock, interrupts);
}

/* Is this CPU still in it? Then it is told to leave. */
static bool is_left(struct cpu *cpu, struct ashlar_space *space)
{
    uintptr_t interrupts = spin_take(&lock);
    bool is_in = cpu->loaded == space;
    if (is_in) {
        cpu->leave = space;
    }
    spin_give(&lock, interrupts);
    return !is_in;
}

/* No CPU runs a task of this space any more. */
static void abandon(struct ashlar_space *space)
{
    for (unsigned i = 0; i < smp_count(); i++) {
        while (!is_left(&cpus[i], space)) {
            ashlar_port_pin();
            if (i == cpu_index()) {
                task_leave_done();
            } else {
                smp_ask_to_leave(i);
            }
            ashlar_port_unpin();
            ashlar_port_relax();
        }
    }
}

void task_join(struct task *task)
{
    while (!leave_ring(task)) {
        task_sleep(1);
    }
    if (task->space != NULL) {
        abandon(task->space);
    }
    ashlar_kva_give_stack(task->stack_top);
}

void task_walk(void (*visit)(void *context, const struct task *task), void *context)
{
    for (unsigned i = 0; i < smp_count(); i++) {
        visit(context, &cpus[i].idle);
    }
    const struct task *task = ring;
    if (task != NULL) {
        do {
            visit(context, task);
            task = task->next;
        } while (task != ring);
    }
}
