/* SPDX-License-Identifier: 0BSD */
/* take.h - the slow path of taking. */
#ifndef ASHLAR_HEAP_TAKE_H
#define ASHLAR_HEAP_TAKE_H

#include "heap/internal.h"

/* When the fast path could not. cache NULL: of a size class, or a large block. */
void *ashlar_heap_take_slow(struct ashlar_heap *heap, struct ashlar_cache *cache, size_t bytes, unsigned flags);

#endif
