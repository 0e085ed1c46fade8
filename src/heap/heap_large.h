/* SPDX-License-Identifier: 0BSD */
/* heap_large.h - large blocks: taken, and resized where they are. */
#ifndef ASHLAR_HEAP_LARGE_H
#define ASHLAR_HEAP_LARGE_H

#include "heap/internal.h"
#include <stdbool.h>

/* A run in RUN_MOVING, grown for if need be; NULL. */
struct run *ashlar_heap_run_obtain(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags);
void *ashlar_heap_take_large(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags);
/* The block is live, and its caller's alone. */
bool ashlar_heap_resize_large(struct ashlar_heap *heap, struct run *run, uint32_t units);

#endif
