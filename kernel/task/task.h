/* SPDX-License-Identifier: 0BSD */
/* task.h - threads of the kernel, each on a guarded stack, some in an address space of their own.
 *
 * The timer switches between those that are ready, in turn, on every CPU. A task
 * keeps its CPU between ashlar_port_pin and ashlar_port_unpin.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <ashlar/space.h>
#include <stdbool.h>

typedef enum task_state_kind { TASK_READY, TASK_ASLEEP, TASK_DONE } task_state_kind;

typedef void (*task_function)(void *argument);

struct task {
    struct task *next; /* the ring of all tasks, idle ones apart */
    const char *name;
    uintptr_t sp; /* while another one runs */
    uintptr_t stack_top;
    struct ashlar_space *space; /* NULL: any will do */
    task_function function;
    void *argument;
    task_state_kind state;
    uint32_t wake_tick;
    uint32_t switches; /* times that it was switched to */
    unsigned pins;
    unsigned cpu;      /* that it runs on, or ran on last */
    bool is_running;   /* on that CPU now */
    volatile bool due; /* a tick came while it was pinned */
};

/* What runs now becomes this CPU's idle task. */
void task_init(const char *name, uintptr_t stack_top);
/* What an idle task does, for ever. */
ASHLAR_NORETURN void task_idle(void);

/* name is kept. The task lies in the caller's storage until it was joined. */
ASHLAR_MUST_USE ashlar_status task_start(struct task *task, const char *name, task_function function, void *argument,
                                         struct ashlar_space *space);
/* Waits until the task's function has returned, and gives back its stack. */
void task_join(struct task *task);

struct task *task_current(void);
void task_yield(void);
void task_sleep(uint32_t ticks);

/* In between, no idle task uses the library: an audit wants it so. A thread's to call. */
void task_begin_quiet(void);
void task_end_quiet(void);

/* From the end of an interrupt, and of a pinned stretch: switch, if one is due and possible. */
void task_preempt(void);
/* From an interrupt: leave the space of a task that is done, if this CPU is still in it. */
void task_leave_done(void);
/* This CPU goes on with the reference root. From its idle task, or with interrupts off. */
void task_leave_space(void);
void task_pin(void);
void task_unpin(void);

/* For reports: these touch nothing but the current task. */
const char *task_current_name(void);
ashlar_phys task_current_root(void);

/* Calls visit for each task. */
void task_walk(void (*visit)(void *context, const struct task *task), void *context);

#endif
