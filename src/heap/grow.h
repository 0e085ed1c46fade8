/* SPDX-License-Identifier: 0BSD */
/* grow.h - more memory from the source. */
#ifndef ASHLAR_HEAP_GROW_H
#define ASHLAR_HEAP_GROW_H

#include "heap/internal.h"
#include <stdbool.h>

/* Thread context, nothing held. False: no memory, no addresses. */
bool ashlar_heap_grow(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes);

#endif
