/* SPDX-License-Identifier: 0BSD */
/* take_threads.c - real threads as CPUs on one pool: no frame is with two of them, and none is lost. Blocks, ranges, frames
 * out of a promise; notes and questions beside them; and the pool grows meanwhile.
 */
#include "pool.h"
#include "threads.h"

#define ROUNDS 20000u
#define FIRST 4096u
#define FRAMES 6000u
#define MORE_FRAMES 2000u /* added later, behind the others */
#define PROMISED 8u

static struct ashlar_frames *pool;
static volatile uint32_t owner[FRAMES + MORE_FRAMES];
static volatile uint32_t clashes, untrue;
static void *more_storage;

static void own(ashlar_pfn first, size_t frames, uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < frames; i++) {
        uint32_t expected = from;
        if (!__atomic_compare_exchange_n(&owner[first - FIRST + i], &expected, to, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED)) {
            __atomic_fetch_add(&clashes, 1, __ATOMIC_RELAXED);
        }
    }
}

static void *work(void *argument)
{
    uint32_t me = (uint32_t)(uintptr_t)argument + 1u;
    uint64_t seed = me * 77u;
    sim_set_cpu(me - 1u);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned order = (unsigned)(tap_random(&seed) % 10u);
        ashlar_pfn first;
        if (take_last(pool, order, &first) != ASHLAR_OK) {
            continue;
        }
        own(first, (size_t)1 << order, 0, me);
        own(first, (size_t)1 << order, me, 0);
        ashlar_frames_give(pool, first, order);
    }
    return NULL;
}

/* --- all that a pool can be asked for ------------------------------------------------- */

static void expect(bool is_true)
{
    if (!is_true) {
        __atomic_fetch_add(&untrue, 1, __ATOMIC_RELAXED);
    }
}

/* Mapped somewhere, meanwhile. */
static void use_frame(ashlar_pfn frame, uint32_t me)
{
    own(frame, 1, 0, me);
    ashlar_frames_note_mapped(pool, frame);
    expect(ashlar_frames_state(pool, frame) == ASHLAR_FRAME_TAKEN);
    ashlar_frames_note_unmapped(pool, frame);
    own(frame, 1, me, 0);
}

static void use_range(uint64_t random, uint32_t me)
{
    const struct ashlar_frames_range range = {.frames = 1u + (size_t)(random % 200u),
                                              .align_frames = (size_t)1 << random / 256u % 5u};
    ashlar_pfn first;
    if (ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK) {
        own(first, range.frames, 0, me);
        own(first, range.frames, me, 0);
        size_t part = (size_t)(random / 8192u) % range.frames; /* in two parts, as often as not */
        if (part != 0) {
            ashlar_frames_give_range(pool, first, part);
        }
        ashlar_frames_give_range(pool, first + part, range.frames - part);
    }
}

/* Of a block one half goes back before the other. */
static void use_halves(uint32_t me)
{
    ashlar_pfn first;
    if (ashlar_frames_take(pool, 4, &first) == ASHLAR_OK) {
        ashlar_frames_note_range(pool, first, 16);
        own(first, 16, 0, me);
        own(first, 16, me, 0);
        ashlar_frames_give_range(pool, first + 8u, 8);
        ashlar_frames_give_range(pool, first, 8);
    }
}

/* What was promised is there, whoever takes beside. */
static void use_promise(uint32_t me)
{
    const struct ashlar_frames_request promised = {0, 0, ANY, ASHLAR_FRAMES_FROM_RESERVATION};
    ashlar_pfn frames[PROMISED];
    if (ashlar_frames_reserve(pool, PROMISED) != ASHLAR_OK) {
        return;
    }
    expect(ashlar_frames_take_request(pool, &promised, &frames[0]) == ASHLAR_OK);
    expect(ashlar_frames_take_bulk(pool, &frames[1], PROMISED / 2u, ASHLAR_FRAMES_FROM_RESERVATION) == ASHLAR_OK);
    ashlar_frames_unreserve(pool, PROMISED - 1u - PROMISED / 2u);
    for (unsigned i = 0; i <= PROMISED / 2u; i++) {
        use_frame(frames[i], me);
    }
    ashlar_frames_give_bulk(pool, frames, 1u + PROMISED / 2u);
}

static void ask(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(pool, &stats);
    expect(stats.free_frames <= stats.total_frames && stats.reserved_frames <= THREADS * PROMISED);
    expect(ashlar_frames_state(pool, FIRST + FRAMES + MORE_FRAMES) == ASHLAR_FRAME_FOREIGN);
    expect(ashlar_frames_audit(pool) == NULL);
    (void)ashlar_frames_is_short(pool);
}

static void *work_at_all(void *argument)
{
    uint32_t me = (uint32_t)(uintptr_t)argument + 1u;
    uint64_t seed = me * 99u;
    sim_set_cpu(me - 1u);
    for (unsigned round = 0; round < ROUNDS / 4u; round++) {
        uint64_t random = tap_random(&seed) >> 8;
        if (me == 1u && round == ROUNDS / 16u) {
            size_t bytes = ashlar_frames_add_footprint_bytes(FIRST + FRAMES, MORE_FRAMES);
            expect(ashlar_frames_add_memory(pool, FIRST + FRAMES, MORE_FRAMES, 0, more_storage, bytes) == ASHLAR_OK);
        }
        switch (random % 4u) {
        case 0:
            use_range(random / 4u, me);
            break;
        case 1:
            use_halves(me);
            break;
        case 2:
            use_promise(me);
            break;
        default:
            if (round % 16u == 0) {
                ask();
            }
        }
    }
    return NULL;
}

static void test_all(void)
{
    more_storage = storage_of(ashlar_frames_add_footprint_bytes(FIRST + FRAMES, MORE_FRAMES));
    run_threads(work_at_all);
    is_u(clashes + untrue, 0,
         "[fault 174] whatever CPUs ask of a pool at once: no frame is with two, and what was promised is there");
    is_u(stats_of(pool).free_frames, FRAMES + MORE_FRAMES, "none was lost, of those that came meanwhile, too");
    is_u(stats_of(pool).reserved_frames, 0, "and no promise is left");
}

/* No CPU keeps frames for itself: those that have gone leave all of them to the one that is left. */
static void test_rest(void)
{
    static ashlar_pfn all[FRAMES + MORE_FRAMES];
    sim_set_cpu(0);
    is_u(ashlar_frames_take_bulk(pool, all, FRAMES + MORE_FRAMES, ASHLAR_FRAMES_MAY_USE_RESERVE), ASHLAR_OK,
         "[fault 104] one CPU can have every frame that others had");
    ashlar_frames_give_bulk(pool, all, FRAMES + MORE_FRAMES);
}

int main(void)
{
    pool = pool_at(FIRST, FRAMES);
    run_threads(work);
    is_u(clashes, 0, "no frame was with two CPUs");
    is_u(stats_of(pool).free_frames, FRAMES, "none was lost");
    test_all();
    test_rest();
    is_str(ashlar_frames_audit(pool), NULL, "sound");
    pool_drop();
    free(more_storage);
    return done_testing();
}
