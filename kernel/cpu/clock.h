/* SPDX-License-Identifier: 0BSD */
/* clock.h - clocks of a known rate that are read, and interrupt nobody: to measure others by. */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include <stdint.h>

struct clock {
    const char *name;
    uint32_t hz;
    uint32_t mask; /* of the bits that it counts in */
    uint32_t (*read)(void);
};

/* The first one that runs, or NULL. timer_port: where ACPI has its timer, or 0. The PIT's first channel may be set anew. */
const struct clock *clock_find(uint16_t timer_port);

#endif
