/* SPDX-License-Identifier: 0BSD */
/* smp.h - the other CPUs: finding and starting them, and interrupts from one to another. */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include <ashlar/memmap.h>

/* Before the library is up: which CPUs there are, at most `most`, and a page below 1 MiB for them to begin at, which is
 * reserved. rsdp as for acpi_find_cpus. Returns how many there will be, this one counted. */
unsigned smp_plan(struct ashlar_memmap *map, ashlar_phys rsdp, unsigned most);
/* In a thread, with the timer running: starts them. */
void smp_start(void);

/* CPUs that run. */
unsigned smp_count(void);

/* The boot structure's kick. */
void smp_kick(const uint32_t *mask, unsigned words);
/* Make that CPU call task_leave_done. */
void smp_ask_to_leave(unsigned cpu);
/* Pass a tick of the timer on. */
void smp_pass_tick(void);
/* For a panic: no other CPU does anything any more. */
void smp_stop_others(void);

/* Vectors of interrupts between CPUs. */
#define VECTOR_TICK 48u
#define VECTOR_KICK 49u
#define VECTOR_LEAVE 50u
#define VECTOR_SPURIOUS 63u /* its low four bits are ones on any local APIC */
void smp_interrupt(unsigned vector);

#endif
