/* SPDX-License-Identifier: 0BSD */
/* seeds.h - what was wrong with a seeded run of CPUs on one heap; and seeds one after another, until one fails. */
#ifndef ASHLAR_TESTS_HEAP_SEEDS_H
#define ASHLAR_TESTS_HEAP_SEEDS_H

#include "schedule.h"
#include "source.h"

/* body on all CPUs; then, unless something is wrong, settle on the first one. What was wrong, or NULL. problem: where a
 * body says it, NULL as long as all is well. */
__attribute__((unused)) static const char *run_and_settle(unsigned cpus, void (*body)(void *),
                                                          const char *const *problem, const char *(*settle)(void),
                                                          const struct sim_schedule_options *schedule)
{
    static char text[640];
    const char *volatile why = sim_schedule(cpus, body, NULL, schedule);
    why = why != NULL ? why : *problem;
    if (why == NULL) {
        const char *fatal = SIM_FATAL(why = settle());
        why = fatal != NULL ? fatal : why;
    }
    snprintf(text, sizeof text, "%s", why != NULL ? why : "");
    return why != NULL ? text : NULL;
}

/* From 0 on, as many as usual, or ASHLAR_SEED alone. What was wrong with the first that failed, and its number; or NULL. */
static const char *seeds_of(const char *(*run_one)(uint64_t seed), unsigned long usual)
{
    static char text[700];
    const char *one = getenv("ASHLAR_SEED");
    unsigned long first = one != NULL ? strtoul(one, NULL, 0) : 0;
    unsigned long count = one != NULL ? 1 : tap_seeds(usual);
    for (unsigned long seed = first; seed < first + count; seed++) {
        const char *why = run_one(seed);
        if (why != NULL) {
            snprintf(text, sizeof text, "seed %lu: %s", seed, why);
            return text;
        }
    }
    printf("# %lu seeds\n", count);
    return NULL;
}

#endif
