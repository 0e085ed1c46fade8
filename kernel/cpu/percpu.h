/* SPDX-License-Identifier: 0BSD */
/* percpu.h - what each CPU has of its own, found through the GS segment.
 *
 * A thread may be moved between two of its instructions: so a field is read in
 * one instruction, and only what does not change by a move (the thread itself)
 * or is asked while pinned means anything afterwards.
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include "cpu/descriptor.h"
#include "task/task.h"
#include "x86/window.h"
#include <ashlar/config.h>
#include <stddef.h>

#define CPUS_MAX ASHLAR_X86_WINDOW_CPUS
_Static_assert(CPUS_MAX <= ASHLAR_MAX_CPUS, "the library has tables for fewer CPUs than the windows");
_Static_assert(CPUS_MAX <= 32, "a process has a bit for each CPU in one word");

struct cpu {
    uintptr_t index;
    struct cpu *self;
    struct task *current;
    uintptr_t depth;             /* interrupts and exceptions that it is inside of */
    struct ashlar_space *loaded; /* under the scheduler's lock; NULL: the reference root */
    struct ashlar_space *leave;  /* the same: one to be left, whose tasks are done */
    struct task idle;
    char idle_name[8];
    uint32_t apic_id;
    volatile uint32_t online;
    volatile uint32_t leaving; /* it goes offline once its idle task runs: no other one is chosen any more */
    struct descriptors descriptors;
};

extern struct cpu cpus[CPUS_MAX];

/* One field of this CPU's, a word wide. */
#define CPU_READ(field)                                                                                                \
    __extension__({                                                                                                    \
        uintptr_t cpu_value;                                                                                           \
        __asm__ volatile("mov %%gs:%c1, %0" : "=r"(cpu_value) : "i"(offsetof(struct cpu, field)));                     \
        cpu_value;                                                                                                     \
    })

/* Pinned, or with interrupts off. */
static inline struct cpu *cpu_self(void)
{
    return (struct cpu *)CPU_READ(self);
}

static inline unsigned cpu_index(void)
{
    return (unsigned)CPU_READ(index);
}

/* This CPU becomes that one: its descriptor tables, and what GS shows. */
void cpu_load(unsigned index);

#endif
