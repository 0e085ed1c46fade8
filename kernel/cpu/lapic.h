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

/* Its registers are mapped, once. False: no addresses or frames are left. */
bool lapic_map(ashlar_phys registers);
/* On each CPU. first: the one that the PICs' line goes to. */
void lapic_enable(unsigned spurious_vector, bool first);
void lapic_send(uint32_t apic_id, uint32_t what);
void lapic_send_to_others(uint32_t what);
void lapic_end_of_interrupt(void);
/* Of this CPU, without registers. */
uint32_t lapic_id(void);

#endif
