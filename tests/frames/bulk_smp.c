/* SPDX-License-Identifier: 0BSD */
/* bulk_smp.c - several CPUs take many frames at once, in pieces: each frame has one holder, promises are kept, and what fails
 * leaves nothing behind, whatever comes in between.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "pool.h"

#include "schedule.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/frames.h>

#define CPUS 4u
#define FIRST 4096u
#define FRAMES 700u
#define MOST 450u
#define ROUNDS 12u

static struct ashlar_frames *pool;

/* The machine is told of no frames here; the names are the linker's. */
ashlar_status __real_ashlar_frames_take_bulk(struct ashlar_frames *from, ashlar_pfn *frames, size_t count,
                                             unsigned flags);
ashlar_status __wrap_ashlar_frames_take_bulk(struct ashlar_frames *from, ashlar_pfn *frames, size_t count,
                                             unsigned flags);
void __real_ashlar_frames_give_bulk(struct ashlar_frames *to, const ashlar_pfn *frames, size_t count);
void __wrap_ashlar_frames_give_bulk(struct ashlar_frames *to, const ashlar_pfn *frames, size_t count);

ashlar_status __wrap_ashlar_frames_take_bulk(struct ashlar_frames *from, ashlar_pfn *frames, size_t count,
                                             unsigned flags)
{
    return __real_ashlar_frames_take_bulk(from, frames, count, flags);
}

void __wrap_ashlar_frames_give_bulk(struct ashlar_frames *to, const ashlar_pfn *frames, size_t count)
{
    __real_ashlar_frames_give_bulk(to, frames, count);
}

static struct {
    uint8_t held[FRAMES];
    ashlar_pfn frames[CPUS][MOST];
    uint64_t random;
    unsigned long taken, refused;
    const char *problem;
} bulk;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&bulk.random) >> 33) % bound;
}

static void note_held(const ashlar_pfn *frames, size_t count, uint8_t before)
{
    for (size_t i = 0; i < count; i++) {
        if (frames[i] - FIRST >= FRAMES || bulk.held[frames[i] - FIRST] != before) {
            bulk.problem = before == 0 ? "a frame has two holders" : "a frame has none";
            return;
        }
        bulk.held[frames[i] - FIRST] = (uint8_t)(1u - before);
    }
}

static ashlar_status take_many(ashlar_pfn *frames, size_t count)
{
    if (random_below(3) != 0) {
        return ashlar_frames_take_bulk(pool, frames, count, random_below(2) * ASHLAR_FRAMES_MAY_USE_RESERVE);
    }
    ashlar_status status = ashlar_frames_reserve(pool, count);
    if (status == ASHLAR_OK) {
        sim_sleep(random_below(20));
        status = ashlar_frames_take_bulk(pool, frames, count, ASHLAR_FRAMES_FROM_RESERVATION);
        if (status != ASHLAR_OK) {
            bulk.problem = "what was promised was not there";
        }
    }
    return status;
}

static void bulk_body(void *context)
{
    ashlar_pfn *frames = bulk.frames[ashlar_port_cpu()];
    (void)context;
    for (unsigned i = 0; i < ROUNDS && bulk.problem == NULL; i++) {
        size_t count = 1u + random_below(MOST);
        if (take_many(frames, count) != ASHLAR_OK) {
            bulk.refused++;
        } else {
            bulk.taken++;
            note_held(frames, count, 0);
            sim_sleep(random_below(20));
            note_held(frames, count, 1);
            ashlar_frames_give_bulk(pool, frames, count);
        }
        sim_progress();
    }
}

static void answer(void)
{
}

static const char *run_seed(uint64_t seed)
{
    const struct sim_schedule_options schedule = {.seed = seed, .interrupt = answer};
    unsigned long taken = bulk.taken, refused = bulk.refused;
    memset(&bulk, 0, sizeof bulk);
    bulk.taken = taken;
    bulk.refused = refused;
    bulk.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    pool = pool_at(FIRST, FRAMES);
    const char *why = sim_schedule(CPUS, bulk_body, NULL, &schedule);
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(pool, &stats);
    why = why != NULL ? why : bulk.problem;
    why = why != NULL ? why : ashlar_frames_audit(pool);
    return why != NULL || (stats.free_frames == FRAMES && stats.reserved_frames == 0) ? why : "frames are lost";
}

int main(void)
{
    const char *one = getenv("ASHLAR_SEED");
    unsigned long first = one != NULL ? strtoul(one, NULL, 0) : 0;
    unsigned long seeds = one != NULL ? 1 : tap_seeds(200);
    const char *why = NULL;
    for (unsigned long seed = first; seed < first + seeds && why == NULL; seed++) {
        why = run_seed(seed);
        if (why != NULL) {
            printf("# seed %lu: %s\n", seed, why);
        }
    }
    ok(why == NULL, "[fault 175] each frame has one holder, and promises are kept (%lu seeds)", seeds);
    ok(one != NULL || (bulk.taken != 0 && bulk.refused != 0), "%lu were taken, %lu refused", bulk.taken, bulk.refused);
    pool_drop();
    return done_testing();
}
