/* SPDX-License-Identifier: 0BSD */
/* task.c - the scheduler: a ring, and whose turn it is.
 *
 * Every change of the ring and every switch happens with interrupts off. The
 * space is changed before the stack: both stacks lie in the kernel half, which
 * every space shows. A task of the kernel's own stays in whatever space it finds,
 * so that switching to it costs no TLB.
 *
 * The first task is the one that booted; once main() lets it idle it runs only
 * when nobody else is ready.
 */
#include "task.h"

#include "cpu.h"
#include "machine.h"
#include "timer.h"
#include "trap.h"
#include "window.h"
#include <ashlar/port.h>

#define STACK_PAGES 4

void switch_stacks(uintptr_t *save, uintptr_t load);

static struct task idle;
static struct task *current = &idle;
static struct ashlar_space *loaded; /* NULL: the reference root, or before spaces exist */
static volatile bool due;           /* a tick came while the current task was pinned */

void task_init(void)
{
    idle.next = &idle;
    idle.name = "idle";
    idle.stack_top = (uintptr_t)boot_stack_top;
}

struct task *task_current(void)
{
    return current;
}

const char *task_current_name(void)
{
    return current->name;
}

ashlar_phys task_current_root(void)
{
    return loaded != NULL ? ashlar_space_root(loaded) : ashlar_port_get_root();
}

static bool is_ready(struct task *task, uint32_t now)
{
    if (task->state == TASK_ASLEEP && (int32_t)(now - task->wake_tick) >= 0) {
        task->state = TASK_READY;
    }
    return task->state == TASK_READY;
}

/* The next one in turn; the idle task only if there is no other. */
static struct task *choose(void)
{
    uint32_t now = timer_ticks();
    for (struct task *task = current->next; task != current; task = task->next) {
        if (task != &idle && is_ready(task, now)) {
            return task;
        }
    }
    return is_ready(current, now) ? current : &idle;
}

static void switch_to(struct task *task)
{
    struct task *previous = current;
    if (task == previous) {
        return;
    }
    if (ashlar_x86_windows_open(0) != 0) {
        ashlar_port_fatal("a task is switched away with a window open: it was not pinned");
    }
    if (task->space != NULL && task->space != loaded) {
        ashlar_space_switch(task->space);
        loaded = task->space;
    }
    task->switches++;
    current = task;
    switch_stacks(&previous->esp, task->esp);
}

void task_preempt(void)
{
    due = current->pins != 0;
    if (trap_depth() == 0 && !due) {
        switch_to(choose());
    }
}

void task_pin(void)
{
    current->pins++;
    __asm__ volatile("" : : : "memory");
}

/* A switch that was due meanwhile is made now, unless the caller has interrupts off: then with the next tick. */
void task_unpin(void)
{
    __asm__ volatile("" : : : "memory");
    if (--current->pins == 0 && due && trap_depth() == 0 && (x86_flags() & X86_FLAGS_IF) != 0) {
        task_yield();
    }
}

void task_yield(void)
{
    uintptr_t interrupts = x86_irq_save();
    due = false;
    switch_to(choose());
    x86_irq_restore(interrupts);
}

void task_sleep(uint32_t ticks)
{
    uintptr_t interrupts = x86_irq_save();
    current->wake_tick = timer_ticks() + ticks;
    current->state = TASK_ASLEEP;
    switch_to(choose());
    x86_irq_restore(interrupts);
}

static ASHLAR_NORETURN void task_begin(void)
{
    x86_irq_enable();
    current->function(current->argument);
    x86_irq_disable();
    current->state = TASK_DONE;
    for (;;) {
        switch_to(choose());
    }
}

/* As switch_stacks leaves a stack: four registers, and where to go on. */
static uintptr_t first_frame(uintptr_t top)
{
    uintptr_t *word = (uintptr_t *)top;
    *--word = 0;
    *--word = 0; /* task_begin has no caller */
    *--word = (uintptr_t)task_begin;
    for (unsigned i = 0; i < 4; i++) {
        *--word = 0;
    }
    return (uintptr_t)word;
}

ashlar_status task_start(struct task *task, const char *name, task_function function, void *argument,
                         struct ashlar_space *space)
{
    uintptr_t top;
    ashlar_status status = ashlar_space_take_stack(STACK_PAGES, name, &top);
    if (status != ASHLAR_OK) {
        return status;
    }
    *task = (struct task){.name = name,
                          .esp = first_frame(top),
                          .stack_top = top,
                          .space = space,
                          .function = function,
                          .argument = argument};
    uintptr_t interrupts = x86_irq_save();
    task->next = current->next;
    current->next = task;
    x86_irq_restore(interrupts);
    return ASHLAR_OK;
}

static void leave_ring(struct task *task)
{
    struct task *before = task;
    while (before->next != task) {
        before = before->next;
    }
    before->next = task->next;
}

void task_join(struct task *task)
{
    while (*(volatile task_state_kind *)&task->state != TASK_DONE) {
        task_sleep(1);
    }
    uintptr_t interrupts = x86_irq_save();
    leave_ring(task);
    if (task->space != NULL && loaded == task->space) {
        ashlar_space_switch(NULL);
        loaded = NULL;
    }
    x86_irq_restore(interrupts);
    ashlar_space_give_stack(task->stack_top);
}

void task_walk(void (*visit)(void *context, const struct task *task), void *context)
{
    struct task *task = &idle;
    do {
        visit(context, task);
        task = task->next;
    } while (task != &idle);
}
