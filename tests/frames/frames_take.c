/* SPDX-License-Identifier: 0BSD */
/* frames_take.c - takes and gives, one promise after the other: limits, nodes, what is kept back, what is a caller's bug. */
#include "pool.h"

#include <ashlar/config.h>

static struct ashlar_frames *pool;

/* 0..158 | hole | 1..8 MiB | hole | 64..72 MiB and a bit: chunks that are whole, mixed, and none. */
static const struct run pc[] = {{1, 158}, {256, 7 * 256}, {64 * 256, 8 * 256 + 77}};
#define PC_FRAMES (158u + 7u * 256u + 8u * 256u + 77u)

static void sound(const char *when)
{
    is_str(ashlar_frames_audit(pool), NULL, when);
}

static const char *give_fatal(ashlar_pfn frame, unsigned order)
{
    return POOL_FATAL(pool, ashlar_frames_give(pool, frame, order));
}

/* The message names the frame and a caller. */
static void names(const char *message, ashlar_pfn frame, const char *what, const char *name)
{
    char text[64];
    snprintf(text, sizeof text, "frame 0x%lx,", (unsigned long)frame);
    like(message, what, name);
    like(message, text, "  it names the frame");
    like(message, "by 0x", "  and the caller");
}

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

static void test_shapes(void)
{
    const struct ashlar_frames_range range = {40, 1, 0, 0, 0};
    ashlar_pfn first;
    ashlar_pfn second = 0;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take(pool, 3, &first) == ASHLAR_OK, "eight frames");
    if (!ASHLAR_DEBUG) {
        ashlar_frames_note_mapped(pool, first);
        ashlar_frames_give(pool, first, 3);
        ok(true, "release builds do not watch mappings");
        return;
    }
    names(give_fatal(first, 2), first, "taken as order 3", "[fault 25] too small an order is fatal");
    ok(ashlar_frames_take(pool, 3, &second) == ASHLAR_OK && second == first + 8, "eight more");
    names(give_fatal(first, 4), first, "taken as order 3", "[fault 25] too large an order, too");
    names(give_fatal(first + 4, 2), first + 4, "within a larger", "[fault 25] and a part of a block");
    names(POOL_FATAL(pool, ashlar_frames_give_range(pool, first, 8)), first, "order 3",
          "[fault 25] a block is no range");
    ashlar_frames_note_mapped(pool, first + 5);
    ashlar_frames_note_mapped(pool, first + 5);
    ashlar_frames_note_unmapped(pool, first + 5);
    names(give_fatal(first, 3), first + 5, "mapped 1", "[fault 32] free while mapped is fatal");
    ashlar_frames_note_unmapped(pool, first + 5);
    ok(give_fatal(first, 3) == NULL, "unmapped, it can be given");
    ashlar_frames_note_mapped(pool, 0xfffff);
    ok(true, "what the pool does not manage is not watched");
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK, "a range");
    ashlar_frames_give_range(pool, first + 3, 30);
    ashlar_frames_give(pool, first, 0);
    ashlar_frames_give_range(pool, first + 1, 2);
    ashlar_frames_give_range(pool, first + 33, 7);
    sound("a range may be given back in parts, singly too");
    ok(ashlar_frames_take(pool, 4, &first) == ASHLAR_OK, "a block");
    ashlar_frames_note_range(pool, first, 16);
    ok(give_fatal(first, 4) == NULL, "that is noted as a range goes back as a block");
    ok(ashlar_frames_take(pool, 4, &first) == ASHLAR_OK, "another");
    ashlar_frames_note_range(pool, first, 16);
    ok(give_fatal(first + 1u, 0) == NULL && give_fatal(first, 0) == NULL && give_fatal(first + 2u, 1) == NULL,
       "or in parts");
    ashlar_frames_give_range(pool, first + 4u, 12);
    sound("sound after both");
}

static void test_many_mappings(void)
{
    ashlar_pfn frame;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK, "a frame mapped often");
    for (int i = 0; i < 20; i++) {
        ashlar_frames_note_mapped(pool, frame);
    }
    for (int i = 0; i < 20; i++) {
        ashlar_frames_note_unmapped(pool, frame);
    }
    ok(give_fatal(frame, 0) == NULL, "mapped and unmapped 20 times, it can be given");
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK && give_fatal(frame, 0) == NULL, "and taken and given again");
    sound("sound after many mappings");
}

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
    test_faults_of_callers();
    test_nothing_changes_before_a_fault();
    test_shapes();
    test_many_mappings();
    test_bad_requests();
    test_exhaustion(0);
    test_exhaustion(5);
    test_exhaustion(9);
    test_exhaustion(11);
    test_kept_and_promised();
    test_default_reserve();
    test_zones();
    test_nodes();
    test_fail_nth();
    test_states_and_stats();
    pool_drop();
    return done_testing();
}
