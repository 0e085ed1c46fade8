/* SPDX-License-Identifier: 0BSD */
/* trap.h - exceptions, interrupts, and what is said when one of them is the end. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include <ashlar/types.h>
#include <stdbool.h>

/* As isr.S leaves it on the stack; there is no change of ring, so ESP at the interruption was just past it. */
struct trap_frame {
    uint32_t edi, esi, ebp, esp_in_pushal, ebx, edx, ecx, eax;
    uint32_t vector, error;
    uint32_t eip, cs, eflags;
};

/* Bits of a page fault's error code. */
#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_RESERVED 8u
#define FAULT_FETCH 16u

/* GDT, TSS, IDT. Exceptions are reported from here on. */
void trap_init(void);

/* The double fault's task loads this root: one that is never freed. */
void trap_set_double_fault_root(uint32_t root);

/* How many interrupts and exceptions this CPU is inside of. */
unsigned trap_depth(void);

/* Page faults since start, those of probes not counted. */
uint32_t trap_page_faults(void);

/* False where the access faults; with report set, the fault is explained first. */
bool probe_read(uintptr_t address, uint32_t *value);
bool probe_write(uintptr_t address, uint32_t value);
void trap_set_probe_report(bool report);

/* A panic: whatever is known, then the end. eip and esp say where. */
ASHLAR_NORETURN void panic_at(const char *message, uint32_t eip, uint32_t esp);

/* A line naming what lies at an address, from the image, the space floor and the running process. */
void explain_address(uintptr_t address, char *text, size_t bytes);
/* From here on explain_address may ask the space floor. */
void explain_use_space(void);

#endif
