/* SPDX-License-Identifier: 0BSD */
/* blocks.h - large blocks: opened, closed, cut and lengthened. */
#ifndef ASHLAR_HEAP_BLOCKS_H
#define ASHLAR_HEAP_BLOCKS_H

#include "heap/internal.h"
#include <stdbool.h>

/* A run in RUN_MOVING, not open yet: every unit says whose it is. Without the lock. */
void ashlar_heap_block_lay(struct ashlar_heap *heap, struct run *run);
void ashlar_heap_block_open_locked(struct ashlar_heap *heap, struct run *run);
/* Into RUN_MOVING. */
void ashlar_heap_block_close_locked(struct ashlar_heap *heap, struct run *run);
/* To the runs. False: not a live large block. */
bool ashlar_heap_block_free_locked(struct ashlar_heap *heap, uintptr_t object);
/* Where it is, by itself. False: no room behind it, or no descriptor. */
bool ashlar_heap_block_resize(struct ashlar_heap *heap, struct run *run, uint32_t units);

#endif
