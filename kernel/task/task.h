/* SPDX-License-Identifier: 0BSD */
/* task.h - threads of the kernel, each on a guarded stack, some in an address space of their own.
 *
 * The timer switches between those that are ready, in turn, on every CPU; with
 * `priorities=strict` on the command line only between the most urgent ones. A task
 * keeps its CPU between ashlar_port_pin and ashlar_port_unpin.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <ashlar/space.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum task_state_kind { TASK_READY, TASK_ASLEEP, TASK_BLOCKED, TASK_DONE } task_state_kind;

/* The higher, the more urgent. */
#define TASK_LOW 0u
#define TASK_USUAL 1u
#define TASK_HIGH 2u
#define TASK_WORKER 3u /* the thread that calls ashlar_work */

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
    const volatile uint32_t *word; /* TASK_BLOCKED: the address that it sleeps on */
    uint32_t mark;                 /* the library's (ashlar/port.h) */
    unsigned priority;
    uint32_t turn;     /* its last one's number */
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
void task_set_priority(struct task *task, unsigned priority);
/* Tasks of higher priority keep those of lower ones from running, for ever if they like. */
void task_use_strict_priorities(void);

/* The hooks by which threads of this kernel wait for each other. */
void task_block(const volatile uint32_t *word, uint32_t seen);
void task_wake(const volatile uint32_t *word);
uint32_t *task_mark(void);
/* May this one be put to sleep? Not while it is pinned, and never an idle one. */
static inline bool task_may_sleep(const struct task *task)
{
    return task->pins == 0 && task->function != NULL;
}

/* A thread that does for the library what an idle task may not: it gives memory back, and grows. */
void task_start_worker(void);

/* In between, neither an idle task nor the worker uses the library: an audit wants it so. A thread's to call. */
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
