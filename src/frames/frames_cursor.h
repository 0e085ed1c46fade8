/* SPDX-License-Identifier: 0BSD */
/* frames_cursor.h - the word that single frames come from. Locks: the pool's, held by the caller. */
#ifndef ASHLAR_FRAMES_FRAMES_CURSOR_H
#define ASHLAR_FRAMES_FRAMES_CURSOR_H

#include "frames/internal.h"

/* File the cursor's chunk; the cursor then has none. */
void ashlar_frames_cursor_drop(struct ashlar_frames *pool);

/* Put the cursor on a word with a free frame: in its own chunk, else in the one that suits best. False: there is none
 * that could be owned. The frame of a chunk that lies in two zones (that at 1 MiB) is found, but the chunk not owned:
 * its lower part is to be kept. */
bool ashlar_frames_cursor_refill(struct ashlar_frames *pool);

#endif
