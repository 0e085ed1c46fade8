/* SPDX-License-Identifier: 0BSD */
/* obtain_smp.c - as many threads that are short of one frame each as a reliever has frames: all are served.
 *
 * The reliever gives more than one at times, and what one thread is given
 * another one may take. But there is one for each, in the reliever's hands or in the pool, at every moment: whoever
 * is told that there is none was told a falsehood.
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

#define CPUS 3u
#define THREADS 6u

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
    struct ashlar_reliever reliever;
    ashlar_pfn kept[THREADS];
    unsigned count;
    uint64_t random;
    const char *problem;
} obtain;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&obtain.random) >> 33) % bound;
}

static void take_time(void)
{
    for (unsigned turns = random_below(20); turns != 0; turns--) {
        sim_yield();
    }
}

static size_t relieve(void *context)
{
    (void)context;
    size_t given = 0;
    take_time();
    for (size_t wanted = 1u + random_below(3); given < wanted && obtain.count != 0; given++) {
        ashlar_frames_give(pool, obtain.kept[--obtain.count], 0);
    }
    take_time();
    return given;
}

static ashlar_status take_slowly(ashlar_pfn *frame)
{
    ashlar_status status = ashlar_frames_take(pool, 0, frame);
    take_time();
    return status;
}

static void thread_body(void *context)
{
    ashlar_status status;
    ashlar_pfn frame;
    (void)context;
    sim_sleep(random_below(60));
    FRAMES_OBTAIN(pool, status, take_slowly(&frame));
    if (status != ASHLAR_OK) {
        obtain.problem = "no frames, where there is one for each thread";
    }
}

static void answer(void)
{
}

static unsigned priority_of(unsigned thread)
{
    return thread / CPUS;
}

static void begin(uint64_t seed)
{
    const struct run ram = {256, 256};
    const struct ashlar_frames_options options = {.max_cpus = CPUS};
    const struct ashlar_memmap *map = map_of(&ram, 1);
    size_t bytes = ashlar_frames_footprint_bytes(map, &options);
    ashlar_pfn frame;
    memset(&obtain, 0, sizeof obtain);
    obtain.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    pool_drop();
    pool_storage = storage_of(bytes);
    if (ashlar_frames_init(pool_storage, bytes, map, &options, &pool) != ASHLAR_OK) {
        abort();
    }
    obtain.reliever = (struct ashlar_reliever){.relieve = relieve, .takes_memory = seed % 2u == 0};
    ashlar_frames_add_reliever(pool, &obtain.reliever);
    while (obtain.count < THREADS && ashlar_frames_take(pool, 0, &obtain.kept[obtain.count]) == ASHLAR_OK) {
        obtain.count++;
    }
    while (ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK) {
    }
}

static const char *run_seed(uint64_t seed, bool strict)
{
    const struct sim_schedule_options schedule = {.seed = seed,
                                                  .threads = THREADS,
                                                  .priority_of = strict ? priority_of : NULL,
                                                  .interrupt = answer};
    begin(seed);
    ashlar_wait_by(strict ? &sim_waiting_by_block : &sim_waiting_by_yield);
    const char *why = sim_schedule(CPUS, thread_body, NULL, &schedule);
    ashlar_wait_by(NULL);
    return why != NULL ? why : obtain.problem;
}

int main(void)
{
    const char *one = getenv("ASHLAR_SEED");
    unsigned long first = one != NULL ? strtoul(one, NULL, 0) : 0;
    unsigned long seeds = one != NULL ? 1 : tap_seeds(1000);
    const char *why = NULL;
    for (unsigned long seed = first; seed < first + seeds && why == NULL; seed++) {
        why = run_seed(seed, seed % 3u == 0);
        if (why != NULL) {
            printf("# seed %lu: %s\n", seed, why);
        }
    }
    ok(why == NULL, "[fault 165] every thread is served (%lu seeds)", seeds);
    return done_testing();
}
