/* SPDX-License-Identifier: 0BSD */
/* alone.h - is one CPU alone? Then nobody has to be asked, and what would have to wait for others need not. */
#ifndef ASHLAR_BASE_ALONE_H
#define ASHLAR_BASE_ALONE_H

#include <ashlar/private.h>
#include <stdbool.h>

/* Somebody counts CPUs from here on, and there is one; before, nobody is alone. There can be so many. */
void ashlar_alone_begin(unsigned max_cpus);
/* One more; returns when what a CPU began alone is over. Interrupts off. And one less. */
void ashlar_alone_join(void);
void ashlar_alone_leave(void);

/* A thread with interrupts off, on the only CPU, begins what must be over before another CPU joins; nests. False: it is none
 * such, or not alone. Each enter, whatever it returned, has its exit. */
bool ashlar_alone_enter(void);
void ashlar_alone_exit(void);

/* May the caller take memory and translations away, or bring them? A thread, on a CPU that holds no lock; with interrupts
 * off only where it is alone, and then within enter and exit if a CPU may join. */
bool ashlar_may_change(void);

/* In debug builds: does anybody count CPUs? And is this a thread on the only one, that may do what boot may? */
bool ashlar_alone_counts(void);
bool ashlar_alone_like_boot(void);

/* A thread waits for the token. One with interrupts off, alone, enters and does not wait: false, if somebody has it. */
bool ashlar_alone_take(struct ashlar_token *token);
void ashlar_alone_give(struct ashlar_token *token);

/* What could not be done, where the context is the reason: a line in the log, the first time. */
void ashlar_tell_context(bool *told, const char *what);

#endif
