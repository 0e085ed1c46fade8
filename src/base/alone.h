/* SPDX-License-Identifier: 0BSD */
/* alone.h - is one CPU alone? Then nobody has to be asked, and what would have to wait for others need not. */
#ifndef ASHLAR_BASE_ALONE_H
#define ASHLAR_BASE_ALONE_H

#include <stdbool.h>

/* Somebody counts CPUs from here on, and there is one; before, nobody is alone. There can be so many. */
void ashlar_alone_begin(unsigned max_cpus);
/* One more; returns when what a CPU began alone is over. Interrupts off. And one less. */
void ashlar_alone_join(void);
void ashlar_alone_leave(void);

/* May a thread whose interrupts are off work as if they were on, since no other CPU takes part? A question: the answer
 * holds for as long as the caller is within enter and exit. */
bool ashlar_is_alone(void);

/* A thread with interrupts off, on the only CPU, begins what must be over before another CPU joins; nests. False: it is none
 * such, or not alone. Costs one call of the context hook where interrupts are on. */
bool ashlar_alone_enter(const void *caller);
/* What enter returned. */
void ashlar_alone_exit(bool entered);

#endif
