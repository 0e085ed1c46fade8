/* SPDX-License-Identifier: 0BSD */
/* world.h - the simulated machine of tests/space/world.h, with the kva floor on it. */
#ifndef ASHLAR_TESTS_KVA_WORLD_H
#define ASHLAR_TESTS_KVA_WORLD_H

#include "kva/arena.h"
#include <ashlar/kva.h>

#define WORLD_HAS_KVA
#include "space/world.h"

__attribute__((unused)) static struct ashlar_kva_stats world_kva_stats(void)
{
    struct ashlar_kva_stats stats;
    ashlar_kva_stats(&stats);
    return stats;
}

/* Each page keeps a word of its own, whichever CPU writes and reads it. */
__attribute__((unused)) static size_t world_usable(ashlar_vpn first, size_t pages)
{
    size_t good = 0;
    for (size_t i = 0; i < pages; i++) {
        good += world_write((unsigned)i % 2u, first + i, 7u + (uint32_t)i, 0) == 0;
    }
    for (size_t i = 0; i < pages; i++) {
        good += world_read(1u - (unsigned)i % 2u, first + i, 0) == 7u + i;
    }
    return good / 2u;
}

#endif
