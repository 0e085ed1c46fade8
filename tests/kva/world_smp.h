/* SPDX-License-Identifier: 0BSD */
/* world_smp.h - the simulated machine of tests/space/world_smp.h, with the kva floor on it. */
#ifndef ASHLAR_TESTS_KVA_WORLD_SMP_H
#define ASHLAR_TESTS_KVA_WORLD_SMP_H

#include "kva/arena.h"
#include <ashlar/kva.h>

#define WORLD_HAS_KVA
#include "space/world_smp.h"

#endif
