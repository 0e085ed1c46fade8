/* SPDX-License-Identifier: 0BSD */
/* obtain.h - take frames, ask for relief where there are not enough, and take again.
 *
 *     count ──> take ── NO_FRAMES ──> relief ── something came free since the count ──> count ...
 *                                        └───── nothing, or no context to ask in ──> NO_FRAMES
 *
 * What every floor above does when it is short. What another thread was given meanwhile may be what this one lacks, with
 * nobody left to be asked: so reliefs are counted, and the count is read before the take. Each turn follows progress, so
 * there is an end; whoever asks for much may take several turns. The caller holds nothing that a reliever may wait for: no
 * lock, no token, no cursor, no pin.
 */
#ifndef ASHLAR_FRAMES_OBTAIN_H
#define ASHLAR_FRAMES_OBTAIN_H

#include "base/atomic.h"
#include "frames/relief.h"

/* take: an expression that returns a status, evaluated once for each turn; the last one's status is left in `status`.
 * relief false: once. */
#define FRAMES_OBTAIN_IF(relief, pool, status, take)                                                                   \
    do {                                                                                                               \
        uintptr_t reliefs_;                                                                                            \
        do {                                                                                                           \
            reliefs_ = atomic_load(&ashlar_frames_reliefs);                                                            \
            (status) = (take);                                                                                         \
        } while ((status) == ASHLAR_NO_FRAMES && (relief) && ashlar_frames_relieve_since(pool, reliefs_));             \
    } while (0)

#define FRAMES_OBTAIN(pool, status, take) FRAMES_OBTAIN_IF(true, pool, status, take)

#endif
