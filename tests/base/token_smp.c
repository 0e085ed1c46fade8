/* SPDX-License-Identifier: 0BSD */
/* token_smp.c - threads of several priorities on few CPUs want one token.
 *
 * The token lies in a structure that whoever takes it last destroys, right after
 * it was given to him: its page is taken away, so that any look at it afterwards
 * is a fault of the host. Each holder works for a while, in which it may be
 * preempted, by a thread that wants the token, too.
 *
 * With strict priorities threads have to sleep. Where all are equal, letting
 * others run will do, or the timer. And the scheduler must find what hangs: strict
 * priorities without block.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "base/token.h"

#include "base/wait.h"
#include "schedule.h"
#include "sim.h"
#include "tap.h"
#include <sys/mman.h>

#define CPUS 2u
#define THREADS 6u
#define ROUNDS 8u
#define PAGE_BYTES 4096u

static struct {
    struct ashlar_token *token;
    uint64_t random;
    unsigned inside;
    unsigned taken;
    unsigned refused;
    unsigned begun; /* threads that still want it */
    const char *problem;
} run;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&run.random) >> 33) % bound;
}

static void work(void)
{
    for (unsigned turns = random_below(30); turns != 0; turns--) {
        sim_yield();
    }
}

static void hold(void)
{
    if (run.inside++ != 0) {
        run.problem = "two threads have it";
    }
    work();
    run.inside--;
    run.taken++;
}

/* Where it may not wait, it is told so. */
static void try_pinned(void)
{
    ashlar_port_pin();
    bool got = ashlar_token_get(run.token);
    if (got) {
        hold();
        ashlar_token_give(run.token);
    }
    run.refused += !got;
    ashlar_port_unpin();
}

/* It knows that it is the last one only with the token in its hands: then nobody else wants it any more. */
static void finish(void)
{
    struct ashlar_token *token = run.token;
    ashlar_token_take(token);
    bool is_last = --run.begun == 0;
    ashlar_token_give(token);
    if (is_last) {
        mprotect(token, PAGE_BYTES, PROT_NONE);
    }
}

static void thread_body(void *context)
{
    (void)context;
    for (unsigned i = 0; i < ROUNDS && run.problem == NULL; i++) {
        if (random_below(4) == 0) {
            try_pinned();
        } else {
            ashlar_token_take(run.token);
            hold();
            ashlar_token_give(run.token);
        }
        sim_progress();
        sim_sleep(random_below(60));
    }
    finish();
}

static unsigned priority_of(unsigned thread)
{
    return thread / CPUS;
}

static void answer(void)
{
}

static const char *run_seed(uint64_t seed, const struct ashlar_waiting *waiting, bool strict)
{
    static char text[640];
    const struct sim_schedule_options schedule = {.seed = seed,
                                                  .threads = THREADS,
                                                  .priority_of = strict ? priority_of : NULL,
                                                  .drain_one_in = seed % 2 == 0 ? 0 : 20,
                                                  .interrupt = answer};
    memset(&run, 0, sizeof run);
    run.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    run.begun = THREADS;
    run.token = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (run.token == MAP_FAILED) {
        abort();
    }
    ashlar_wait_by(waiting);
    const char *why = sim_schedule(CPUS, thread_body, NULL, &schedule);
    ashlar_wait_by(NULL);
    snprintf(text, sizeof text, "%s", why != NULL ? why : run.problem != NULL ? run.problem : "");
    munmap(run.token, PAGE_BYTES);
    return text[0] != '\0' ? text : NULL;
}

/* The first seed that fails, or all of them did not. */
static const char *run_seeds(const struct ashlar_waiting *waiting, bool strict, unsigned long seeds)
{
    const char *one = getenv("ASHLAR_SEED");
    unsigned long first = one != NULL ? strtoul(one, NULL, 0) : 0;
    unsigned long refused = 0;
    const char *why = NULL;
    seeds = one != NULL ? 1 : seeds;
    for (unsigned long seed = first; seed < first + seeds && why == NULL; seed++) {
        why = run_seed(seed, waiting, strict);
        refused += run.refused;
        if (why != NULL) {
            printf("# seed %lu: %s\n", seed, why);
        }
    }
    ok(why != NULL || one != NULL || refused != 0, "some were pinned, and were told so: %lu", refused);
    return why;
}

int main(void)
{
    unsigned long seeds = tap_seeds(2000);
    ok(run_seeds(&sim_waiting_by_block, true, seeds) == NULL,
       "[fault 105, 109] strict priorities, by block: all get it, and nobody looks at it afterwards (%lu seeds)",
       seeds);
    ok(run_seeds(&sim_waiting_by_block, false, seeds) == NULL, "equal ones, by block (%lu seeds)", seeds);
    ok(run_seeds(&sim_waiting_by_yield, false, seeds) == NULL, "equal ones, by yield (%lu seeds)", seeds);
    ok(run_seeds(NULL, false, seeds) == NULL, "equal ones, by a pause (%lu seeds)", seeds);
    like(run_seeds(NULL, true, seeds), "waits for ever", "strict priorities without block hang, and that is found");
    like(run_seeds(&sim_waiting_by_yield, true, seeds), "waits for ever", "so do they with yield");
    return done_testing();
}
