/* SPDX-License-Identifier: 0BSD */
/* descriptor.h - segments, task states and gates: each width has its own. */
#ifndef KERNEL_DESCRIPTOR_H
#define KERNEL_DESCRIPTOR_H

#include "width.h"

#define GATES 64u /* 32 exceptions, 16 lines of the PICs, 16 for CPUs among themselves */
#define VECTOR_DOUBLE_FAULT 8u
#define SELECTOR_CODE 0x08u
#define SELECTOR_DATA 0x10u

/* As LGDT and LIDT read it. */
struct table_pointer {
    uint16_t limit;
    uintptr_t base;
} __attribute__((packed));

extern char trap_stubs[]; /* of isr.S: 64 entry points */
#define TRAP_STUB_BYTES 16u

/* Fill and load them on this CPU. GS shows percpu from here on. */
void descriptors_load(struct descriptors *tables, void *percpu);

/* Where a double fault's report runs. */
void descriptors_set_fault_stack(struct descriptors *tables, uintptr_t top);
/* The root that it runs with, where the CPU changes it: one that is never freed. */
void descriptors_set_fault_root(struct descriptors *tables, uintptr_t root);
/* Start a double fault's report by hand, from where a first report failed. */
ASHLAR_NORETURN void descriptors_enter_fault_stack(const struct descriptors *tables);

/* Registers of a trap frame, for people. */
struct frame_register {
    const char *name;
    size_t offset;
};
extern const struct frame_register frame_registers[]; /* the last one's name is NULL */

#endif
