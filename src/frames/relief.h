/* SPDX-License-Identifier: 0BSD */
/* relief.h - relief since a count. */
#ifndef ASHLAR_FRAMES_RELIEF_H
#define ASHLAR_FRAMES_RELIEF_H

#include <ashlar/frames.h>
#include <stdbool.h>

/* Times that a reliever, of whatever pool, has given something. */
extern volatile uintptr_t ashlar_frames_reliefs;
/* As ashlar_frames_relieve, where the count was `seen` before what failed. */
bool ashlar_frames_relieve_since(struct ashlar_frames *pool, uintptr_t seen);

#endif
