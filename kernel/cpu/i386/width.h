/* SPDX-License-Identifier: 0BSD */
/* width.h - what the 32-bit kernel and the 64-bit one do not have in common: the 32-bit side. */
#ifndef KERNEL_WIDTH_H
#define KERNEL_WIDTH_H

#include <ashlar/types.h>

#define KERNEL_WIDTH_BITS 32u

/* What switch_stacks keeps on a stack, the address to go on at apart. */
#define SWITCH_WORDS 4u

/* As isr.S leaves it on the stack; there is no change of ring, so ESP at the interruption was just past it. */
struct trap_frame {
    uintptr_t di, si, bp, sp_in_pushal, bx, dx, cx, ax;
    uintptr_t vector, error;
    uintptr_t ip, cs, flags;
};

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

/* Of one CPU. */
struct descriptors {
    uint64_t gdt[6];
    struct task_state main_state;  /* what ran when the double fault's task took over is saved here, CR3 apart */
    struct task_state fault_state; /* the double fault's task */
};

static inline uintptr_t trap_frame_sp(const struct trap_frame *frame)
{
    return (uintptr_t)(frame + 1);
}

#endif
