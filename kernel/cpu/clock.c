/* SPDX-License-Identifier: 0BSD */
/* clock.c - clocks of a known rate that are read, and interrupt nobody: to measure others by.
 *
 * The PIT counts even where its interrupt goes nowhere; ACPI has a timer of three
 * times its rate. Neither is in every machine: one that stands still is not there.
 * Sources: Intel 8254; ACPI specification 6.5, 4.8.3.3.
 */
#include "cpu/clock.h"

#include "x86/cpu.h"
#include <stdbool.h>
#include <stddef.h>

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define LATCH_CHANNEL0 0x00
#define RATE_GENERATOR 0x34
#define LOOKS 1000u

static uint16_t acpi_port;

/* It counts down. */
static uint32_t read_pit(void)
{
    x86_out8(PIT_COMMAND, LATCH_CHANNEL0);
    uint32_t low = x86_in8(PIT_CHANNEL0);
    return 0u - (low | (uint32_t)x86_in8(PIT_CHANNEL0) << 8);
}

static uint32_t read_acpi(void)
{
    return x86_in32(acpi_port);
}

static bool runs(const struct clock *clock)
{
    uint32_t first = clock->read() & clock->mask;
    for (unsigned i = 0; i < LOOKS; i++) {
        if ((clock->read() & clock->mask) != first) {
            return true;
        }
    }
    return false;
}

const struct clock *clock_find(uint16_t timer_port)
{
    static const struct clock pit = {"the PIT's counter", 1193182, 0xffff, read_pit};
    static const struct clock acpi = {"ACPI's timer", 3579545, 0xffffff, read_acpi};
    x86_out8(PIT_COMMAND, RATE_GENERATOR);
    x86_out8(PIT_CHANNEL0, 0); /* all 16 bits */
    x86_out8(PIT_CHANNEL0, 0);
    if (runs(&pit)) {
        return &pit;
    }
    acpi_port = timer_port;
    return timer_port != 0 && runs(&acpi) ? &acpi : NULL;
}
