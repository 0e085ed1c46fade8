/* SPDX-License-Identifier: 0BSD */
/* waiting_smp.c - a heap under threads of strict priorities that preempt each other: who grows it may be switched away
 * in the middle of it, by one that wants to grow it, too.
 *
 * The port does what port.h asks, and no more: pin keeps other threads from the
 * CPU, block compares and queues in one step. The heap's source takes its time, and
 * has too little for all; what is kept aside comes back by a reclaimer that takes
 * its time as well, and asks for memory itself.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "schedule.h"
#include "source.h"

#include <ashlar/heap.h>
#include <ashlar/port.h>

#define CPUS 2u
#define THREADS 6u
#define ROUNDS 12u
#define SLOTS 4u
#define LONG_BYTES 200000u
#define HOARD 8u
#define HOARD_BYTES 100000u
#define RANGE_PAGES 2048u

static struct ashlar_heap *heap;
static struct test_source test;

static struct {
    uint64_t random;
    void *hoard[HOARD];
    unsigned hoarded;
    unsigned reclaiming;
    unsigned nested_given;
    const char *problem;
} run;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&run.random) >> 33) % bound;
}

static void take_time(void)
{
    for (unsigned turns = random_below(40); turns != 0; turns--) {
        sim_yield();
    }
}

static ashlar_status slow_commit(void *context, size_t first, size_t pages)
{
    take_time();
    ashlar_status status = source_commit(context, first, pages);
    take_time();
    return status;
}

static void slow_decommit(void *context, size_t first, size_t pages)
{
    take_time();
    source_decommit(context, first, pages);
    take_time();
}

/* --- threads that grow and shrink -------------------------------------------------------- */

struct block {
    unsigned char *memory;
    size_t bytes;
};

static void check_and_free(struct block *block, unsigned me)
{
    if (block->memory[0] != me || block->memory[block->bytes - 1u] != me) {
        run.problem = "a block has two holders";
    }
    ashlar_heap_free(heap, block->memory);
    block->memory = NULL;
}

static void fill(struct block *block, unsigned me)
{
    block->bytes = random_below(3) == 0 ? LONG_BYTES : 16u + random_below(2000);
    block->memory = ashlar_heap_alloc(heap, block->bytes, 0);
    if (block->memory == NULL) {
        run.problem = "no memory, where there is enough for all";
        return;
    }
    block->memory[0] = block->memory[block->bytes - 1u] = (unsigned char)me;
}

static void growing_body(void *context)
{
    struct block blocks[SLOTS] = {{NULL, 0}};
    unsigned me = sim_thread() + 1u;
    (void)context;
    for (unsigned i = 0; i < ROUNDS && run.problem == NULL; i++) {
        struct block *block = &blocks[random_below(SLOTS)];
        if (block->memory != NULL) {
            check_and_free(block, me);
        } else {
            fill(block, me);
        }
        if (random_below(4) == 0) {
            (void)ashlar_heap_work(heap);
        } else if (random_below(6) == 0) {
            (void)ashlar_heap_shrink(heap, 0);
        }
        sim_progress();
        sim_sleep(random_below(100));
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (blocks[i].memory != NULL) {
            check_and_free(&blocks[i], me);
        }
    }
}

/* --- threads that are short at once -------------------------------------------------------- */

/* One at a time; asks for more than there can be, and must be told so. */
static int give_hoard(void *context, size_t bytes)
{
    int given = 0;
    (void)context;
    (void)bytes;
    if (run.reclaiming++ != 0) {
        run.problem = "two threads in the reclaimer";
    }
    take_time();
    run.nested_given += ashlar_heap_alloc(heap, (size_t)RANGE_PAGES * 4096u, 0) != NULL;
    if (run.hoarded != 0) {
        void *object = run.hoard[--run.hoarded];
        take_time();
        ashlar_heap_free(heap, object);
        given = 1;
    }
    take_time();
    run.reclaiming--;
    return given;
}

