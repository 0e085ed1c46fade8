/* SPDX-License-Identifier: 0BSD */
/* cpu.h - the instructions of x86 that C has no words for, 32 and 64 bits wide.
 *
 * Registers are uintptr_t, so that one text serves both widths. Everything that
 * changes what memory means carries a "memory" clobber.
 */
#ifndef ASHLAR_PORT_X86_CPU_H
#define ASHLAR_PORT_X86_CPU_H

#include <stdint.h>

#define X86_CR0_WP ((uintptr_t)1 << 16)
#define X86_CR0_NW ((uintptr_t)1 << 29)
#define X86_CR0_CD ((uintptr_t)1 << 30)
#define X86_CR4_PSE ((uintptr_t)1 << 4)
#define X86_CR4_PAE ((uintptr_t)1 << 5)
#define X86_CR4_PGE ((uintptr_t)1 << 7)
#define X86_CR4_UMIP ((uintptr_t)1 << 11)
#define X86_CR4_LA57 ((uintptr_t)1 << 12)
#define X86_CR4_PCIDE ((uintptr_t)1 << 17)
#define X86_CR4_SMEP ((uintptr_t)1 << 20)
#define X86_CR4_SMAP ((uintptr_t)1 << 21)
#define X86_FLAGS_IF ((uintptr_t)1 << 9)

#ifdef __x86_64__
#define X86_STACK_POINTER "rsp"
#else
#define X86_STACK_POINTER "esp"
#endif

static inline uintptr_t x86_read_cr0(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline void x86_write_cr0(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline uintptr_t x86_read_cr2(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uintptr_t x86_read_cr3(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}

static inline void x86_write_cr3(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline uintptr_t x86_read_cr4(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value) : : "memory");
    return value;
}

static inline void x86_write_cr4(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline void x86_invlpg(uintptr_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#ifdef __x86_64__
static inline int x86_has_cpuid(void)
{
    return 1;
}
#else
/* Many a 486 has none: then the flag that says so (ID) cannot be changed. */
static inline int x86_has_cpuid(void)
{
    uint32_t before;
    uint32_t after;
    __asm__ volatile(
        "pushfl\n\tpopl %0\n\tmovl %0, %1\n\txorl $0x200000, %1\n\tpushl %1\n\tpopfl\n\tpushfl\n\tpopl %1\n\t"
        "pushl %0\n\tpopfl"
        : "=&r"(before), "=&r"(after)
        :
        : "memory", "cc");
    return before != after;
}
#endif

struct x86_cpuid_leaf {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

/* All zeros where there is no CPUID. */
static inline struct x86_cpuid_leaf x86_cpuid(uint32_t leaf)
{
    struct x86_cpuid_leaf out = {0, 0, 0, 0};
    if (x86_has_cpuid()) {
        __asm__ volatile("cpuid" : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx) : "a"(leaf), "c"(0));
    }
    return out;
}

/* CR4 came with the first of the features that it turns on, and CPUID names them all: more than the FPU. */
static inline int x86_has_cr4(void)
{
    return (x86_cpuid(1).edx & ~UINT32_C(1)) != 0;
}

static inline uint64_t x86_rdmsr(uint32_t number)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static inline void x86_wrmsr(uint32_t number, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t x86_rdtsc(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* All loads and stores before it are done: WRMSR to a register of an x2APIC waits for none by itself. Needs SSE2. */
static inline void x86_fence(void)
{
    __asm__ volatile("mfence\n\tlfence" : : : "memory");
}

static inline void x86_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void x86_halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

/* Interrupts come on with the halt: one that is pending ends it at once. */
static inline void x86_enable_and_halt(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

static inline uintptr_t x86_flags(void)
{
    uintptr_t flags;
    __asm__ volatile("pushf\n\tpop %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline void x86_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void x86_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/* Returns the flags as they were. */
static inline uintptr_t x86_irq_save(void)
{
    uintptr_t flags = x86_flags();
    x86_irq_disable();
    return flags;
}

static inline void x86_irq_restore(uintptr_t flags)
{
    if ((flags & X86_FLAGS_IF) != 0) {
        x86_irq_enable();
    }
}

/* Under SMAP, ring 0 touches user pages between these only. On other CPUs the flag (AC) means nothing in ring 0. */
static inline void x86_user_access_begin(void)
{
    __asm__ volatile("pushf\n\torl $0x40000, (%%" X86_STACK_POINTER ")\n\tpopf" : : : "memory", "cc");
}

static inline void x86_user_access_end(void)
{
    __asm__ volatile("pushf\n\tandl $~0x40000, (%%" X86_STACK_POINTER ")\n\tpopf" : : : "memory", "cc");
}

static inline uint32_t x86_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void x86_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t x86_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#endif
