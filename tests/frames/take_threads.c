/* SPDX-License-Identifier: 0BSD */
/* take_threads.c - real threads as CPUs on one pool: no frame is with two of them, and none is lost. */
#include "pool.h"
#include "threads.h"

#define ROUNDS 20000u
#define FIRST 4096u
#define FRAMES 6000u

static struct ashlar_frames *pool;
static volatile uint32_t owner[FRAMES];
static volatile uint32_t clashes;

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

/* No CPU keeps frames for itself: those that have gone leave all of them to the one that is left. */
static void test_rest(void)
{
    static ashlar_pfn all[FRAMES];
    sim_set_cpu(0);
    is_u(ashlar_frames_take_bulk(pool, all, FRAMES, ASHLAR_FRAMES_MAY_USE_RESERVE), ASHLAR_OK,
         "[fault 104] one CPU can have every frame that others had");
    ashlar_frames_give_bulk(pool, all, FRAMES);
}

int main(void)
{
    pool = pool_at(FIRST, FRAMES);
    run_threads(work);
    is_u(clashes, 0, "no frame was with two CPUs");
    is_u(stats_of(pool).free_frames, FRAMES, "none was lost");
    test_rest();
    is_str(ashlar_frames_audit(pool), NULL, "sound");
    pool_drop();
    return done_testing();
}
