/* SPDX-License-Identifier: 0BSD */
/* descriptor.c - flat segments, gates, and a task of its own for the double fault.
 *
 * A stack overflow in ring 0 faults again while the CPU pushes the page fault's
 * frame, for there is no other stack to push it on: a double fault. A task gate
 * is the one thing on i386 that changes the stack then. The switch saves the
 * registers of what was interrupted into the main task state, and loads CR3 from
 * the new one, so that must be a root that always exists; CR3 itself it does
 * not save: the scheduler knows which root was in use.
 *
 * Each CPU has its own GDT, in which the same selectors stand for its own task
 * states, so one table of gates serves all.
 */
#include "cpu/descriptor.h"

#include "cpu/trap.h"

#define SELECTOR_MAIN_TASK 0x18u
#define SELECTOR_FAULT_TASK 0x20u
#define SELECTOR_PERCPU 0x28u

static uint64_t idt[GATES];

void double_fault_begin(void);
void double_fault_main(void);

const struct frame_register frame_registers[] = {
    {"eax", offsetof(struct trap_frame, ax)},
    {"ebx", offsetof(struct trap_frame, bx)},
    {"ecx", offsetof(struct trap_frame, cx)},
    {"edx", offsetof(struct trap_frame, dx)},
    {"esi", offsetof(struct trap_frame, si)},
    {"edi", offsetof(struct trap_frame, di)},
    {"ebp", offsetof(struct trap_frame, bp)},
    {"flags", offsetof(struct trap_frame, flags)},
    {NULL, 0},
};

static uint64_t segment(uintptr_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
    uint32_t low = (limit & 0xffff) | base << 16;
    uint32_t high = (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) | flags << 20 | (base & 0xff000000);
    return (uint64_t)high << 32 | low;
}

static uint64_t gate(uint32_t selector, uint32_t offset, uint32_t access)
{
    uint32_t low = (offset & 0xffff) | selector << 16;
    uint32_t high = (offset & 0xffff0000) | access << 8;
    return (uint64_t)high << 32 | low;
}

static void load_segments(const struct descriptors *tables)
{
    struct table_pointer pointer = {sizeof tables->gdt - 1, (uintptr_t)tables->gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "ljmp %1, $1f\n"
                     "1:\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%fs\n\t"
                     "mov %2, %%ss\n\t"
                     "mov %3, %%gs"
                     :
                     : "m"(pointer), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA), "r"(SELECTOR_PERCPU)
                     : "memory");
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_MAIN_TASK));
}

static void make_fault_task(struct descriptors *tables)
{
    struct task_state *state = &tables->fault_state;
    state->eip = (uint32_t)(uintptr_t)double_fault_begin;
    state->eflags = 2;
    state->cs = SELECTOR_CODE;
    state->es = state->ss = state->ds = state->fs = SELECTOR_DATA;
    state->gs = SELECTOR_PERCPU;
    state->io_map = tables->main_state.io_map = sizeof(struct task_state);
}

static void load_gates(void)
{
    struct table_pointer pointer = {sizeof idt - 1, (uintptr_t)idt};
    for (unsigned i = 0; i < GATES; i++) {
        idt[i] = gate(SELECTOR_CODE, (uint32_t)(uintptr_t)trap_stubs + i * TRAP_STUB_BYTES, 0x8e);
    }
    idt[VECTOR_DOUBLE_FAULT] = gate(SELECTOR_FAULT_TASK, 0, 0x85);
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

void descriptors_load(struct descriptors *tables, void *percpu)
{
    make_fault_task(tables);
    tables->gdt[1] = segment(0, 0xfffff, 0x9a, 0xc);
    tables->gdt[2] = segment(0, 0xfffff, 0x92, 0xc);
    tables->gdt[3] = segment((uintptr_t)&tables->main_state, sizeof(struct task_state) - 1, 0x89, 0);
    tables->gdt[4] = segment((uintptr_t)&tables->fault_state, sizeof(struct task_state) - 1, 0x89, 0);
    tables->gdt[5] = segment((uintptr_t)percpu, 0xfffff, 0x92, 0xc);
    load_segments(tables);
    load_gates();
}

void descriptors_set_fault_stack(struct descriptors *tables, uintptr_t top)
{
    tables->fault_state.esp = top;
}

void descriptors_set_fault_root(struct descriptors *tables, uintptr_t root)
{
    tables->fault_state.cr3 = root;
}

void descriptors_enter_fault_stack(const struct descriptors *tables)
{
    (void)tables;
    for (;;) {
        __asm__ volatile("int %0" : : "i"(VECTOR_DOUBLE_FAULT));
    }
}

/* The double fault's task goes on here. */
void double_fault_main(void)
{
    const struct task_state *state = &trap_descriptors()->main_state;
    double_fault_report(state->eip, state->esp);
}
