/* SPDX-License-Identifier: 0BSD */
/* admission.h - who may have how many frames. Locks: the pool's, held by the caller. */
#ifndef ASHLAR_FRAMES_ADMISSION_H
#define ASHLAR_FRAMES_ADMISSION_H

#include "frames/internal.h"

/* Beside the flags of a request: it is for what is kept low. */
#define ADMIT_LOW 0x100u

/* After a change of what is kept or promised, or of what a test wants to fail. */
void ashlar_frames_set_gate(struct ashlar_frames *pool);

/* May so many frames be taken, wherever they are? Promised ones always: not even a test fails them. */
bool ashlar_frames_admit(struct ashlar_frames *pool, size_t frames, unsigned flags);

/* Note how a take ended. */
ashlar_status ashlar_frames_book(struct ashlar_frames *pool, bool taken, size_t frames, unsigned flags);

#endif
