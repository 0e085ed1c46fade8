/* SPDX-License-Identifier: 0BSD */
/* model.c - random sequences of every operation against a byte for each frame.
 *
 * What succeeds is checked against the model frame by frame; what fails is
 * looked for in the model by brute force: an error where there was a place is
 * as wrong as a frame handed out twice. The pool is filled and emptied in
 * turns, and audited as it goes. A failure prints its seed.
 */
#include "frames/regions.h"
#include "pool.h"

#define END ((ashlar_pfn)0x104000) /* of all layouts: 64 MiB above 4 GiB */
#define HELD_MAX 3000u
#define BULK_MAX 700u

struct layout {
    const char *name;
    struct run runs[6];
    unsigned run_count;
    struct run extra[4]; /* added one after the other */
    unsigned extra_count;
    size_t kept;
    bool keeps_low; /* below 1 MiB, for requests with such a limit */
};

static const struct layout layouts[] = {
    {"one chunk and a bit", {{1, 600}}, 1, {{601, 100}, {701, 323}}, 2, 0, false},
    {"a PC's low memory", {{1, 158}, {256, 3840}, {4096, 4099}}, 3, {{0x3000, 1024}, {159, 1}}, 2, 40, false},
    {"holes in chunks",
     {{3, 61}, {65, 63}, {500, 30}, {1025, 1000}, {3000, 2000}, {8000, 517}},
     6,
     {{5001, 2999}, {64, 1}, {530, 495}, {2025, 900}},
     4,
     7,
     false},
    {"both sides of 4 GiB",
     {{0xfe001, 0x1fff}, {0x100000, 0x1234}},
     2,
     {{0x101234, 0x1000}, {0xe0000, 777}},
     2,
     100,
     false},
    {"above 4 GiB alone", {{0x100003, 0x2100}}, 1, {{5, 300}, {0x103000, 1024}}, 2, 1, false},
    {"nodes", {{512, 2048}}, 1, {{0x8000, 2048}, {0x10000, 1500}}, 2, 0, false},
    {"a single word", {{64, 32}}, 1, {{96, 32}, {128, 1}}, 2, 0, false},
    {"a PC's low memory, kept", {{1, 158}, {256, 3840}, {4096, 4099}}, 3, {{0x3000, 1024}, {159, 1}}, 2, 40, true},
    {"one chunk, across 1 MiB, kept", {{1, 600}}, 1, {{601, 100}, {701, 323}}, 2, 0, true},
    {"low memory comes later, kept", {{0x100003, 0x2100}}, 1, {{5, 300}, {0x103000, 1024}}, 2, 1, true},
};

enum { ABSENT, FREE, TAKEN };

struct held {
    ashlar_pfn first;
    size_t frames;
    int order; /* -1: a range */
};

static uint8_t model[END];
static struct held held[HELD_MAX];
static unsigned held_count;
static struct run known[16]; /* runs of RAM */
static unsigned known_count;
static size_t free_frames; /* but for */
static size_t low_frames;  /* which are kept for low requests */
static size_t promised;
static struct ashlar_frames *pool;
static const struct layout *layout;
static uint64_t seed;
static unsigned added;
static void *extra_storage[4];
static const char *broken;

static uint64_t below(uint64_t limit)
{
    return tap_random(&seed) % limit;
}

static void fault(const char *what)
{
    if (broken == NULL) {
        broken = what;
    }
}

static bool is_kept(ashlar_pfn frame)
{
    return layout->keeps_low && frame < 256;
}

/* So many more of them are free; fewer, if they are taken. */
static void count_model(ashlar_pfn first, size_t frames, bool are_free)
{
    for (size_t i = 0; i < frames; i++) {
        *(is_kept(first + i) ? &low_frames : &free_frames) += are_free ? 1u : ~(size_t)0;
    }
}

static void model_add(struct run run)
{
    known[known_count++] = run;
    memset(model + run.first, FREE, run.frames);
    count_model(run.first, run.frames, true);
}

/* --- what the model says ---------------------------------------------------- */

static bool all_free(ashlar_pfn first, size_t frames)
{
    for (size_t i = 0; i < frames; i++) {
        if (first + i >= END || model[first + i] != FREE) {
            return false;
        }
    }
    return true;
}

