/* SPDX-License-Identifier: 0BSD */
/* lapic.c - the interrupt controller that each CPU has, and through which they interrupt each other.
 *
 * Every CPU sees its own at the same address. A send is two writes, the second
 * of which does it: interrupts are off in between. Source: Intel SDM vol. 3, 11.
 */
#include "cpu/lapic.h"

#include "x86/cpu.h"
#include <ashlar/kva.h>

enum {
    REGISTER_PRIORITY = 0x80,
    REGISTER_END = 0xb0,
    REGISTER_SPURIOUS = 0xf0,
    REGISTER_COMMAND = 0x300,
    REGISTER_TARGET = 0x310,
    REGISTER_TIMER = 0x320,
    REGISTER_LINE0 = 0x350,
    REGISTER_LINE1 = 0x360
};
#define LAPIC_BYTES 0x1000u
#define SOFTWARE_ENABLE 0x100u
#define MASKED 0x10000u
#define EXTERNAL 0x700u /* the PICs */
#define LINE_NMI 0x400u
#define PENDING 0x1000u
#define ALL_BUT_SELF 0xc0000u

static uintptr_t registers;

static volatile uint32_t *at(unsigned offset)
{
    return (volatile uint32_t *)(registers + offset);
}

bool lapic_map(ashlar_phys physical)
{
    return ashlar_kva_map_mmio(physical, LAPIC_BYTES, ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC, "local APIC",
                               &registers) == ASHLAR_OK;
}

void lapic_enable(unsigned spurious_vector, bool first)
{
    *at(REGISTER_SPURIOUS) = SOFTWARE_ENABLE | spurious_vector;
    *at(REGISTER_PRIORITY) = 0;
    *at(REGISTER_TIMER) = MASKED;
    *at(REGISTER_LINE0) = first ? EXTERNAL : MASKED;
    *at(REGISTER_LINE1) = first ? LINE_NMI : MASKED;
}

static void command(uint32_t target, uint32_t what)
{
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
    *at(REGISTER_END) = 0;
}

uint32_t lapic_id(void)
{
    return x86_cpuid(1).ebx >> 24;
}
