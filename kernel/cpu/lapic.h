/* SPDX-License-Identifier: 0BSD */
/* lapic.h - the interrupt controller that each CPU has, and through which they interrupt each other. */
#ifndef KERNEL_LAPIC_H
#define KERNEL_LAPIC_H

#include <ashlar/types.h>
#include <stdbool.h>

#define LAPIC_INIT 0x4500u
#define LAPIC_STARTUP 0x4600u /* or-ed in: the page at which the CPU begins */
#define LAPIC_NMI 0x4400u
#define LAPIC_FIXED 0x4000u /* or-ed in: the vector */

/* How its registers are reached. */
typedef enum lapic_kind {
    LAPIC_NONE,   /* there is none, or the firmware has turned it off */
    LAPIC_MEMORY, /* in a page of physical memory */
    LAPIC_MSRS    /* as MSRs: the firmware has turned on x2APIC mode, which lasts until the CPU is reset */
} lapic_kind;

/* By CPUID 1 EDX and ECX and, where ECX names the x2APIC, IA32_APIC_BASE. */
lapic_kind lapic_kind_of(uint32_t edx, uint32_t ecx, uint64_t base);
/* Of this machine. */
lapic_kind lapic_find(void);
/* As some firmware does before it hands over: x2APIC mode from here on, if the CPU has it. */
bool lapic_use_msrs(void);
/* The highest ID that can be named; the one above it means all CPUs. */
uint32_t lapic_highest_id(lapic_kind kind);
/* What goes into the register that sends an interrupt in x2APIC mode. */
uint64_t lapic_command_of(uint32_t apic_id, uint32_t what);

/* On the first CPU, in a thread or before there are any: its registers are mapped and it is turned on; it passes on what
 * the PICs bring. Later calls do nothing. False: there is none, or no addresses or frames are left. */
bool lapic_open(ashlar_phys registers, unsigned spurious_vector);
/* On each further CPU. */
void lapic_join(unsigned spurious_vector);
void lapic_send(uint32_t apic_id, uint32_t what);
void lapic_send_to_others(uint32_t what);
void lapic_end_of_interrupt(void);
/* Of this CPU; before lapic_open what it had at reset. */
uint32_t lapic_id(void);

/* Its timer counts down from count, every 16th pulse of its clock, and begins again with an interrupt. */
void lapic_timer_start(unsigned vector, uint32_t count);
/* The same once, without an interrupt, for measuring. */
void lapic_timer_run(uint32_t count);
uint32_t lapic_timer_left(void);
#define LAPIC_TIMER_DIVISOR 16u

#endif
