/* SPDX-License-Identifier: 0BSD */
/* frames_take.c - takes, one promise after the other: limits, zones, nodes, until nothing is left. */
#include "pc.h"

static void test_bad_requests(void)
{
    struct ashlar_frames_request request = {19, 0, ANY, 0};
    struct ashlar_frames_range range = {1, 3, 0, 0, 0};
    ashlar_pfn frame = 7;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take(pool, 19, &frame) == ASHLAR_BAD_ARGUMENT, "[fault 26] an order over the maximum is an error");
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_BAD_ARGUMENT, "[fault 26] in a request, too");
    request = (struct ashlar_frames_request){0, 0, ANY, 16};
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_BAD_ARGUMENT, "an unknown flag is an error");
    request = (struct ashlar_frames_request){0, 0, 256, 0};
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_BAD_ARGUMENT, "so is a node over all");
    ok(ashlar_frames_take_bulk(pool, &frame, 1, 16) == ASHLAR_BAD_ARGUMENT, "and in bulk");
    ok(ashlar_frames_take_range(pool, &range, &frame) == ASHLAR_BAD_ARGUMENT, "an alignment that is no power of two");
    range = (struct ashlar_frames_range){0, 1, 0, 0, 0};
    ok(ashlar_frames_take_range(pool, &range, &frame) == ASHLAR_BAD_ARGUMENT, "no frames");
    range = (struct ashlar_frames_range){9, 1, 8, 0, 0};
    ok(ashlar_frames_take_range(pool, &range, &frame) == ASHLAR_BAD_ARGUMENT, "more than lies between boundaries");
    range = (struct ashlar_frames_range){3, 1, 12, 0, 0};
    ok(ashlar_frames_take_range(pool, &range, &frame) == ASHLAR_BAD_ARGUMENT, "a boundary that is no power of two");
    range = (struct ashlar_frames_range){10000, 1, 0, 0, 0};
    ok(ashlar_frames_take_range(pool, &range, &frame) == ASHLAR_NO_FRAMES, "[fault 29] no contiguous run is an error");
    range = (struct ashlar_frames_range){1, 1, 0, 5000, 5000};
    ok(ashlar_frames_take_range(pool, &range, &frame) == ASHLAR_NO_FRAMES, "[fault 30] limits that exclude all");
    request = (struct ashlar_frames_request){0, 1, ANY, 0};
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_NO_FRAMES, "[fault 30] a limit below all RAM");
    request = (struct ashlar_frames_request){8, 256, ANY, 0};
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_NO_FRAMES, "[fault 30] no such block below 1 MiB");
    is_u(frame, 7, "none of them wrote its output");
    is_u(stats_of(pool).free_frames, PC_FRAMES, "none took anything");
    is_u(stats_of(pool).failures, 4, "four failures were counted");
    sound("sound after errors");
}

/* Every frame, by each way of taking; then all back. */
static void test_exhaustion(unsigned order)
{
    static ashlar_pfn got[PC_FRAMES];
    size_t count = 0;
    size_t frames = 0;
    ashlar_pfn frame = 3;
    pool = pool_of(pc, 3, 0);
    for (unsigned now = order + 1u; now-- != 0;) {
        while (take_last(pool, now, &got[count]) == ASHLAR_OK) {
            frames += (size_t)1 << now;
            got[count++] |= (ashlar_pfn)now << 24;
        }
    }
    is_u(frames, PC_FRAMES, "[fault 27] orders %u to 0 hand out every frame", order);
    ok(take_last(pool, 0, &frame) == ASHLAR_NO_FRAMES && frame == 3, "[fault 27] then one more is an error");
    sound("sound when empty");
    while (count-- != 0) {
        ashlar_frames_give(pool, got[count] & 0xffffff, (unsigned)(got[count] >> 24));
    }
    is_u(stats_of(pool).free_frames, PC_FRAMES, "[fault 27] and all can be given back");
    is_u(stats_of(pool).free_2mib_blocks, 3 + 4, "with every 2 MiB block whole again");
    sound("sound when full");
}

static void test_zones(void)
{
    static const struct run runs[] = {{1, 158}, {256, 4000}, {5000, 600}, {0xffe00, 0x200}, {0x100000, 0x300}};
    static ashlar_pfn got[8000];
    size_t total = 158 + 4000 + 600 + 0x200 + 0x300;
    pool = pool_of(runs, 5, 1);
    for (size_t i = 0; i < total - 1; i++) {
        if (ashlar_frames_take(pool, 0, &got[i]) != ASHLAR_OK) {
            break;
        }
    }
    static const ashlar_pfn starts[] = {0x100000, 4096, 256, 0};
    unsigned zone = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < total - 1; i++) {
        while (zone < 3 && got[i] < starts[zone]) {
            zone++;
        }
        wrong += zone != 0 && got[i] >= starts[zone - 1];
    }
    is_u(wrong, 0, "frames come from above 4 GiB, then 16 MiB, then 1 MiB, then from below");
    ok(got[total - 2] < 256 && zone == 3, "the last ones are the lowest");
    ashlar_frames_give(pool, got[0], 0);
    ashlar_pfn frame = 0;
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK && frame == got[0], "a better frame given back comes first");
    struct ashlar_frames_request low = {0, 256, ANY, ASHLAR_FRAMES_MAY_USE_RESERVE};
    ok(ashlar_frames_take_request(pool, &low, &frame) == ASHLAR_OK && frame < 256, "a limit is honoured");
    sound("sound after zones");
}

