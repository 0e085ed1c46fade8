/* SPDX-License-Identifier: 0BSD */
/* chunk.h - which chunk to take from: a block of less than a chunk, or a whole one. Locks: the pool's, held by the caller. */
#ifndef ASHLAR_FRAMES_CHUNK_H
#define ASHLAR_FRAMES_CHUNK_H

#include "frames/internal.h"

/* A block of less than a chunk: where it lies. Nothing is changed. */
bool ashlar_frames_find(struct ashlar_frames *pool, unsigned order, const struct need *need, struct piece *piece);

/* A whole chunk: its counter says all. */
bool ashlar_frames_take_chunk(struct ashlar_frames *pool, const struct need *need, ashlar_pfn *first);
/* The same back; false if first is no such chunk, or is of a better zone than the cursor's. */
bool ashlar_frames_give_chunk(struct ashlar_frames *pool, ashlar_pfn first);

#endif
