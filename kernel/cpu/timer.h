/* SPDX-License-Identifier: 0BSD */
/* timer.h - 100 ticks a second. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <ashlar/types.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKS_PER_SECOND 100u

/* On the first CPU, once the library is up and exceptions are reported. Interrupts are off before and after; in between a
 * tick has come, from whoever serves. Panics where nobody does. rsdp as for acpi_find_cpus; registers: the local APIC's. */
void timer_init(ashlar_phys rsdp, ashlar_phys registers);
/* An interrupt request line of the PICs: 0 is the timer. */
void timer_interrupt(unsigned line);
/* The local APIC's timer. */
void timer_own_interrupt(void);
uint32_t timer_ticks(void);
/* Masked, no tick comes: nothing else runs. */
void timer_mask(bool masked);
bool timer_is_masked(void);
/* Called from each tick, in the interrupt; NULL: nothing. For tests. */
void timer_set_hook(void (*hook)(void));

#endif
