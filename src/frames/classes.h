/* SPDX-License-Identifier: 0BSD */
/* classes.h - chunks are filed by how many of their frames are free.
 *
 * Inline is the change of a count, which each give of a single frame goes through.
 */
#ifndef ASHLAR_FRAMES_CLASSES_H
#define ASHLAR_FRAMES_CLASSES_H

#include "frames/internal.h"

/* The class of a count over 0. */
static inline unsigned fill_class(unsigned count)
{
    unsigned log2 = u32_log2(count);
    return log2 < 8u ? log2 >> 2u : log2 - 6u;
}

/* Into the class, or out of it. */
void ashlar_frames_class_toggle(struct region *region, size_t chunk, unsigned class);

/* The chunk's count has changed, and it is not the cursor's. */
void ashlar_frames_refile(struct region *region, size_t chunk, unsigned old_count, unsigned count);

/* Counts whose highest bits differ have an exclusive or above their conjunction; only they may differ in class. */
static inline void set_count(struct region *region, size_t chunk, unsigned count)
{
    unsigned old = region->chunks[chunk];
    unsigned old_count = old & CHUNK_COUNT;
    region->chunks[chunk] = (uint16_t)((old & ~CHUNK_COUNT) | count);
    if ((old_count ^ count) > (old_count & count) && (old & CHUNK_OWN) == 0) {
        ashlar_frames_refile(region, chunk, old_count, count);
    }
}

/* The same out of line. */
void ashlar_frames_set_count(struct region *region, size_t chunk, unsigned count);

/* The first chunk of the class in [first, end), or end. */
size_t ashlar_frames_next_in_class(struct region *region, unsigned class, size_t first, size_t end);

#endif
