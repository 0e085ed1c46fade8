/* SPDX-License-Identifier: 0BSD */
/* descriptor.c - segments, gates, and a stack of its own for the double fault.
 *
 * A stack overflow in ring 0 faults again while the CPU pushes the page fault's
 * frame: a double fault. Its gate names entry 1 of the interrupt stack table, so
 * that the CPU takes another stack, whatever RSP is. Roots stay as they are.
 */
#include "cpu/descriptor.h"

#include "x86/cpu.h"

#define SELECTOR_TASK 0x20u
#define SEGMENT_CODE 0x00af9b000000ffffu
#define SEGMENT_DATA 0x00cf93000000ffffu
#define SEGMENT_CODE_32 0x00cf9b000000ffffu /* boot.S goes through it */
#define MSR_GS_BASE 0xc0000101u

struct gate {
    uint64_t low;
    uint64_t high;
};

static struct gate idt[GATES];

void double_fault_by_hand(uintptr_t stack);

const struct frame_register frame_registers[] = {
    {"rax", offsetof(struct trap_frame, ax)},
    {"rbx", offsetof(struct trap_frame, bx)},
    {"rcx", offsetof(struct trap_frame, cx)},
    {"rdx", offsetof(struct trap_frame, dx)},
    {"rsi", offsetof(struct trap_frame, si)},
    {"rdi", offsetof(struct trap_frame, di)},
    {"rbp", offsetof(struct trap_frame, bp)},
    {"flags", offsetof(struct trap_frame, flags)},
    {"r8", offsetof(struct trap_frame, r8)},
    {"r9", offsetof(struct trap_frame, r9)},
    {"r10", offsetof(struct trap_frame, r10)},
    {"r11", offsetof(struct trap_frame, r11)},
    {"r12", offsetof(struct trap_frame, r12)},
    {"r13", offsetof(struct trap_frame, r13)},
    {"r14", offsetof(struct trap_frame, r14)},
    {"r15", offsetof(struct trap_frame, r15)},
    {NULL, 0},
};

static struct gate gate(uint64_t offset, uint64_t stack)
{
    struct gate made = {(offset & 0xffff) | SELECTOR_CODE << 16 | stack << 32 | UINT64_C(0x8e) << 40 |
                            (offset >> 16 & 0xffff) << 48,
                        offset >> 32};
    return made;
}

static void set_task_segment(struct descriptors *tables)
{
    uint64_t base = (uintptr_t)&tables->state;
    tables->gdt[4] =
        (sizeof tables->state - 1) | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
    tables->gdt[5] = base >> 32;
    tables->state.io_map = sizeof tables->state;
}

static void load_segments(const struct descriptors *tables)
{
    struct table_pointer pointer = {sizeof tables->gdt - 1, (uintptr_t)tables->gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%fs\n\t"
                     "mov %2, %%gs\n\t"
                     "mov %2, %%ss"
                     :
                     : "m"(pointer), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA)
                     : "rax", "memory");
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TASK));
}

static void load_gates(void)
{
    struct table_pointer pointer = {sizeof idt - 1, (uintptr_t)idt};
    for (unsigned i = 0; i < GATES; i++) {
        idt[i] = gate((uintptr_t)trap_stubs + (uint64_t)i * TRAP_STUB_BYTES, i == VECTOR_DOUBLE_FAULT ? 1 : 0);
    }
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

void descriptors_load(struct descriptors *tables, void *percpu)
{
    tables->gdt[1] = SEGMENT_CODE;
    tables->gdt[2] = SEGMENT_DATA;
    tables->gdt[3] = SEGMENT_CODE_32;
    set_task_segment(tables);
    load_segments(tables);
    x86_wrmsr(MSR_GS_BASE, (uintptr_t)percpu);
    load_gates();
}

void descriptors_set_fault_stack(struct descriptors *tables, uintptr_t top)
{
    tables->state.fault_stack[0] = (uint32_t)top;
    tables->state.fault_stack[1] = (uint32_t)(top >> 32);
}

void descriptors_set_fault_root(struct descriptors *tables, uintptr_t root)
{
    (void)tables;
    (void)root;
}

void descriptors_enter_fault_stack(const struct descriptors *tables)
{
    double_fault_by_hand(tables->state.fault_stack[0] | (uintptr_t)tables->state.fault_stack[1] << 32);
    __builtin_unreachable();
}
