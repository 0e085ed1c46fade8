/* SPDX-License-Identifier: 0BSD */
/* frames_holds.c - how long the pool keeps interrupts off, in instructions: takes and gives of many frames, all or nothing,
 * let others in between.
 */
#include "pool.h"
#include "stepping.h"

#define FIRST 4096u
#define FRAMES 4000u
#define MANY 700u

static struct ashlar_frames *pool;
static ashlar_pfn frames[FRAMES];

/* No two of them lie side by side. */
static void scatter(size_t count)
{
    uint64_t seed = 5;
    for (size_t i = count - 1u; i != 0; i--) {
        size_t other = (size_t)(tap_random(&seed) >> 20) % i;
        ashlar_pfn frame = frames[i];
        frames[i] = frames[other];
        frames[other] = frame;
    }
}

static void test_bulk(void)
{
    ashlar_status status = ASHLAR_NO_FRAMES;
    HOLDS("[fault 175]", "a take of many frames", status = ashlar_frames_take_bulk(pool, frames, MANY, 0));
    is_u(status, ASHLAR_OK, "they are had");
    is_u(stats_of(pool).free_frames, FRAMES - MANY, "as many are gone");
    is_u(stats_of(pool).reserved_frames, 0, "no promise is left");
    scatter(MANY);
    HOLDS("[fault 175]", "a give of many, in no order", ashlar_frames_give_bulk(pool, frames, MANY));
    is_u(stats_of(pool).free_frames, FRAMES, "all are back");
    is_str(ashlar_frames_audit(pool), NULL, "sound");
}

static void test_promised(void)
{
    ashlar_status status = ASHLAR_NO_FRAMES;
    is_u(ashlar_frames_reserve(pool, MANY + 10u), ASHLAR_OK, "a promise");
    HOLDS("[fault 175]", "a take out of a promise",
          status = ashlar_frames_take_bulk(pool, frames, MANY, ASHLAR_FRAMES_FROM_RESERVATION));
    is_u(status, ASHLAR_OK, "it is kept");
    is_u(stats_of(pool).reserved_frames, 10, "what was not taken is promised still");
    ashlar_frames_unreserve(pool, 10);
    ashlar_frames_give_bulk(pool, frames, MANY);
}

/* One too many: nothing is taken, nothing promised. */
static void test_refused(void)
{
    struct ashlar_frames_stats before = stats_of(pool);
    size_t most = before.free_frames - before.kept_frames;
    frames[0] = 77;
    is_u(ashlar_frames_take_bulk(pool, frames, most + 1u, 0), ASHLAR_NO_FRAMES, "one frame too many");
    is_u(frames[0], 77, "none was taken");
    is_u(stats_of(pool).reserved_frames + before.free_frames - stats_of(pool).free_frames, 0, "nor promised");
    ashlar_frames_fail_nth(pool, 1, 0);
    is_u(ashlar_frames_take_bulk(pool, frames, MANY, 0), ASHLAR_NO_FRAMES, "one that is made to fail");
    is_u(ashlar_frames_take_bulk(pool, frames, most, 0), ASHLAR_OK, "the next takes all but the reserve");
    ashlar_frames_give_bulk(pool, frames, most);
    is_u(ashlar_frames_take_bulk(pool, frames, FRAMES, ASHLAR_FRAMES_MAY_USE_RESERVE), ASHLAR_OK, "or all");
    ashlar_frames_give_bulk(pool, frames, FRAMES);
    is_str(ashlar_frames_audit(pool), NULL, "sound");
}

static void test_range(void)
{
    const struct ashlar_frames_range range = {.frames = MANY, .align_frames = 1};
    ashlar_pfn first = 0;
    is_u(ashlar_frames_take_range(pool, &range, &first), ASHLAR_OK, "a range");
    HOLDS("[fault 175]", "its give", ashlar_frames_give_range(pool, first, MANY));
    is_u(stats_of(pool).free_frames, FRAMES, "all of it is back");
    is_str(ashlar_frames_audit(pool), NULL, "sound");
}

int main(void)
{
    pool = pool_at(FIRST, FRAMES);
    test_refused();
    if (!ASHLAR_DEBUG && stepping_works()) { /* what debug builds keep of each frame takes longer */
        test_bulk();
        test_promised();
        test_range();
    }
    pool_drop();
    return done_testing();
}
