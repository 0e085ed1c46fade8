/* SPDX-License-Identifier: 0BSD */
/* check.h - what is done about bugs.
 *
 * ASHLAR_CHECK: the caller's bug. Always on, O(1), fatal, and the message names the culprit.
 * ASHLAR_ASSERT: our own bug. Debug builds only.
 */
#ifndef ASHLAR_BASE_CHECK_H
#define ASHLAR_BASE_CHECK_H

#include <ashlar/config.h>
#include <ashlar/port.h>
#include <ashlar/types.h>

/* Format (base/format.h) and stop through ashlar_port_fatal. Cold, so that checks cost their callers one branch. */
ASHLAR_NORETURN void ashlar_panic(const char *format, ...) ASHLAR_PRINTF(1, 2) __attribute__((cold));

/* One formatted line for ashlar_port_log. */
void ashlar_log(const char *format, ...) ASHLAR_PRINTF(1, 2) __attribute__((cold));

/* Compiled for size, and kept out of the others' way: called seldom, or by people. */
#define COLD __attribute__((cold))

/* Where the function that uses this was called from. */
#define ASHLAR_CALLER() __builtin_return_address(0)

#define ASHLAR_CHECK(condition, ...)                                                                                   \
    do {                                                                                                               \
        if (__builtin_expect(!(condition), 0)) {                                                                       \
            ashlar_panic(__VA_ARGS__);                                                                                 \
        }                                                                                                              \
    } while (0)

#if ASHLAR_DEBUG
#define ASHLAR_ASSERT(condition) ASHLAR_CHECK(condition, "assertion failed: %s, %s:%d", #condition, __FILE__, __LINE__)
#else
#define ASHLAR_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
