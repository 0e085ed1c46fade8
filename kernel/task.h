/* SPDX-License-Identifier: 0BSD */
/* task.h - threads of the kernel, each on a guarded stack, some in an address space of their own.
 *
 * One CPU. The timer switches between those that are ready, in turn. A task is
 * not moved away between ashlar_port_pin and ashlar_port_unpin.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <ashlar/space.h>
#include <stdbool.h>

typedef enum task_state_kind { TASK_READY, TASK_ASLEEP, TASK_DONE } task_state_kind;

typedef void (*task_function)(void *argument);

struct task {
    struct task *next; /* the ring of all tasks */
    const char *name;
    uintptr_t esp; /* while another one runs */
    uintptr_t stack_top;
    struct ashlar_space *space; /* NULL: any will do */
    task_function function;
    void *argument;
    task_state_kind state;
    uint32_t wake_tick;
    uint32_t switches; /* times that it was switched to */
    unsigned pins;
};

/* What runs now becomes the first task, named "idle". */
void task_init(void);

/* name is kept. The task lies in the caller's storage until it was joined. */
ASHLAR_MUST_USE ashlar_status task_start(struct task *task, const char *name, task_function function, void *argument,
                                         struct ashlar_space *space);
/* Waits until the task's function has returned, and gives back its stack. */
void task_join(struct task *task);

struct task *task_current(void);
void task_yield(void);
void task_sleep(uint32_t ticks);

/* From the end of an interrupt, and of a pinned stretch: switch, if one is due and possible. */
void task_preempt(void);
void task_pin(void);
void task_unpin(void);

/* For reports: these touch nothing but the current task. */
const char *task_current_name(void);
ashlar_phys task_current_root(void);

/* Calls visit for each task. */
void task_walk(void (*visit)(void *context, const struct task *task), void *context);

#endif