static void test_nodes(void)
{
    static const struct run boot = {512, 1024};
    struct ashlar_frames_request request = {0, 0, 3, ASHLAR_FRAMES_ONLY_NODE | ASHLAR_FRAMES_MAY_USE_RESERVE};
    size_t bytes = ashlar_frames_add_footprint_bytes(0x40000, 512);
    void *storage = storage_of(bytes);
    ashlar_pfn frame = 0;
    size_t count = 0;
    pool = pool_of(&boot, 1, 0);
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_NO_FRAMES,
       "a node that is not there, and no other");
    request.flags = ASHLAR_FRAMES_MAY_USE_RESERVE;
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_OK && frame < 2000, "or else another node");
    ok(ashlar_frames_add_memory(pool, 0x40000, 512, 3, storage, bytes) == ASHLAR_OK, "node 3 comes");
    request.node = 0;
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_OK && frame < 2000, "node 0 is preferred");
    request.node = 3;
    request.flags |= ASHLAR_FRAMES_ONLY_NODE;
    while (ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_OK) {
        count += frame >= 0x40000;
    }
    is_u(count, 512, "node 3 gives its 512 frames, and only those");
    request.order = 10;
    request.node = 0;
    ok(ashlar_frames_take_request(pool, &request, &frame) == ASHLAR_NO_FRAMES, "a block in a node that has none");
    sound("sound after nodes");
    pool_drop();
    free(storage);
}

/* Firmware scribbles below 1 MiB: the pool keeps that for those who ask for it by their limit. */
static void test_kept_low(void)
{
    static const struct run low_and_high[] = {{1, 158}, {256, 600}};
    struct ashlar_frames_request low = {0, 256, ANY, 0};
    struct ashlar_frames_range range = {.frames = 100, .limit_pfn = 256};
    ashlar_pfn frame = 0;
    ashlar_pfn first = 0;
    unsigned below_1mib = 0;
    unsigned taken = 0;
    pool_keeps_low = 1;
    pool = pool_of(low_and_high, 2, 1);
    pool_keeps_low = 0;
    ok(stats_of(pool).free_frames == 600 && stats_of(pool).low_frames == 158 && stats_of(pool).total_frames == 758,
       "[fault 204] what lies below 1 MiB is counted apart");
    while (take_last(pool, 0, &frame) == ASHLAR_OK) {
        below_1mib += frame < 256;
        taken++;
    }
    is_u(taken, 600, "[fault 204] everything else can be taken");
    is_u(below_1mib, 0, "[fault 204] none of it lies there");
    low.limit_pfn = 257;
    ok(ashlar_frames_take_request(pool, &low, &frame) == ASHLAR_NO_FRAMES,
       "[fault 204] nor does what has a higher limit");
    low.limit_pfn = 256;
    ok(ashlar_frames_take_request(pool, &low, &frame) == ASHLAR_OK && frame < 256,
       "[fault 204] who asks for it by its limit gets it, though nothing else is free");
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK && first + 100 <= 159, "[fault 204] ranges, too");
    is_u(stats_of(pool).low_frames, 57, "what is left of it");
    range.limit_pfn = 0;
    range.frames = 20;
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_NO_FRAMES, "[fault 204] no range without a limit");
    ashlar_frames_fail_nth(pool, 1, 0);
    ok(ashlar_frames_take_request(pool, &low, &first) == ASHLAR_NO_FRAMES, "a take that is made to fail");
    ashlar_frames_give(pool, frame, 0);
    is_u(stats_of(pool).low_frames, 58, "it comes back to where it was");
    is_u(stats_of(pool).free_frames, 0, "and nowhere else");
    is_str(ashlar_frames_audit(pool), NULL, "the pool is sound");
    pool->low_frames++;
    is_str(ashlar_frames_audit(pool), "frames: the count of free low frames is not that of the bitmap",
           "a count that is wrong is found");
    pool->low_frames--;
    const char *message = POOL_FATAL(pool, ashlar_frames_give(pool, frame, 0));
    like(message, "double free", "[fault 20] a low frame given twice");
}

int main(void)
{
    test_bad_requests();
    test_exhaustion(0);
    test_exhaustion(5);
    test_exhaustion(9);
    test_exhaustion(11);
    test_zones();
    test_nodes();
    pool_drop();
    test_kept_low();
    return done_testing();
}
