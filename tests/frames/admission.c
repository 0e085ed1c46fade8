/* SPDX-License-Identifier: 0BSD */
/* admission.c - what is kept back and what is promised; takes that are made to fail. */
#include "pc.h"

static void test_kept_and_promised(void)
{
    static ashlar_pfn got[PC_FRAMES];
    pool = pool_of(pc, 3, 100);
    ok(ashlar_frames_take_bulk(pool, got, PC_FRAMES - 99, 0) == ASHLAR_NO_FRAMES, "kept frames are not for everybody");
    ok(ashlar_frames_take_bulk(pool, got, PC_FRAMES - 110, 0) == ASHLAR_OK, "all others are");
    ok(ashlar_frames_is_short(pool), "that is short");
    ok(ashlar_frames_reserve(pool, 11) == ASHLAR_NO_FRAMES, "more cannot be promised");
    ok(ashlar_frames_reserve(pool, 10) == ASHLAR_OK, "ten can");
    is_u(stats_of(pool).reserved_frames, 10, "they are counted");
    ok(ashlar_frames_take(pool, 0, &got[PC_FRAMES - 1]) == ASHLAR_NO_FRAMES, "an ordinary take gets none of them");
    ok(ashlar_frames_take_bulk(pool, got + PC_FRAMES - 110, 101, ASHLAR_FRAMES_MAY_USE_RESERVE) == ASHLAR_NO_FRAMES,
       "nor does one that may use the reserve");
    ok(ashlar_frames_take_bulk(pool, got + PC_FRAMES - 110, 100, ASHLAR_FRAMES_MAY_USE_RESERVE) == ASHLAR_OK,
       "which gets what is kept");
    ok(take_last(pool, 0, &got[0]) == ASHLAR_NO_FRAMES, "and no more");
    like(POOL_FATAL(pool, (void)!ashlar_frames_take_bulk(pool, got, 11, ASHLAR_FRAMES_FROM_RESERVATION)),
         "reservation of 10", "more than was promised is fatal");
    like(POOL_FATAL(pool, ashlar_frames_unreserve(pool, 11)), "10 are reserved", "so is taking back more");
    ashlar_frames_fail_nth(pool, 1, 1);
    ok(ashlar_frames_take_bulk(pool, got + PC_FRAMES - 10, 4, ASHLAR_FRAMES_FROM_RESERVATION) == ASHLAR_OK,
       "promised frames come even while takes are made to fail");
    ashlar_frames_fail_nth(pool, 0, 0);
    ashlar_frames_unreserve(pool, 2);
    is_u(stats_of(pool).reserved_frames, 4, "four taken, two returned, four left");
    ashlar_frames_give_bulk(pool, got, PC_FRAMES - 6);
    ashlar_frames_unreserve(pool, 4);
    is_u(stats_of(pool).free_frames, PC_FRAMES, "all are back");
    ok(!ashlar_frames_is_short(pool), "that is plenty");
    ok(ashlar_frames_reserve(pool, PC_FRAMES - 99) == ASHLAR_NO_FRAMES, "kept frames cannot be promised");
    sound("sound after promises");
}

static void test_default_reserve(void)
{
    pool = pool_at(512, 51200);
    is_u(stats_of(pool).kept_frames, 200, "1/256 is kept");
    is_u(stats_of(pool).low_watermark_frames, 400, "twice that is the low watermark");
    pool = pool_at(512, GIB + 512);
    is_u(stats_of(pool).kept_frames, 1024, "1024 at most");
}

static ashlar_status nth_kind(unsigned kind, ashlar_pfn *frames)
{
    static const struct ashlar_frames_request request = {2, 0, ANY, ASHLAR_FRAMES_MAY_USE_RESERVE};
    static const struct ashlar_frames_range range = {33, 1, 0, 0, 0};
    switch (kind) {
    case 0:
        return ashlar_frames_take(pool, 0, frames);
    case 1:
        return ashlar_frames_take(pool, 9, frames);
    case 2:
        return ashlar_frames_take(pool, 10, frames);
    case 3:
        return ashlar_frames_take_request(pool, &request, frames);
    case 4:
        return ashlar_frames_take_bulk(pool, frames, 8, 0);
    case 5:
        return ashlar_frames_take_range(pool, &range, frames);
    default:
        return ashlar_frames_reserve(pool, 5);
    }
}

static void test_fail_nth(void)
{
    ashlar_pfn frames[8] = {7};
    pool = pool_of(pc, 3, 0);
    for (unsigned kind = 0; kind < 7; kind++) {
        struct ashlar_frames_stats before = stats_of(pool);
        ashlar_frames_fail_nth(pool, 1, 0);
        ok(nth_kind(kind, frames) == ASHLAR_NO_FRAMES && frames[0] == 7, "[fault 28] take of kind %u fails when told",
           kind);
        struct ashlar_frames_stats after = stats_of(pool);
        before.failures++;
        ok(memcmp(&before, &after, sizeof before) == 0, "[fault 28] and leaves everything as it was");
        ok(nth_kind(kind, frames) == ASHLAR_OK, "the next one of kind %u does not", kind);
        frames[0] = 7;
        sound("sound after a failure");
    }
    ashlar_frames_fail_nth(pool, 3, 1);
    ok(nth_kind(0, frames) == ASHLAR_OK && nth_kind(6, frames) == ASHLAR_OK, "two of three");
    ok(nth_kind(0, frames) == ASHLAR_NO_FRAMES && nth_kind(3, frames) == ASHLAR_NO_FRAMES,
       "the third, and every later one");
    ashlar_frames_fail_nth(pool, 0, 0);
    ok(nth_kind(0, frames) == ASHLAR_OK, "until it is turned off");
}

int main(void)
{
    test_kept_and_promised();
    test_default_reserve();
    test_fail_nth();
    pool_drop();
    return done_testing();
}
