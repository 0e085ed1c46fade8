/* SPDX-License-Identifier: 0BSD */
/* descriptor.h - GDT, task states and IDT of i386. */
#ifndef KERNEL_DESCRIPTOR_H
#define KERNEL_DESCRIPTOR_H

#include <stdint.h>

#define SELECTOR_CODE 0x08u
#define SELECTOR_DATA 0x10u

/* The CPU's own structure; selectors fill 32 bits, of which the upper half is reserved. */
struct task_state {
    uint32_t link;
    uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs;
    uint32_t ldt;
    uint16_t trap, io_map;
};

void descriptors_init(void);

/* What ran when the double fault's task took over: the CPU saved it here. CR3 is not among it. */
const struct task_state *interrupted_task_state(void);
void set_double_fault_root(uint32_t root);

#endif
