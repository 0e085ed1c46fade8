/* SPDX-License-Identifier: 0BSD */
/* move.h - a large block takes its pages along. */
#ifndef ASHLAR_HEAP_MOVE_H
#define ASHLAR_HEAP_MOVE_H

#include "heap/internal.h"

/* To a longer run of addresses, if the source can; NULL: nothing changed. */
void *ashlar_heap_move_large(struct ashlar_heap *heap, struct run *run, uint32_t units);

#endif
