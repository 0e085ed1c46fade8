/* SPDX-License-Identifier: 0BSD */
/* smp.h - the other CPUs: finding and starting them, and interrupts from one to another. */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include <ashlar/memmap.h>
#include <stdbool.h>

/* Before the library is up: which CPUs there are, at most `most`, and a page below 1 MiB for them to begin at, which is
 * reserved. rsdp as for acpi_find_cpus. ghost: an ID of a local APIC that is tried first although no table has it, for
 * tests; or SMP_NO_GHOST. Returns how many there will be, this one counted. */
#define SMP_NO_GHOST UINT32_MAX
unsigned smp_plan(struct ashlar_memmap *map, ashlar_phys rsdp, unsigned most, uint32_t ghost);
/* Where the tables say that the local APIC's registers are. */
ashlar_phys smp_lapic_registers(void);
/* The frame at which a CPU begins; 0: there is none. */
ashlar_pfn smp_start_page(void);
/* In a thread, with the timer running: starts them. */
void smp_start(void);

/* CPUs that were started: some may be offline. */
unsigned smp_count(void);

/* In a thread: that CPU runs nothing any more, nobody waits for it, and what it kept can be had by others. False: it is the
 * first one, or is not online. */
bool smp_take_offline(unsigned cpu);
/* It runs tasks again. False: it is online, or does not come up. */
bool smp_bring_online(unsigned cpu);
/* The last thing that it does: with interrupts off, on the reference root. */
ASHLAR_NORETURN void smp_go_offline(void);

/* Interrupts for shootdowns so far. */
struct smp_kicks {
    uint32_t rounds;     /* calls of smp_kick */
    uint32_t interrupts; /* that came of them, on all CPUs */
};
void smp_kicks(struct smp_kicks *kicks);

/* The boot structure's kick. */
void smp_kick(const uint32_t *mask, unsigned words);
/* Its heap_kick: zero for a CPU that is not online. */
int smp_kick_one(void *context, unsigned cpu);
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
#define VECTOR_TIMER 51u    /* of the local APIC, on the first CPU */
#define VECTOR_SPURIOUS 63u /* its low four bits are ones on any local APIC */
void smp_interrupt(unsigned vector);

#endif
