/* SPDX-License-Identifier: 0BSD */
/* timer.h - 100 ticks a second. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TICKS_PER_SECOND 100u

void timer_init(void);
/* An interrupt request line of the PICs: 0 is the timer. */
void timer_interrupt(unsigned line);
uint32_t timer_ticks(void);
/* Masked, no tick comes: nothing else runs. */
void timer_mask(bool masked);
/* Called from each tick, in the interrupt; NULL: nothing. For tests. */
void timer_set_hook(void (*hook)(void));

#endif
