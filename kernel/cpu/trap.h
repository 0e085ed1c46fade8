/* SPDX-License-Identifier: 0BSD */
/* trap.h - exceptions, interrupts, and what is said when one of them is the end. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "width.h"
#include <stdbool.h>

/* Bits of a page fault's error code. */
#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_RESERVED 8u
#define FAULT_FETCH 16u

/* On the CPU that boots: exceptions are reported from here on. */
void trap_init(void);

/* Of this CPU. */
struct descriptors *trap_descriptors(void);
/* Where its double faults are reported; the root is one that is never freed. */
void trap_set_fault_stack(uintptr_t top);
void trap_set_fault_root(uintptr_t root);

/* How many interrupts and exceptions this CPU is inside of. */
unsigned trap_depth(void);

/* Page faults since start, those of probes not counted. */
uint32_t trap_page_faults(void);

/* False where the access faults; with report set, the fault is explained first. */
bool probe_read(uintptr_t address, uint32_t *value);
bool probe_write(uintptr_t address, uint32_t value);
/* Executes what lies there: an instruction that returns, or a page that may not be executed. One caller at a time. */
bool trap_probe_execute(uintptr_t address);
void trap_set_probe_report(bool report);

/* A panic: whatever is known, then the end. ip and sp say where. */
ASHLAR_NORETURN void panic_at(const char *message, uintptr_t ip, uintptr_t sp);

/* On the double fault's own stack: the report, and the end. */
ASHLAR_NORETURN void double_fault_report(uintptr_t ip, uintptr_t sp);

/* A line naming what lies at an address, from the image, the space floor and the running process. */
void explain_address(uintptr_t address, char *text, size_t bytes);
/* From here on explain_address may ask the space floor. */
void explain_use_space(void);

#endif
