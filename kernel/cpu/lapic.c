/* SPDX-License-Identifier: 0BSD */
/* lapic.c - the interrupt controller that each CPU has, and through which they interrupt each other.
 *
 * Every CPU sees its own at the same place: a page of physical memory, or MSRs
 * where the firmware has turned on x2APIC mode. There is no way back from that
 * but a reset, and the page is gone then: so the mode is looked at, not chosen.
 *
 *                        page               MSRs
 *   a register           base + n           0x800 + n / 16
 *   an ID                8 bits             32 bits
 *   to send              two stores         one WRMSR
 *   stores before it     are seen before    need a fence: WRMSR waits for none
 *
 * In a page a send is two stores, the second of which does it: interrupts are off
 * in between. Source: Intel SDM vol. 3, 11.
 */
#include "cpu/lapic.h"

#include "x86/cpu.h"
#include <ashlar/kva.h>

enum {
    REGISTER_ID = 0x20,
    REGISTER_PRIORITY = 0x80,
    REGISTER_END = 0xb0,
    REGISTER_SPURIOUS = 0xf0,
    REGISTER_COMMAND = 0x300,
    REGISTER_TARGET = 0x310,
    REGISTER_TIMER = 0x320,
    REGISTER_LINE0 = 0x350,
    REGISTER_LINE1 = 0x360,
    REGISTER_TIMER_FIRST = 0x380,
    REGISTER_TIMER_LEFT = 0x390,
    REGISTER_TIMER_DIVISOR = 0x3e0
};
#define LAPIC_BYTES 0x1000u
#define SOFTWARE_ENABLE 0x100u
#define MASKED 0x10000u
#define PERIODIC 0x20000u
#define DIVIDE_BY_16 3u
#define EXTERNAL 0x700u /* the PICs */
#define LINE_NMI 0x400u
#define PENDING 0x1000u
#define ALL_BUT_SELF 0xc0000u

#define MSR_APIC_BASE 0x1bu
#define APIC_BASE_ENABLED 0x800u
#define APIC_BASE_X2 0x400u
#define MSR_FIRST 0x800u
#define CPUID_EDX_APIC (1u << 9)
#define CPUID_ECX_X2 (1u << 21)

static struct {
    lapic_kind kind; /* once it is open */
    uintptr_t registers;
} lapic;

/* --- which it is ------------------------------------------------------------ */

lapic_kind lapic_kind_of(uint32_t edx, uint32_t ecx, uint64_t base)
{
    const uint64_t both = APIC_BASE_ENABLED | APIC_BASE_X2;
    if ((edx & CPUID_EDX_APIC) == 0) {
        return LAPIC_NONE;
    }
    return (ecx & CPUID_ECX_X2) != 0 && (base & both) == both ? LAPIC_MSRS : LAPIC_MEMORY;
}

/* The first CPUs with an APIC have no such MSR. */
lapic_kind lapic_find(void)
{
    struct x86_cpuid_leaf leaf = x86_cpuid(1);
    return lapic_kind_of(leaf.edx, leaf.ecx, (leaf.ecx & CPUID_ECX_X2) != 0 ? x86_rdmsr(MSR_APIC_BASE) : 0);
}

bool lapic_use_msrs(void)
{
    if (lapic_find() == LAPIC_MEMORY && (x86_cpuid(1).ecx & CPUID_ECX_X2) != 0) {
        x86_wrmsr(MSR_APIC_BASE, x86_rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLED | APIC_BASE_X2);
    }
    return lapic_find() == LAPIC_MSRS;
}

uint32_t lapic_highest_id(lapic_kind kind)
{
    return kind == LAPIC_MSRS ? UINT32_MAX - 1 : 0xfe;
}

/* --- registers ---------------------------------------------------------------- */

static volatile uint32_t *at(unsigned offset)
{
    return (volatile uint32_t *)(lapic.registers + offset);
}

