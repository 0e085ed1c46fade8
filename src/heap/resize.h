/* SPDX-License-Identifier: 0BSD */
/* resize.h - sizes of live objects, for callers that have a caller. */
#ifndef ASHLAR_HEAP_RESIZE_H
#define ASHLAR_HEAP_RESIZE_H

#include "heap/internal.h"

size_t ashlar_heap_usable(struct ashlar_heap *heap, const void *object, const void *caller);
void *ashlar_heap_resize(struct ashlar_heap *heap, void *object, size_t bytes, unsigned flags, const void *caller);

#endif
