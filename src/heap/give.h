/* SPDX-License-Identifier: 0BSD */
/* give.h - objects given back, for callers that have a caller. */
#ifndef ASHLAR_HEAP_GIVE_H
#define ASHLAR_HEAP_GIVE_H

#include "heap/internal.h"

void ashlar_heap_give(struct ashlar_heap *heap, void *object, const void *caller);
/* When the fast path could not; object is not NULL. */
void ashlar_heap_give_slow(struct ashlar_heap *heap, void *object, const void *caller);
void ashlar_heap_give_sized(struct ashlar_heap *heap, void *object, size_t bytes, const void *caller);

#endif
