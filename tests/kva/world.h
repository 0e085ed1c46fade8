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

#endif
