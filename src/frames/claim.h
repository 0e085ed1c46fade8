/* SPDX-License-Identifier: 0BSD */
/* claim.h - frames change hands: from free to taken, and back. Locks: the pool's, held by the caller. */
#ifndef ASHLAR_FRAMES_CLAIM_H
#define ASHLAR_FRAMES_CLAIM_H

#include "frames/internal.h"

/* Take frames of one chunk that are known to be free. */
void ashlar_frames_claim_piece(const struct piece *piece);
/* The same of any number, which regions know. shape: what debug builds remember. */
void ashlar_frames_claim(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape);

/* Fatal, in the name of this caller, where one of these is not taken. */
void ashlar_frames_check_given(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames, const void *caller);
/* Give back, in the name of this caller. All is checked before anything is changed. */
void ashlar_frames_release(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape,
                           const void *caller);

#endif