static uint32_t read_register(unsigned offset)
{
    return lapic.kind == LAPIC_MSRS ? (uint32_t)x86_rdmsr(MSR_FIRST + offset / 16) : *at(offset);
}

static void write_register(unsigned offset, uint32_t value)
{
    if (lapic.kind == LAPIC_MSRS) {
        x86_wrmsr(MSR_FIRST + offset / 16, value);
    } else {
        *at(offset) = value;
    }
}

static void enable(unsigned spurious_vector, uint32_t line0, uint32_t line1)
{
    write_register(REGISTER_SPURIOUS, SOFTWARE_ENABLE | spurious_vector);
    write_register(REGISTER_PRIORITY, 0);
    write_register(REGISTER_TIMER, MASKED);
    write_register(REGISTER_LINE0, line0);
    write_register(REGISTER_LINE1, line1);
}

bool lapic_open(ashlar_phys registers, unsigned spurious_vector)
{
    lapic_kind kind = lapic_find();
    if (lapic.kind != LAPIC_NONE || kind == LAPIC_NONE) {
        return lapic.kind != LAPIC_NONE;
    }
    if (kind == LAPIC_MEMORY && ashlar_kva_map_mmio(registers, LAPIC_BYTES, ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC,
                                                    "local APIC", &lapic.registers) != ASHLAR_OK) {
        return false;
    }
    lapic.kind = kind;
    enable(spurious_vector, EXTERNAL, LINE_NMI);
    return true;
}

/* The firmware may have turned on x2APIC mode on the CPU that boots alone. */
void lapic_join(unsigned spurious_vector)
{
    if (lapic.kind == LAPIC_MSRS) {
        (void)lapic_use_msrs();
    }
    enable(spurious_vector, MASKED, MASKED);
}

/* --- interrupts ------------------------------------------------------------------ */

uint64_t lapic_command_of(uint32_t apic_id, uint32_t what)
{
    return (uint64_t)apic_id << 32 | what;
}

static void command(uint32_t target, uint32_t what)
{
    if (lapic.kind == LAPIC_MSRS) {
        x86_fence();
        x86_wrmsr(MSR_FIRST + REGISTER_COMMAND / 16, lapic_command_of(target, what));
        return;
    }
    uintptr_t interrupts = x86_irq_save();
    *at(REGISTER_TARGET) = target << 24;
    *at(REGISTER_COMMAND) = what;
    while ((*at(REGISTER_COMMAND) & PENDING) != 0) {
        x86_pause();
    }
    x86_irq_restore(interrupts);
}

void lapic_send(uint32_t apic_id, uint32_t what)
{
    command(apic_id, what);
}

void lapic_send_to_others(uint32_t what)
{
    command(0, what | ALL_BUT_SELF);
}

void lapic_end_of_interrupt(void)
{
    write_register(REGISTER_END, 0);
}

uint32_t lapic_id(void)
{
    if (lapic_find() == LAPIC_MSRS) {
        return (uint32_t)x86_rdmsr(MSR_FIRST + REGISTER_ID / 16);
    }
    return lapic.kind == LAPIC_MEMORY ? *at(REGISTER_ID) >> 24 : x86_cpuid(1).ebx >> 24;
}

/* --- the timer ---------------------------------------------------------------------- */

void lapic_timer_start(unsigned vector, uint32_t count)
{
    write_register(REGISTER_TIMER_DIVISOR, DIVIDE_BY_16);
    write_register(REGISTER_TIMER, PERIODIC | vector);
    write_register(REGISTER_TIMER_FIRST, count);
}

void lapic_timer_run(uint32_t count)
{
    write_register(REGISTER_TIMER_DIVISOR, DIVIDE_BY_16);
    write_register(REGISTER_TIMER, MASKED);
    write_register(REGISTER_TIMER_FIRST, count);
}

uint32_t lapic_timer_left(void)
{
    return read_register(REGISTER_TIMER_LEFT);
}
