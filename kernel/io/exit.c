/* SPDX-License-Identifier: 0BSD */
/* exit.c - the end of the machine, with a status that the shell sees where QEMU's isa-debug-exit is there. */
#include "io/exit.h"

#include "x86/cpu.h"

void machine_exit(unsigned status)
{
    x86_irq_disable();
    x86_out8(0xf4, (uint8_t)status); /* QEMU's isa-debug-exit; nothing happens on a machine without it */
    for (;;) {
        x86_halt();
    }
}
