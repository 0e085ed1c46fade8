/* SPDX-License-Identifier: 0BSD */
/* canary.h - bytes behind an object that nobody may write to. */
#ifndef ASHLAR_HEAP_CANARY_H
#define ASHLAR_HEAP_CANARY_H

#include "heap/internal.h"

#define CANARY_LEAST_BYTES 8u

void ashlar_heap_canary_set(const struct ashlar_cache *cache, void *object);
/* An object of any slab. */
void ashlar_heap_canary_check(const struct run *slab, const void *object, const void *caller);

#endif
