/* SPDX-License-Identifier: 0BSD */
/* range.h - the search for contiguous frames. Locks: the pool's, held by the caller. */
#ifndef ASHLAR_FRAMES_RANGE_H
#define ASHLAR_FRAMES_RANGE_H

#include "frames/internal.h"

/* The highest run that meets the need. Nothing is changed. */
bool ashlar_frames_find_run(const struct ashlar_frames *pool, const struct need *need, ashlar_pfn *first);

#endif
