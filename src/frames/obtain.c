/* SPDX-License-Identifier: 0BSD */
/* obtain.c - frames from the pool, or from whoever gives some back.
 *
 *     attempt ── NO_FRAMES ──> relief ── something came free ──> attempt ...
 *                                 └───── nothing, or no context to ask in ──> NO_FRAMES
 *
 * Each turn follows progress, so there is an end; a thread that asks for much
 * may take several turns.
 */
#include "frames/obtain.h"

#include "base/check.h"

COLD ashlar_status ashlar_frames_obtain_again(struct ashlar_frames *pool, const struct ashlar_frames_wish *wish)
{
    ashlar_status status = ASHLAR_NO_FRAMES;
    while (status == ASHLAR_NO_FRAMES && ashlar_frames_relieve(pool)) {
        status = ashlar_frames_attempt(pool, wish);
    }
    return status;
}
