/* SPDX-License-Identifier: 0BSD */
/* violation.c - what a real machine would punish by silent corruption: counted, and told. */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    unsigned long counts[SIM_VIOLATIONS];
    char text[256];
    bool quiet;
} violations;

static const char *const violation_names[SIM_VIOLATIONS] = {
    [SIM_STALE_FRAME] = "stale frame",
    [SIM_STALE_TABLE] = "stale table",
    [SIM_STALE_ROOT] = "stale root",
    [SIM_STALE_PCID] = "stale PCID",
    [SIM_STALE_USE] = "stale translation used",
    [SIM_FREED_ACCESS] = "freed frame",
    [SIM_MIXED_SIZES] = "mixed page sizes",
    [SIM_RESERVED_BIT] = "reserved bit",
    [SIM_NAMES_RAM] = "absent entry names RAM",
    [SIM_BAD_ROOT] = "bad root",
    [SIM_BEYOND_RAM] = "beyond RAM",
    [SIM_CLOSED_WINDOW] = "closed window",
    [SIM_TOO_MANY_WINDOWS] = "too many windows",
};

void sim_violate(enum sim_violation kind, const char *format, ...)
{
    va_list arguments;
    int length = snprintf(violations.text, sizeof violations.text, "%s: ", violation_names[kind]);
    va_start(arguments, format);
    vsnprintf(violations.text + length, sizeof violations.text - (size_t)length, format, arguments);
    va_end(arguments);
    violations.counts[kind]++;
    if (!violations.quiet) {
        fprintf(stderr, "# violation: %s\n", violations.text);
    }
}

unsigned long sim_violations(enum sim_violation kind)
{
    return violations.counts[kind];
}

unsigned long sim_violations_all(void)
{
    unsigned long all = 0;
    for (unsigned kind = 0; kind < SIM_VIOLATIONS; kind++) {
        all += violations.counts[kind];
    }
    return all;
}

void sim_violations_clear(void)
{
    memset(violations.counts, 0, sizeof violations.counts);
    violations.text[0] = '\0';
}

const char *sim_violation_text(void)
{
    return violations.text;
}

void sim_violations_echo(bool on)
{
    violations.quiet = !on;
}
