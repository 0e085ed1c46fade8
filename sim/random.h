/* SPDX-License-Identifier: 0BSD */
/* random.h - sequences that a seed decides. */
#ifndef ASHLAR_SIM_RANDOM_H
#define ASHLAR_SIM_RANDOM_H

#include <stdint.h>

/* The next one of a sequence that its first state, not 0, decides. xorshift64* (Vigna, "An experimental exploration of
 * Marsaglia's xorshift generators, scrambled"). */
static inline uint64_t sim_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 16;
}

#endif
