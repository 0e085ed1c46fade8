/* SPDX-License-Identifier: 0BSD */
/* tap.h - the Test Anything Protocol for hosted tests: one program, one stream, `return done_testing();` at its end. */
#ifndef ASHLAR_TESTS_TAP_H
#define ASHLAR_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned tap_count;
static unsigned tap_failed;

__attribute__((unused, format(printf, 3, 4))) static bool tap_report(bool passed, int line, const char *format, ...)
{
    va_list arguments;
    printf("%sok %u - ", passed ? "" : "not ", ++tap_count);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    if (!passed) {
        tap_failed++;
        printf("# failed at line %d\n", line);
    }
    fflush(stdout);
    return passed;
}

/* ok(condition, name format, ...) */
#define ok(condition, ...) tap_report((condition) ? true : false, __LINE__, __VA_ARGS__)

#define is_u(got, want, ...) tap_is_u((uint64_t)(got), (uint64_t)(want), __LINE__, __VA_ARGS__)
__attribute__((unused, format(printf, 4, 5))) static bool tap_is_u(uint64_t got, uint64_t want, int line,
                                                                   const char *format, ...)
{
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (!tap_report(got == want, line, "%s", name)) {
        printf("#   got %" PRIu64 " (0x%" PRIx64 "), want %" PRIu64 " (0x%" PRIx64 ")\n", got, got, want, want);
    }
    return got == want;
}

/* NULL equals only NULL. */
#define is_str(got, want, name) tap_is_str((got), (want), __LINE__, (name))
__attribute__((unused)) static bool tap_is_str(const char *got, const char *want, int line, const char *name)
{
    bool same = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);
    if (!tap_report(same, line, "%s", name)) {
        printf("#   got %s, want %s\n", got ? got : "NULL", want ? want : "NULL");
    }
    return same;
}

/* text contains part; a NULL text never does. */
#define like(text, part, name) tap_like((text), (part), __LINE__, (name))
__attribute__((unused)) static bool tap_like(const char *text, const char *part, int line, const char *name)
{
    bool found = text != NULL && strstr(text, part) != NULL;
    if (!tap_report(found, line, "%s", name)) {
        printf("#   got %s, want a part %s\n", text ? text : "NULL", part);
    }
    return found;
}

__attribute__((unused)) static void tap_skip(const char *name, const char *why)
{
    printf("ok %u - %s # SKIP %s\n", ++tap_count, name, why);
}

__attribute__((unused)) static int done_testing(void)
{
    printf("1..%u\n", tap_count);
    return tap_failed == 0 ? 0 : 1;
}

/* xorshift64* (Vigna): the state must not be 0. */
__attribute__((unused)) static uint64_t tap_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* How many seeds a model test tries: ASHLAR_SEEDS, or ten times as many with ASHLAR_LONG. */
__attribute__((unused)) static unsigned long tap_seeds(unsigned long usual)
{
    const char *given = getenv("ASHLAR_SEEDS");
    if (given != NULL) {
        return strtoul(given, NULL, 0);
    }
    return getenv("ASHLAR_LONG") != NULL ? usual * 10u : usual;
}

#endif
