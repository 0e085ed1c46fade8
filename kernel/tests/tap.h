/* SPDX-License-Identifier: 0BSD */
/* tap.h - assertions of tests that run in the kernel, told over the serial line.
 *
 * TAP: `ok 1 - text`, `not ok 2 - text`, and the plan at the end.
 */
#ifndef KERNEL_TAP_H
#define KERNEL_TAP_H

#include "task/task.h"
#include <ashlar/types.h>
#include <stdbool.h>

/* Returns condition. */
bool ok(bool condition, const char *format, ...) ASHLAR_PRINTF(2, 3);
bool is_number(uint64_t got, uint64_t wanted, const char *text);
/* memory_audit() finds nothing. */
bool ok_audit(const char *after);

/* This machine has too little RAM for what follows: a result that says so, unless so many frames are free, nothing kept
 * back. Returns whether they are. */
bool has_frames(size_t frames, const char *what);

/* Waits for a condition, so many ticks at most. */
#define WAIT_FOR(condition, ticks)                                                                                     \
    do {                                                                                                               \
        for (unsigned wait_ = 0; wait_ < (ticks) && !(condition); wait_++) {                                           \
            task_sleep(1);                                                                                             \
        }                                                                                                              \
    } while (0)
#define PATIENCE_TICKS 1000u /* of whoever waits for other CPUs, which may share one of the host's */

uint32_t tap_random(uint32_t *seed);

/* The groups of tests, by file. */
struct test {
    const char *name;
    const char *help;
    void (*run)(void);
};
extern const struct test tests_low[], tests_high[], tests_machine[], tests_acpi[], tests_smp[], tests_races[],
    tests_waiting[], tests_firmware[];

#endif
