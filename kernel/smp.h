/* SPDX-License-Identifier: 0BSD */
/* smp.h - the other CPUs. */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

/* CPUs that run. */
unsigned smp_count(void);
/* Make that CPU call task_leave_done. */
void smp_ask_to_leave(unsigned cpu);

#endif
