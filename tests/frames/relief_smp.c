/* SPDX-License-Identifier: 0BSD */
/* relief_smp.c - threads that are short of frames at once, and relievers that are short themselves.
 *
 * Two relievers take memory before they give some, and ask for relief in turn:
 * each could wait for the other, or for itself. There is a frame for each thread
 * in what they keep, and nowhere else.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "pool.h"

#include "base/wait.h"
#include "frames/obtain.h"
#include "schedule.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/frames.h>
#include <ashlar/port.h>

#define CPUS 2u
#define THREADS 6u
#define RELIEVERS 2u

struct keeper {
    struct ashlar_reliever reliever;
    ashlar_pfn kept[THREADS];
    unsigned count;
    unsigned inside;
};

static struct ashlar_frames *pool;

/* The machine is told of no frames here; the names are the linker's. */
ashlar_status __real_ashlar_frames_take(struct ashlar_frames *from, unsigned order, ashlar_pfn *first);
ashlar_status __wrap_ashlar_frames_take(struct ashlar_frames *from, unsigned order, ashlar_pfn *first);
void __real_ashlar_frames_give(struct ashlar_frames *to, ashlar_pfn first, unsigned order);
void __wrap_ashlar_frames_give(struct ashlar_frames *to, ashlar_pfn first, unsigned order);

ashlar_status __wrap_ashlar_frames_take(struct ashlar_frames *from, unsigned order, ashlar_pfn *first)
{
    return __real_ashlar_frames_take(from, order, first);
}

void __wrap_ashlar_frames_give(struct ashlar_frames *to, ashlar_pfn first, unsigned order)
{
    __real_ashlar_frames_give(to, first, order);
}

static struct {
    struct keeper keepers[RELIEVERS];
    uint64_t random;
    unsigned nested; /* relief that a reliever was given */
    const char *problem;
} relief;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&relief.random) >> 33) % bound;
}

static void take_time(void)
{
    for (unsigned turns = random_below(30); turns != 0; turns--) {
        sim_yield();
    }
}

static size_t relieve(void *context)
{
    struct keeper *keeper = context;
    ashlar_pfn frame;
    if (keeper->inside++ != 0) {
        relief.problem = "two threads in one reliever";
    }
    take_time();
    if (ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK) { /* for its own work */
        ashlar_frames_give(pool, frame, 0);
    } else {
        relief.nested += ashlar_frames_relieve(pool) != 0;
    }
    take_time();
    size_t given = keeper->count != 0;
    if (given != 0) {
        ashlar_frames_give(pool, keeper->kept[--keeper->count], 0);
    }
    take_time();
    keeper->inside--;
    return given;
}

static void thread_body(void *context)
{
    ashlar_status status;
    ashlar_pfn frame;
    (void)context;
    sim_sleep(random_below(60));
    FRAMES_OBTAIN(pool, status, ashlar_frames_take(pool, 0, &frame));
    if (status != ASHLAR_OK) {
        relief.problem = "no frames, while another thread's reliever gives some back";
    }
}

static unsigned priority_of(unsigned thread)
{
    return thread / CPUS;
}

static void answer(void)
{
}

static void make_pool(void)
{
    const struct run ram = {256, 256};
    const struct ashlar_frames_options options = {.max_cpus = CPUS};
    const struct ashlar_memmap *map = map_of(&ram, 1);
    size_t bytes = ashlar_frames_footprint_bytes(map, &options);
    pool_drop();
    pool_storage = storage_of(bytes);
    if (ashlar_frames_init(pool_storage, bytes, map, &options, &pool) != ASHLAR_OK) {
        abort();
    }
}

static void begin(uint64_t seed)
{
    ashlar_pfn frame;
    memset(&relief, 0, sizeof relief);
    relief.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    make_pool();
    for (unsigned i = 0; i < RELIEVERS; i++) {
        struct keeper *keeper = &relief.keepers[i];
        keeper->reliever = (struct ashlar_reliever){.relieve = relieve, .context = keeper, .takes_memory = 1};
        ashlar_frames_add_reliever(pool, &keeper->reliever);
        while (keeper->count < THREADS / RELIEVERS + 1u &&
               ashlar_frames_take(pool, 0, &keeper->kept[keeper->count]) == ASHLAR_OK) {
            keeper->count++;
        }
    }
    while (ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK) {
    }
}

static const char *run_seed(uint64_t seed, const struct ashlar_waiting *waiting)
{
    const struct sim_schedule_options schedule = {.seed = seed,
                                                  .threads = THREADS,
                                                  .priority_of = waiting == &sim_waiting_by_block ? priority_of : NULL,
                                                  .interrupt = answer};
    begin(seed);
    ashlar_wait_by(waiting);
    const char *why = sim_schedule(CPUS, thread_body, NULL, &schedule);
    ashlar_wait_by(NULL);
    return why != NULL ? why : relief.problem;
}

static bool run_seeds(const struct ashlar_waiting *waiting, unsigned long seeds)
{
    const char *one = getenv("ASHLAR_SEED");
    unsigned long first = one != NULL ? strtoul(one, NULL, 0) : 0;
    const char *why = NULL;
    seeds = one != NULL ? 1 : seeds;
    for (unsigned long seed = first; seed < first + seeds && why == NULL; seed++) {
        why = run_seed(seed, waiting);
        if (why != NULL) {
            printf("# seed %lu: %s\n", seed, why);
        }
    }
    return why == NULL;
}

int main(void)
{
    unsigned long seeds = tap_seeds(1000);
    ok(run_seeds(&sim_waiting_by_block, seeds),
       "[fault 107, 108] strict priorities: each gets a frame, and no reliever waits for another (%lu seeds)", seeds);
    ok(run_seeds(&sim_waiting_by_yield, seeds), "[fault 107] and equal ones, by yield (%lu seeds)", seeds);
    return done_testing();
}
