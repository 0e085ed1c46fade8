/* SPDX-License-Identifier: 0BSD */
/* admission.c - who may have how many.
 *
 * Whether there are enough frames is decided first, by counting:
 *
 *     |<-------------------- free -------------------->|
 *     |  ordinary requests      |  kept  |  promised   |
 *
 * kept is for MAY_USE_RESERVE; promised for FROM_RESERVATION alone. gate is
 * kept + promised, and all ones while a test makes takes fail: one comparison
 * sends everything unusual to the slow path. What lies low, and is kept for
 * requests that can use no other, is counted apart: nobody holds it back.
 */
#include "frames/admission.h"

#include "base/contexts.h"

void ashlar_frames_set_gate(struct ashlar_frames *pool)
{
    pool->gate_frames = pool->fail_in != 0 ? ~(size_t)0 : pool->kept_frames + pool->promised_frames;
}

/* Is this the take that a test wants to fail? */
COLD static bool is_made_to_fail(struct ashlar_frames *pool)
{
    if (pool->fail_in == 0 || --pool->fail_in != 0) {
        return false;
    }
    pool->fail_in = pool->fail_forever ? 1u : 0u;
    ashlar_frames_set_gate(pool);
    return true;
}

OUT_OF_LINE bool ashlar_frames_admit(struct ashlar_frames *pool, size_t frames, unsigned flags)
{
    if ((flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
        return pool->promised_frames >= frames;
    }
    size_t have = pool->free_frames;
    size_t held_back = pool->promised_frames;
    if ((flags & ASHLAR_FRAMES_MAY_USE_RESERVE) == 0) {
        held_back += pool->kept_frames;
    }
    if ((flags & ADMIT_LOW) != 0) {
        have = pool->low_frames;
        held_back = 0;
    }
    return !is_made_to_fail(pool) && have >= held_back && have - held_back >= frames;
}

ashlar_status ashlar_frames_book(struct ashlar_frames *pool, bool taken, size_t frames, unsigned flags)
{
    if (!taken) {
        pool->failures++;
        return ASHLAR_NO_FRAMES;
    }
    pool->takes++;
    if ((flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
        pool->promised_frames -= frames;
        ashlar_frames_set_gate(pool);
    }
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_frames_reserve(struct ashlar_frames *pool, size_t count)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ashlar_status status = ASHLAR_OK;
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    if (ashlar_frames_admit(pool, count, 0)) {
        pool->promised_frames += count;
        ashlar_frames_set_gate(pool);
    } else {
        pool->failures++;
        status = ASHLAR_NO_FRAMES;
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

COLD void ashlar_frames_unreserve(struct ashlar_frames *pool, size_t count)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    ASHLAR_CHECK(count <= pool->promised_frames, "frames: unreserve of %zu frames where %zu are reserved, by %p", count,
                 pool->promised_frames, ASHLAR_CALLER());
    pool->promised_frames -= count;
    ashlar_frames_set_gate(pool);
    ashlar_lock_give(&pool->lock, interrupts);
}

/* --- for tests -------------------------------------------------------------- */

COLD void ashlar_frames_fail_nth(struct ashlar_frames *pool, uint64_t n, int forever)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->fail_in = n;
    pool->fail_forever = forever;
    ashlar_frames_set_gate(pool);
    ashlar_lock_give(&pool->lock, interrupts);
}
