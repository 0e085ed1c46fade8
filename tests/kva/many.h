/* SPDX-License-Identifier: 0BSD */
/* many.h - many ranges at once, on the world of tests/kva/world.h. */
#ifndef ASHLAR_TESTS_KVA_MANY_H
#define ASHLAR_TESTS_KVA_MANY_H

#include "kva/world.h"

#define MANY 200u

static ashlar_vpn first[MANY]; /* of each that is taken */

static void take_many(size_t count, size_t pages)
{
    for (size_t i = 0; i < count; i++) {
        if (ashlar_kva_take(pages, ASHLAR_MAP_WRITE, "many", &first[i]) != ASHLAR_OK) {
            world_bail("take", ASHLAR_NO_FRAMES);
        }
    }
}

static void give_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ashlar_kva_give(first[i]);
    }
}

#endif
