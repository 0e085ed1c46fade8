/* SPDX-License-Identifier: 0BSD */
/* shrink.h - a run of random steps that fails, made as short as it goes.
 *
 * Each step has random numbers of its own, from the seed and its number: one that is left out changes none of the others.
 * So halves, quarters, and in the end single steps are left out in turn, for good where the run fails without them (Zeller
 * and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002, in its simplest form).
 *
 * ASHLAR_SHRINK=0 turns it off: for who only wants to know whether a run fails.
 */
#ifndef ASHLAR_TESTS_SHRINK_H
#define ASHLAR_TESTS_SHRINK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_STEPS_MOST 512u

static struct {
    unsigned steps;
    bool left_out[SHRINK_STEPS_MOST];
} shrink;

/* All steps are wanted. At most SHRINK_STEPS_MOST. */
static void shrink_begin(unsigned steps)
{
    shrink.steps = steps;
    memset(shrink.left_out, 0, sizeof shrink.left_out);
}

static bool shrink_wants(unsigned step)
{
    return !shrink.left_out[step];
}

/* A state for tap_random. */
static uint64_t shrink_random(uint64_t seed, unsigned step)
{
    return (seed * SHRINK_STEPS_MOST + step + 1u) * UINT64_C(0x9e3779b97f4a7c15);
}

static unsigned shrink_count(void)
{
    unsigned wanted = 0;
    for (unsigned i = 0; i < shrink.steps; i++) {
        wanted += shrink_wants(i);
    }
    return wanted;
}

/* Leave these out if fails still says so. */
static void shrink_try(unsigned first, unsigned count, bool (*fails)(const void *context), const void *context)
{
    bool before[SHRINK_STEPS_MOST];
    bool any = false;
    memcpy(before, shrink.left_out, sizeof before);
    for (unsigned i = first; i < first + count && i < shrink.steps; i++) {
        any = any || shrink_wants(i);
        shrink.left_out[i] = true;
    }
    if (any && !fails(context)) {
        memcpy(shrink.left_out, before, sizeof before);
    }
}

/* fails runs the steps that are wanted, and says whether it went wrong. Returns how many are left; false alarms cost
 * nothing: a run that failed and no longer does keeps all its steps. */
static unsigned shrink_run(bool (*fails)(const void *context), const void *context)
{
    const char *wish = getenv("ASHLAR_SHRINK");
    unsigned before = shrink.steps + 1u;
    bool wished = wish == NULL || strcmp(wish, "0") != 0;
    while (wished && shrink_count() < before) {
        before = shrink_count();
        for (unsigned count = shrink.steps; count != 0; count /= 2u) {
            for (unsigned first = 0; first < shrink.steps; first += count) {
                shrink_try(first, count, fails, context);
            }
        }
    }
    return shrink_count();
}

#endif
