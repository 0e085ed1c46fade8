/* SPDX-License-Identifier: 0BSD */
/* process.h - tasks with a root table of their own, in ring 0 as yet. */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include "task/task.h"

#define PROCESS_PAGE_ADDRESS 0x00400000u /* the private page: the same address in each */

struct process {
    struct process *next;
    struct ashlar_space space;
    struct task task;
    ashlar_pfn frame; /* behind the private page */
    uint32_t pattern;
    volatile uint32_t checks;
    volatile uint32_t mismatches;
    volatile uint32_t cpus; /* that it has checked its page on */
    volatile bool stop;
    /* What the process is asked to do in its own address space; NULL: nothing, or done. */
    void (*volatile job)(void *argument);
    void *job_argument;
};

/* name is kept. ASHLAR_NO_FRAMES, ASHLAR_NO_ADDRESSES: nothing is left behind. */
ASHLAR_MUST_USE ashlar_status process_start(const char *name, struct process **process);
/* Ends it, and gives back all that it had. */
void process_stop(struct process *process);

/* All processes, or NULL; follow next. */
struct process *process_first(void);

/* The process calls job(argument), in its own address space and on its own stack. Returns when it has. */
void process_run(struct process *process, void (*job)(void *argument), void *argument);

/* Of the kernel's half of its root table: changes whenever an entry does. */
uint32_t process_root_hash(const struct process *process);

#endif
