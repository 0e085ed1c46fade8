/* SPDX-License-Identifier: 0BSD */
/* gather.h - joining what several gathers say. */
#ifndef ASHLAR_TABLES_GATHER_H
#define ASHLAR_TABLES_GATHER_H

#include <ashlar/space.h>

/* Everything. */
static inline void ashlar_gather_add_all(struct ashlar_gather *gather)
{
    gather->runs = ASHLAR_GATHER_RUNS + 1u;
}

/* The runs of one more gather. */
void ashlar_gather_merge(struct ashlar_gather *gather, const struct ashlar_gather *more);

#endif