static bool meets(const struct need *need, ashlar_pfn first)
{
    ashlar_pfn last = first + need->frames - 1u;
    if (is_kept(first) && need->limit_pfn > 256) {
        return false;
    }
    if (first % need->align_frames != 0 || first < need->from_pfn || last >= need->limit_pfn) {
        return false;
    }
    if (need->boundary_frames != 0 && first / need->boundary_frames != last / need->boundary_frames) {
        return false;
    }
    for (ashlar_pfn frame = first; need->node != ANY && frame <= last; frame++) {
        if (region_of(pool, frame) == NULL || region_of(pool, frame)->node != need->node) {
            return false;
        }
    }
    return true;
}

static bool exists(const struct need *need)
{
    for (unsigned i = 0; i < known_count; i++) {
        for (ashlar_pfn first = known[i].first; first < known[i].first + known[i].frames; first++) {
            if (model[first] == FREE && meets(need, first) && all_free(first, need->frames)) {
                return true;
            }
        }
    }
    return false;
}

static bool admitted_low(size_t frames, unsigned flags)
{
    return (flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0 || low_frames >= frames;
}

static bool admitted(size_t frames, unsigned flags)
{
    if ((flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
        return true;
    }
    size_t back = promised + ((flags & ASHLAR_FRAMES_MAY_USE_RESERVE) != 0 ? 0 : stats_of(pool).kept_frames);
    return free_frames >= back + frames;
}

/* Blocks of up to a chunk lie in the highest zone that has one; asked of single frames only. */
static bool is_highest_zone(ashlar_pfn frame, const struct need *need)
{
    static const ashlar_pfn starts[] = {0x100000, 4096, 256};
    struct need above = *need;
    for (unsigned i = 0; i < 3; i++) {
        if (frame >= starts[i]) {
            return true;
        }
        above.from_pfn = starts[i];
        if (exists(&above)) {
            return false;
        }
    }
    return true;
}

static void hold(ashlar_pfn first, size_t frames, int order)
{
    if (!all_free(first, frames)) {
        fault("frames handed out that were not free");
        return;
    }
    memset(model + first, TAKEN, frames);
    count_model(first, frames, false);
    held[held_count++] = (struct held){first, frames, order};
}

/* --- operations ------------------------------------------------------------- */

static void judge(ashlar_status status, const struct need *need, unsigned flags, ashlar_pfn first, int order)
{
    bool is_low = layout->keeps_low && need->limit_pfn <= 256;
    bool may = is_low ? admitted_low(need->frames, flags) : admitted(need->frames, flags);
    if (status == ASHLAR_OK) {
        if (!meets(need, first)) {
            fault("a block that does not meet the request");
        }
        if (!may) {
            fault("frames that were kept back or promised");
        }
        hold(first, need->frames, order);
        if ((flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
            promised -= need->frames;
        }
    } else if (status != ASHLAR_NO_FRAMES) {
        fault("an odd status");
    } else if (may && exists(need)) {
        fault("an error where there was a place");
    } else if (first != 12345) {
        fault("a failure that wrote its output");
    }
}

static unsigned some_order(void)
{
    return below(3) != 0 ? (unsigned)below(4) : (unsigned)below(ASHLAR_FRAMES_ORDER_MAX + 1u);
}

static void op_take(void)
{
    unsigned order = some_order();
    ashlar_pfn first = 12345;
    const struct need need = {(size_t)1 << order, (size_t)1 << order, 0, 0, END, ANY};
    ashlar_status status = ashlar_frames_take(pool, order, &first);
    judge(status, &need, 0, first, (int)order);
    if (order == 0 && first != 12345 && below(16) == 0 && !is_highest_zone(first, &need)) {
        fault("low memory taken while there was other");
    }
}

static void op_take_request(void)
{
    static const unsigned nodes[] = {ANY, ANY, 0, 1, 2};
    struct ashlar_frames_request request = {some_order(), 0, nodes[below(5)], (unsigned)below(8)};
    ashlar_pfn first = 12345;
    size_t frames = (size_t)1 << request.order;
    if (below(2) != 0) {
        const struct run *run = &known[below(known_count)];
        request.limit_pfn = run->first + (ashlar_pfn)below(run->frames + 2u);
    }
    if (promised >= frames && below(2) != 0) {
        request.flags |= ASHLAR_FRAMES_FROM_RESERVATION;
    }
    bool only = (request.flags & ASHLAR_FRAMES_ONLY_NODE) != 0;
    ashlar_pfn limit = request.limit_pfn == 0 ? END : request.limit_pfn;
    struct need need = {frames, frames, 0, 0, limit, only ? request.node : ANY};
    struct need wanted = need;
    wanted.node = request.node;
    bool preferred = !only && request.node != ANY && exists(&wanted);
    ashlar_status status = ashlar_frames_take_request(pool, &request, &first);
    if (status == ASHLAR_OK && preferred && !meets(&wanted, first)) {
        fault("another node than the preferred one");
    }
    judge(status, &need, request.flags, first, (int)request.order);
}

static void op_take_range(void)
{
    struct ashlar_frames_range range = {1u + (size_t)below(below(4) == 0 ? 2500 : 90), (size_t)1 << below(12), 0, 0, 0};
    ashlar_pfn first = 12345;
    if (below(4) == 0) {
        range.align_frames = 0;
    }
    while (below(3) == 0) {
        range.boundary_frames = (size_t)1 << below(13);
    }
    if (range.boundary_frames != 0 && range.boundary_frames < range.frames) {
        range.boundary_frames = 0;
    }
    const struct run *run = &known[below(known_count)];
    if (below(3) == 0) {
        range.from_pfn = run->first + (ashlar_pfn)below(run->frames);
    }
    if (below(3) == 0) {
        range.limit_pfn = run->first + (ashlar_pfn)below(run->frames + 2u);
    }
    const struct need need = {range.frames,
                              range.align_frames == 0 ? 1 : range.align_frames,
                              range.boundary_frames,
                              range.from_pfn,
                              range.limit_pfn == 0 || range.limit_pfn > END ? END : range.limit_pfn,
                              ANY};
    ashlar_status status = ashlar_frames_take_range(pool, &range, &first);
    judge(status, &need, 0, first, -1);
}

static void op_take_bulk(void)
{
    static ashlar_pfn frames[BULK_MAX];
    size_t count = (size_t)below(below(3) == 0 ? BULK_MAX : 40);
    unsigned flags = below(4) == 0 ? ASHLAR_FRAMES_MAY_USE_RESERVE : 0;
    if (held_count + count > HELD_MAX) {
        return;
    }
    if (promised >= count && below(2) != 0) {
        flags |= ASHLAR_FRAMES_FROM_RESERVATION;
    }
    bool may = admitted(count, flags);
    ashlar_status status = ashlar_frames_take_bulk(pool, frames, count, flags);
    if ((status == ASHLAR_OK) != may) {
        fault("bulk decides otherwise than the count of free frames");
    }
    for (size_t i = 0; status == ASHLAR_OK && i < count; i++) {
        hold(frames[i], 1, 0);
    }
    if (status == ASHLAR_OK && (flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
        promised -= count;
    }
}

static void let_go(unsigned index)
{
    memset(model + held[index].first, FREE, held[index].frames);
    count_model(held[index].first, held[index].frames, true);
    held[index] = held[--held_count];
}

/* A part of a range: at its lower end, its upper end, or from its middle. */
static void give_part(unsigned index)
{
    struct held *range = &held[index];
    size_t skip = (size_t)below(range->frames);
    size_t count = 1u + (size_t)below(range->frames - skip);
    size_t rest = range->frames - skip - count;
    ashlar_pfn first = range->first + skip;
    ashlar_frames_give_range(pool, first, count);
    memset(model + first, FREE, count);
    count_model(first, count, true);
    range->frames = skip;
    if (rest != 0 && skip != 0 && held_count < HELD_MAX) {
        held[held_count++] = (struct held){first + count, rest, -1};
    } else if (rest != 0) {
        ashlar_frames_give_range(pool, first + count, rest);
        memset(model + first + count, FREE, rest);
        count_model(first + count, rest, true);
    }
    if (skip == 0) {
        *range = held[--held_count];
    }
}

static void op_give(void)
{
    if (held_count == 0) {
        return;
    }
    unsigned index = (unsigned)below(held_count);
    if (held[index].order >= 0) {
        ashlar_frames_give(pool, held[index].first, (unsigned)held[index].order);
        let_go(index);
    } else if (held[index].frames > 1 && below(2) == 0) {
        give_part(index);
    } else {
        ashlar_frames_give_range(pool, held[index].first, held[index].frames);
        let_go(index);
    }
}

static void op_give_bulk(void)
{
    ashlar_pfn frames[64];
    size_t count = 0;
    for (unsigned i = 0; i < 64 && held_count != 0; i++) {
        unsigned index = (unsigned)below(held_count);
        if (held[index].order == 0) {
            frames[count++] = held[index].first;
            let_go(index);
        }
    }
    ashlar_frames_give_bulk(pool, frames, count);
}

static void op_reserve(void)
{
    size_t count = (size_t)below(200);
    if (below(2) == 0 && promised != 0) {
        count = 1u + (size_t)below(promised);
        ashlar_frames_unreserve(pool, count);
        promised -= count;
        return;
    }
    bool may = admitted(count, 0);
    if ((ashlar_frames_reserve(pool, count) == ASHLAR_OK) != may) {
        fault("reserve decides otherwise than the count of free frames");
    }
    promised += may ? count : 0;
}

static void op_add(void)
{
    if (added == layout->extra_count || below(100) != 0) {
        return;
    }
    struct run run = layout->extra[added];
    size_t bytes = ashlar_frames_add_footprint_bytes(run.first, run.frames);
    extra_storage[added] = storage_of(bytes);
    if (ashlar_frames_add_memory(pool, run.first, run.frames, added + 1u, extra_storage[added], bytes) != ASHLAR_OK) {
        fault("memory cannot be added");
    }
    model_add(run);
    added++;
}

/* A take that is made to fail leaves all as it was. */
static void op_fail(void)
{
    ashlar_pfn first = 12345;
    unsigned order = some_order();
    if (below(20) != 0) {
        return;
    }
    ashlar_frames_fail_nth(pool, 1, 0);
    if (ashlar_frames_take(pool, order, &first) != ASHLAR_NO_FRAMES || first != 12345) {
        fault("a take that was to fail did not");
    }
}

/* --- the run ---------------------------------------------------------------- */

static void check(bool deep)
{
    struct ashlar_frames_stats stats = stats_of(pool);
    size_t blocks = 0;
    const char *audit = ashlar_frames_audit(pool);
    if (audit != NULL) {
        fault(audit);
    }
    if (stats.free_frames != free_frames || stats.low_frames != low_frames || stats.reserved_frames != promised) {
        fault("the counts are not the model's");
    }
    for (unsigned i = 0; deep && i < known_count; i++) {
        ashlar_pfn end = known[i].first + known[i].frames;
        for (ashlar_pfn frame = known[i].first; frame < end; frame++) {
            static const ashlar_frame_state states[] = {ASHLAR_FRAME_FOREIGN, ASHLAR_FRAME_FREE, ASHLAR_FRAME_TAKEN};
            blocks += frame % 512 == 0 && all_free(frame, 512);
            if (ashlar_frames_state(pool, frame) != states[model[frame]]) {
                fault("a frame's state is not the model's");
            }
        }
    }
    if (deep && stats.free_2mib_blocks != blocks) {
        fault("the count of free 2 MiB blocks is not the model's");
    }
}

static void step(bool filling)
{
    static void (*const takes[])(void) = {op_take, op_take, op_take_request, op_take_range, op_take_bulk};
    static void (*const gives[])(void) = {op_give, op_give, op_give_bulk};
    if (below(10) < (filling ? 7u : 3u)) {
        if (held_count < HELD_MAX - 1u) {
            takes[below(5)]();
        }
    } else {
        gives[below(3)]();
    }
    if (below(8) == 0) {
        op_reserve();
        op_add();
        op_fail();
    }
}

static void empty_all(void)
{
    while (held_count != 0) {
        op_give();
    }
    ashlar_frames_unreserve(pool, promised);
    promised = 0;
    check(true);
    if (stats_of(pool).free_frames + stats_of(pool).low_frames != stats_of(pool).total_frames) {
        fault("frames were lost");
    }
}

static void run_seed(uint64_t first_seed, unsigned steps)
{
    seed = first_seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    layout = &layouts[first_seed % (sizeof layouts / sizeof layouts[0])];
    memset(model, ABSENT, sizeof model);
    known_count = 0;
    free_frames = 0;
    low_frames = 0;
    added = 0;
    pool_keeps_low = layout->keeps_low;
    pool = pool_of(layout->runs, layout->run_count, layout->kept);
    for (unsigned i = 0; i < layout->run_count; i++) {
        model_add(layout->runs[i]);
    }
    for (unsigned i = 0; broken == NULL && i < steps; i++) {
        step(i / 150 % 2 == 0);
        if (i % 7 == 0) {
            check(i % 140 == 0);
        }
    }
    if (broken == NULL) {
        empty_all();
    }
    for (unsigned i = 0; i < added; i++) {
        free(extra_storage[i]);
    }
}

int main(void)
{
    unsigned long seeds = tap_seeds(42);
    unsigned long i = 0;
    for (i = 0; i < seeds && broken == NULL; i++) {
        run_seed(i, 900);
    }
    if (broken != NULL) {
        printf("# seed %lu, %s: %s\n", i - 1, layout->name, broken);
    }
    ok(broken == NULL, "%lu random sequences agree with the model", seeds);
    pool_drop();
    return done_testing();
}
