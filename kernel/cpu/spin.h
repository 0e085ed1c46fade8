/* SPDX-License-Identifier: 0BSD */
/* spin.h - the kernel's own locks: held for a few instructions, with interrupts off. */
#ifndef KERNEL_SPIN_H
#define KERNEL_SPIN_H

#include "x86/cpu.h"

struct spin {
    volatile uint32_t held;
};

static inline uintptr_t spin_take(struct spin *spin)
{
    uintptr_t interrupts = x86_irq_save();
    while (spin->held != 0 || __atomic_exchange_n(&spin->held, 1, __ATOMIC_ACQUIRE) != 0) {
        x86_pause();
    }
    return interrupts;
}

static inline void spin_give(struct spin *spin, uintptr_t interrupts)
{
    __atomic_store_n(&spin->held, 0, __ATOMIC_RELEASE);
    x86_irq_restore(interrupts);
}

#endif
