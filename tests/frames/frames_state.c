/* SPDX-License-Identifier: 0BSD */
/* frames_state.c - states of frames, and statistics. */
#include "pc.h"

static void test_states_and_stats(void)
{
    ashlar_pfn frame;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_state(pool, 0) == ASHLAR_FRAME_FOREIGN, "frame 0 is foreign");
    ok(ashlar_frames_state(pool, 200) == ASHLAR_FRAME_FOREIGN, "so is the hole below 1 MiB");
    ok(ashlar_frames_state(pool, 1u << 20) == ASHLAR_FRAME_FOREIGN, "and what lies beyond");
    ok(ashlar_frames_take(pool, 9, &frame) == ASHLAR_OK, "a chunk");
    ok(ashlar_frames_state(pool, frame + 511) == ASHLAR_FRAME_TAKEN, "a taken frame is taken");
    ok(ashlar_frames_state(pool, 300) == ASHLAR_FRAME_FREE, "a free one free");
    struct ashlar_frames_stats stats = stats_of(pool);
    is_u(stats.total_frames, PC_FRAMES, "all frames are counted");
    is_u(stats.free_frames, PC_FRAMES - 512, "all but one chunk are free");
    is_u(stats.takes, 1, "one take");
    ashlar_frames_give(pool, frame, 9);
    is_u(stats_of(pool).gives, 1, "one give");
    ok(stats.metadata_bytes != 0, "bookkeeping has a size");
    ok(!sim_interrupts_are_off(), "interrupts are as before");
}

int main(void)
{
    test_states_and_stats();
    pool_drop();
    return done_testing();
}
