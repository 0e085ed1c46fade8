/* SPDX-License-Identifier: 0BSD */
/* obtain.h - take frames, ask for relief where there are not enough, and take again.
 *
 * What every floor above does when it is short. The first attempt is inline, for paths that are walked with every call;
 * the rest is in obtain.c. The caller holds nothing that a reliever may wait for: no lock, no token, no pin.
 */
#ifndef ASHLAR_FRAMES_OBTAIN_H
#define ASHLAR_FRAMES_OBTAIN_H

#include <ashlar/frames.h>

/* All or nothing: single frames in hand, and others promised for later. */
struct ashlar_frames_wish {
    struct ashlar_frames_request request; /* of each frame in hand; with a limit count is at most 1 */
    ashlar_pfn *frames;
    size_t count;
    size_t promised; /* by ashlar_frames_reserve */
};

/* Once, and nobody is asked. */
static inline ashlar_status ashlar_frames_attempt(struct ashlar_frames *pool, const struct ashlar_frames_wish *wish)
{
    ashlar_status status = ASHLAR_OK;
    if (wish->promised != 0) {
        status = ashlar_frames_reserve(pool, wish->promised);
    }
    if (status == ASHLAR_OK && wish->count != 0) {
        status = wish->request.limit_pfn != 0
                     ? ashlar_frames_take_request(pool, &wish->request, wish->frames)
                     : ashlar_frames_take_bulk(pool, wish->frames, wish->count, wish->request.flags);
        if (status != ASHLAR_OK && wish->promised != 0) {
            ashlar_frames_unreserve(pool, wish->promised);
        }
    }
    return status;
}

/* After an attempt that found too few: relief, and another one, until nobody has anything to give. */
ashlar_status ashlar_frames_obtain_again(struct ashlar_frames *pool, const struct ashlar_frames_wish *wish);

/* ASHLAR_NO_FRAMES: there are none, and nobody who was asked had any to give. */
static inline ashlar_status ashlar_frames_obtain(struct ashlar_frames *pool, const struct ashlar_frames_wish *wish)
{
    ashlar_status status = ashlar_frames_attempt(pool, wish);
    return status == ASHLAR_NO_FRAMES ? ashlar_frames_obtain_again(pool, wish) : status;
}

#endif
