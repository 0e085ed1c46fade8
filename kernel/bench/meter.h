/* SPDX-License-Identifier: 0BSD */
/* meter.h - the longest time with interrupts off. In kernel.elf there is no meter: it never starts. */
#ifndef KERNEL_METER_H
#define KERNEL_METER_H

#include <stdbool.h>
#include <stdint.h>

bool meter_start(void);
/* Since then; and where the library turned them on again. */
uint64_t meter_longest(uintptr_t *where);

#endif
