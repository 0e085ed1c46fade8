/* SPDX-License-Identifier: 0BSD */
/* descriptor.c - flat segments, 48 gates, and a task of its own for the double fault.
 *
 * A stack overflow in ring 0 faults again while the CPU pushes the page fault's
 * frame, for there is no other stack to push it on: a double fault. A task gate
 * is the one thing on i386 that changes the stack then. The switch saves the
 * registers of what was interrupted into the main task state, and loads CR3 from
 * the new one, so that must be a root that always exists; CR3 itself it does
 * not save: the scheduler knows which root was in use.
 */
#include "descriptor.h"

#include "machine.h"

#define GATES 48
#define DOUBLE_FAULT 8
#define SELECTOR_MAIN_TASK 0x18u
#define SELECTOR_FAULT_TASK 0x20u
#define FAULT_STACK_BYTES 8192

struct table_pointer {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

static uint64_t gdt[5];
static uint64_t idt[GATES];
static struct task_state main_state;
static struct task_state fault_state;
static _Alignas(16) char fault_stack[FAULT_STACK_BYTES];

extern char trap_stubs[];
void double_fault_begin(void);

static uint64_t segment(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags)
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

static void load_segments(void)
{
    struct table_pointer pointer = {sizeof gdt - 1, (uint32_t)(uintptr_t)gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "ljmp %1, $1f\n"
                     "1:\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%fs\n\t"
                     "mov %2, %%gs\n\t"
                     "mov %2, %%ss"
                     :
                     : "m"(pointer), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA)
                     : "memory");
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_MAIN_TASK));
}

void set_double_fault_root(uint32_t root)
{
    fault_state.cr3 = root;
}

static void make_fault_task(void)
{
    fault_state.cr3 = (uint32_t)(uintptr_t)boot_page_directory - IMAGE_OFFSET;
    fault_state.eip = (uint32_t)(uintptr_t)double_fault_begin;
    fault_state.esp = (uint32_t)(uintptr_t)(fault_stack + sizeof fault_stack);
    fault_state.eflags = 2;
    fault_state.cs = SELECTOR_CODE;
    fault_state.es = fault_state.ss = fault_state.ds = fault_state.fs = fault_state.gs = SELECTOR_DATA;
    fault_state.io_map = main_state.io_map = sizeof(struct task_state);
}

void descriptors_init(void)
{
    make_fault_task();
    gdt[1] = segment(0, 0xfffff, 0x9a, 0xc);
    gdt[2] = segment(0, 0xfffff, 0x92, 0xc);
    gdt[3] = segment((uint32_t)(uintptr_t)&main_state, sizeof main_state - 1, 0x89, 0);
    gdt[4] = segment((uint32_t)(uintptr_t)&fault_state, sizeof fault_state - 1, 0x89, 0);
    load_segments();
    for (unsigned i = 0; i < GATES; i++) {
        idt[i] = gate(SELECTOR_CODE, (uint32_t)(uintptr_t)trap_stubs + i * 16, 0x8e);
    }
    idt[DOUBLE_FAULT] = gate(SELECTOR_FAULT_TASK, 0, 0x85);
    struct table_pointer pointer = {sizeof idt - 1, (uint32_t)(uintptr_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

const struct task_state *interrupted_task_state(void)
{
    return &main_state;
}
