/* SPDX-License-Identifier: 0BSD */
/* claim.c - what is not the caller's is not given back: free frames, foreign ones, misaligned ones; nothing changes before. */
#include "pc.h"

static void test_faults_of_callers(void)
{
    ashlar_pfn frame;
    ashlar_pfn twice[2];
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK, "a frame");
    ashlar_frames_give(pool, frame, 0);
    names(give_fatal(frame, 0), frame, "double free", "[fault 20] double free is fatal and names the frame");
    ok(ashlar_frames_take(pool, 9, &frame) == ASHLAR_OK, "a chunk");
    ashlar_frames_give(pool, frame, 9);
    names(give_fatal(frame, 9), frame, "double free", "[fault 20] double free of a whole chunk");
    ok(ashlar_frames_take(pool, 0, &twice[0]) == ASHLAR_OK, "a frame for a list");
    twice[1] = twice[0];
    names(POOL_FATAL(pool, ashlar_frames_give_bulk(pool, twice, 2)), twice[0], "double free",
          "[fault 20] the same frame twice in one list");
    names(give_fatal(200, 0), 200, "reserved", "[fault 21] free of a reserved frame is fatal");
    names(give_fatal(0, 0), 0, "reserved", "[fault 21] so is frame 0");
    names(give_fatal(159, 0), 159, "reserved", "[fault 21] the first behind a run");
    names(give_fatal(9 * 256, 8), 9 * 256, "a hole", "[fault 22] free of a hole within a region is fatal");
    names(give_fatal(40 * 256, 0), 40 * 256, "a hole", "[fault 22] free of a hole between regions is fatal");
    names(give_fatal(0xfee00, 0), 0xfee00, "beyond", "[fault 23] free beyond the end is fatal");
    names(give_fatal(0xfee00, 9), 0xfee00, "beyond", "[fault 23] a whole chunk beyond the end, too");
    names(give_fatal(ASHLAR_PFN_NONE, 0), ASHLAR_PFN_NONE, "beyond", "[fault 23] so is that of no frame");
    names(POOL_FATAL(pool, ashlar_frames_give_range(pool, 64 * 256 + 8 * 256 + 76, 2)), 64 * 256 + 8 * 256 + 77,
          "reserved", "[fault 23] a range that ends behind RAM");
    names(give_fatal(64 * 256 + 1, 1), 64 * 256 + 1, "misaligned", "[fault 24] misaligned for its order is fatal");
    names(give_fatal(64 * 256, 19), 64 * 256, "misaligned", "[fault 26] an order over the maximum cannot be given");
    like(POOL_FATAL(pool, ashlar_frames_give_range(pool, 64 * 256, 0)), "empty", "an empty range is fatal");
    like(POOL_FATAL(pool, ashlar_frames_give_range(pool, 64 * 256, ~(size_t)0)), "wrapping",
         "a range that wraps is fatal");
    pool_drop();
}

static void test_nothing_changes_before_a_fault(void)
{
    const struct ashlar_frames_range all = {8 * 256, 1, 0, 64 * 256, 0};
    ashlar_pfn first;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take_range(pool, &all, &first) == ASHLAR_OK, "8 MiB");
    ashlar_frames_give_range(pool, first + 1500, 1);
    size_t before = stats_of(pool).free_frames;
    names(POOL_FATAL(pool, ashlar_frames_give_range(pool, first, 8 * 256)), first + 1500, "double free",
          "[fault 20] one free frame within a long range");
    is_u(stats_of(pool).free_frames, before, "nothing of the range was given before it was seen");
    sound("sound after the report");
}

int main(void)
{
    test_faults_of_callers();
    test_nothing_changes_before_a_fault();
    pool_drop();
    return done_testing();
}
