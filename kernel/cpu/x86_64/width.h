/* SPDX-License-Identifier: 0BSD */
/* width.h - what the 32-bit kernel and the 64-bit one do not have in common: the 64-bit side. */
#ifndef KERNEL_WIDTH_H
#define KERNEL_WIDTH_H

#include <ashlar/types.h>

#define KERNEL_WIDTH_BITS 64u

/* What switch_stacks keeps on a stack, the address to go on at apart. */
#define SWITCH_WORDS 6u

/* As isr.S leaves it on the stack. The CPU saves the stack pointer always. */
struct trap_frame {
    uintptr_t r15, r14, r13, r12, r11, r10, r9, r8;
    uintptr_t di, si, bp, bx, dx, cx, ax;
    uintptr_t vector, error;
    uintptr_t ip, cs, flags, sp, ss;
};

/* The CPU's own structure: addresses of 64 bits, aligned to 32. */
struct task_state {
    uint32_t reserved0;
    uint32_t stacks[6]; /* of rings 0 to 2 */
    uint32_t reserved1[2];
    uint32_t fault_stack[14]; /* IST 1 to 7 */
    uint32_t reserved2[2];
    uint16_t reserved3, io_map;
};

/* Of one CPU. */
struct descriptors {
    uint64_t gdt[6];
    struct task_state state;
};

static inline uintptr_t trap_frame_sp(const struct trap_frame *frame)
{
    return frame->sp;
}

#endif
