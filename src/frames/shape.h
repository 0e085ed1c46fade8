/* SPDX-License-Identifier: 0BSD */
/* shape.h - debug builds: how each frame was taken, and how often it is mapped. Without ASHLAR_DEBUG the functions are empty.
 *
 * Locks: the pool's, held by the caller.
 */
#ifndef ASHLAR_FRAMES_SHAPE_H
#define ASHLAR_FRAMES_SHAPE_H

#include "frames/internal.h"

/* States of debug builds: bits 0 to 4. 0: free or not RAM. 1 + order: head of a block. Bits 5 to 7: how often mapped,
 * SHAPE_MAPPED_MANY once it was that often. */
#define SHAPE_RANGE 20u
#define SHAPE_TAIL 21u
#define SHAPE_MASK 0x1fu
#define SHAPE_MAPPED_ONE 0x20u
#define SHAPE_MAPPED_MANY 0xe0u

/* The run has become of this shape: 1 + order, SHAPE_RANGE, or 0 for frames that become free. */
void ashlar_frames_mark(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape);

/* Was all of it taken in this shape, and is none of it mapped? If not, it is fatal, with the culprit's name. */
void ashlar_frames_check_shape(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape,
                               const void *caller);

#endif