/* There is one for each of them. */
static void short_body(void *context)
{
    (void)context;
    sim_sleep(random_below(100));
    void *block = ashlar_heap_alloc(heap, HOARD_BYTES, 0);
    if (block == NULL) {
        run.problem = "no memory, while another thread's reclaimer gives some back";
    }
}

/* ----------------------------------------------------------------------------------------------- */

static unsigned priority_of(unsigned thread)
{
    return thread / CPUS;
}

static void answer(void)
{
}

static void begin(uint64_t seed, bool is_short)
{
    memset(&run, 0, sizeof run);
    run.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    heap = source_heap(&test, RANGE_PAGES, CPUS, (size_t)64 << 10, 0);
    heap->runs.source.commit = slow_commit;
    heap->runs.source.decommit = slow_decommit;
    if (is_short) {
        (void)!ashlar_heap_on_shortage(heap, give_hoard, NULL);
        while (run.hoarded < HOARD) {
            run.hoard[run.hoarded++] = take_one(heap, HOARD_BYTES);
        }
        while (ashlar_heap_alloc(heap, HOARD_BYTES, ASHLAR_HEAP_NO_GROW) != NULL) {
        }
        test.limit = test.backed_pages;
    }
}

static const char *end(bool is_short)
{
    if (run.problem != NULL || is_short) {
        return run.problem;
    }
    settle_all(heap, CPUS);
    return stats_of(heap).live_objects != 0 ? "objects are lost" : source_audit(heap, &test);
}

static const char *run_seed(uint64_t seed, const struct ashlar_waiting *waiting, bool is_short)
{
    static char text[640];
    const struct sim_schedule_options schedule = {.seed = seed,
                                                  .threads = THREADS,
                                                  .priority_of = waiting == &sim_waiting_by_block ? priority_of : NULL,
                                                  .interrupt = answer};
    begin(seed, is_short);
    ashlar_wait_by(waiting);
    const char *why = sim_schedule(CPUS, is_short ? short_body : growing_body, NULL, &schedule);
    ashlar_wait_by(NULL);
    if (why == NULL) {
        const char *fatal = SIM_FATAL(why = end(is_short));
        why = fatal != NULL ? fatal : why;
    }
    snprintf(text, sizeof text, "%s", why != NULL ? why : "");
    source_free(&test);
    return text[0] != '\0' ? text : NULL;
}

static const char *run_seeds(const struct ashlar_waiting *waiting, bool is_short, unsigned long seeds)
{
    const char *one = getenv("ASHLAR_SEED");
    unsigned long first = one != NULL ? strtoul(one, NULL, 0) : 0;
    const char *why = NULL;
    seeds = one != NULL ? 1 : seeds;
    for (unsigned long seed = first; seed < first + seeds && why == NULL; seed++) {
        why = run_seed(seed, waiting, is_short);
        if (why != NULL) {
            printf("# seed %lu: %s\n", seed, why);
        }
    }
    return why;
}

int main(void)
{
    unsigned long seeds = tap_seeds(400);
    ok(run_seeds(&sim_waiting_by_block, false, seeds) == NULL,
       "[fault 105] strict priorities, by block: all grow and shrink, and come to an end (%lu seeds)", seeds);
    ok(run_seeds(&sim_waiting_by_yield, false, seeds) == NULL, "equal ones, by yield (%lu seeds)", seeds);
    ok(run_seeds(NULL, false, seeds) == NULL, "equal ones, by a pause (%lu seeds)", seeds);
    ok(run_seeds(&sim_waiting_by_block, true, seeds) == NULL,
       "[fault 107, 108] who is short waits for another's reclaimer, which does not wait for itself (%lu seeds)",
       seeds);
    ok(run_seeds(&sim_waiting_by_yield, true, seeds) == NULL, "[fault 107] and by yield (%lu seeds)", seeds);
    return done_testing();
}
