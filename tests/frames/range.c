/* SPDX-License-Identifier: 0BSD */
/* range.c - large blocks and ranges in pools that are nearly what they need: what fails must not free what lives. */
#include "frames/admission.h"
#include "pool.h"

static struct ashlar_frames *pool;

/* Take every chunk but some, then ask for blocks of each large order. */
static void test_orders(unsigned order)
{
    size_t size = (size_t)1 << order;
    const struct run run = {size, 3 * size};
    ashlar_pfn blocks[4] = {0};
    unsigned got = 0;
    pool = pool_of(&run, 1, 1);
    while (got < 4 && take_last(pool, order, &blocks[got]) == ASHLAR_OK) {
        got++;
    }
    is_u(got, 3, "three blocks of order %u in thrice its frames", order);
    is_u(stats_of(pool).free_frames, 0, "nothing is left");
    ashlar_frames_give(pool, blocks[1], order);
    ashlar_pfn single = 0;
    const struct ashlar_frames_range middle = {1, 1, 0, blocks[1] + size / 2, blocks[1] + size};
    pool->kept_frames = 0;
    ashlar_frames_set_gate(pool);
    ok(ashlar_frames_take_range(pool, &middle, &single) == ASHLAR_OK, "one frame of the one that came back");
    ashlar_pfn untouched = 99;
    ok(take_last(pool, order, &untouched) == ASHLAR_NO_FRAMES && untouched == 99, "no block of order %u then", order);
    ok(ashlar_frames_state(pool, blocks[0]) == ASHLAR_FRAME_TAKEN &&
           ashlar_frames_state(pool, blocks[2] + size - 1) == ASHLAR_FRAME_TAKEN &&
           ashlar_frames_state(pool, single) == ASHLAR_FRAME_TAKEN,
       "what lives is as it was");
    is_u(stats_of(pool).free_frames, size - 1, "and counted so");
    is_str(ashlar_frames_audit(pool), NULL, "sound after a block that failed");
    ok(take_last(pool, order - 1, &untouched) == ASHLAR_OK, "half of it is there");
    ashlar_frames_give(pool, untouched, order - 1);
    ashlar_frames_give_range(pool, single, 1);
    ok(take_last(pool, order, &blocks[1]) == ASHLAR_OK, "whole again, it can be taken");
    for (unsigned i = 0; i < 3; i++) {
        ashlar_frames_give(pool, blocks[i], order);
    }
    is_u(stats_of(pool).free_2mib_blocks, 3 * size / 512, "all 2 MiB blocks are back");
    ok(ashlar_frames_audit(pool) == NULL, "sound at the end of order %u", order);
}

/* A hole between whole chunks is never spanned; with no hole, all of RAM is one range. */
static void test_whole_ram(void)
{
    const struct run runs[] = {{256, 3 * 4096}, {4 * 4096, 700}};
    const struct ashlar_frames_range most = {3 * 4096, 1, 0, 0, 0};
    const struct ashlar_frames_range more = {3 * 4096 + 1, 1, 0, 0, 0};
    ashlar_pfn first = 0;
    pool = pool_of(runs, 2, 1);
    ok(ashlar_frames_take_range(pool, &more, &first) == ASHLAR_NO_FRAMES, "[fault 29] no range spans a hole");
    ok(ashlar_frames_take_range(pool, &most, &first) == ASHLAR_OK && first == 256, "the longest run, across 16 MiB");
    is_str(ashlar_frames_audit(pool), NULL, "sound across zones");
    ashlar_frames_give_range(pool, first, 5000);
    ashlar_frames_give_range(pool, first + 5000, 3 * 4096 - 5000);
    is_u(stats_of(pool).free_frames, 3 * 4096 + 700, "given back in two parts");
}

static void test_limits(void)
{
    const struct run run = {256, 40000};
    const struct ashlar_frames_request low = {12, 16384, ANY, 0};
    struct ashlar_frames_range range = {100, 64, 128, 0, 4096};
    ashlar_pfn first = 0;
    pool = pool_of(&run, 1, 1);
    ok(ashlar_frames_take_request(pool, &low, &first) == ASHLAR_OK && first == 12288, "16 MiB below 64 MiB");
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK && first + 100 <= 4096 && first % 128 == 0,
       "100 frames that cross no 512 KiB, below 16 MiB");
    range = (struct ashlar_frames_range){64, 1, 64, 300, 447};
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK && first == 320, "the only place that fits");
    range = (struct ashlar_frames_range){65, 1, 128, 321, 448};
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_NO_FRAMES, "[fault 29] one frame too long");
    range = (struct ashlar_frames_range){10, 1024, 16, 0, 0};
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK && first % 1024 == 0,
       "an alignment above the boundary");
    range = (struct ashlar_frames_range){5, ~((~(size_t)0) >> 1), 0, 0, 0};
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_NO_FRAMES, "the largest alignment that there is");
    range = (struct ashlar_frames_range){5, 1, 0, ASHLAR_PFN_NONE - 2, 0};
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_NO_FRAMES, "nothing lies that high");
    is_str(ashlar_frames_audit(pool), NULL, "sound after limits");
}

/* Every second frame taken: each length finds nothing, and says so. */
static void test_comb(void)
{
    static ashlar_pfn frames[4096];
    pool = pool_at(4096, 4096);
    ok(ashlar_frames_take_bulk(pool, frames, 4096, ASHLAR_FRAMES_MAY_USE_RESERVE) == ASHLAR_OK, "all frames");
    for (unsigned i = 0; i < 4096; i++) {
        if (frames[i] % 2 == 1) {
            ashlar_frames_give(pool, frames[i], 0);
        }
    }
    unsigned found = 0;
    for (size_t length = 2; length < 2000; length += 1 + length / 8) {
        const struct ashlar_frames_range range = {length, 1, 0, 0, 0};
        ashlar_pfn first;
        found += ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK;
    }
    is_u(found, 0, "[fault 29] no two frames side by side in a comb");
    is_u(stats_of(pool).free_frames, 2048, "half is free all the same");
}

int main(void)
{
    for (unsigned order = 10; order <= ASHLAR_FRAMES_ORDER_MAX; order++) {
        if (order <= 15 || !ASHLAR_DEBUG || getenv("ASHLAR_LONG") != NULL) {
            test_orders(order);
        }
    }
    test_whole_ram();
    test_limits();
    test_comb();
    pool_drop();
    return done_testing();
}
