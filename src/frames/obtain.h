/* SPDX-License-Identifier: 0BSD */
/* obtain.h - take frames, ask for relief where there are not enough, and take again.
 *
 *     take ── NO_FRAMES ──> relief ── something came free ──> take ...
 *                              └───── nothing, or no context to ask in ──> NO_FRAMES
 *
 * What every floor above does when it is short. Each turn follows progress, so there is an end; whoever asks for much may
 * take several turns. The caller holds nothing that a reliever may wait for: no lock, no token, no cursor, no pin.
 */
#ifndef ASHLAR_FRAMES_OBTAIN_H
#define ASHLAR_FRAMES_OBTAIN_H

#include <ashlar/frames.h>
#include <stdbool.h>

/* take: an expression that returns a status, evaluated once for each turn; the last one's status is left in `status`.
 * relief false: once. */
#define FRAMES_OBTAIN_IF(relief, pool, status, take)                                                                   \
    do {                                                                                                               \
        (status) = (take);                                                                                             \
    } while ((status) == ASHLAR_NO_FRAMES && (relief) && ashlar_frames_relieve(pool))

#define FRAMES_OBTAIN(pool, status, take) FRAMES_OBTAIN_IF(true, pool, status, take)

#endif
