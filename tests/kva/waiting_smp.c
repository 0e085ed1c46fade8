/* SPDX-License-Identifier: 0BSD */
/* waiting_smp.c - the kernel half and its addresses under threads of strict priorities that preempt each other.
 *
 * Whoever adds top-level slots, purges, or gives back for somebody who is short may
 * be switched away in the middle of it, by one that wants the same. The port does
 * what port.h asks, and no more. All come to an end, nobody is refused what there
 * is enough of, and in the end all is given back.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "base/wait.h"
#include "kva/world_smp.h"

#define ROUNDS 8u
#define THREADS (2u * CPUS)
#define PAGES_MOST 4u

static struct {
    bool joined[CPUS];
    size_t frames;
    char problem[200];
} run;

static void expect(ashlar_status status, const char *what)
{
    if (status != ASHLAR_OK && run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "thread %u: %s: %s", sim_thread(), what, ashlar_status_text(status));
    }
}

/* In a slot of its own, as often as not: the half grows. */
static void commit_far(void)
{
    const struct ashlar_paging *p = world.format->paging;
    size_t slot = (size_t)1 << ashlar_entry_shift(p, ashlar_paging_levels(p));
    size_t pages = slot / (1u + random_below(4));
    ashlar_vpn first;
    if (ashlar_kva_reserve(pages, 1, "far", &first) != ASHLAR_OK) {
        return; /* addresses are few in the smaller formats */
    }
    ashlar_status status = ashlar_kva_commit(first + pages - 1u, 1, ASHLAR_MAP_WRITE);
    expect(status, "a page far away");
    if (status == ASHLAR_OK) {
        ashlar_kva_decommit(first + pages - 1u, 1);
    }
    ashlar_kva_unreserve(first);
}

static void take_and_give(void)
{
    ashlar_vpn first;
    ashlar_status status = ashlar_kva_take(1u + random_below(PAGES_MOST), ASHLAR_MAP_WRITE, "pages", &first);
    expect(status, "pages");
    sim_sleep(random_below(50));
    if (status == ASHLAR_OK) {
        ashlar_kva_give(first);
    }
}

/* Whoever may not sleep is told so, or served: it never waits. */
static void call_pinned(void)
{
    ashlar_port_pin();
    (void)ashlar_frames_relieve(world.pool);
    ashlar_port_unpin();
}

static void step(void)
{
    unsigned what = random_below(8);
    if (what < 3u) {
        commit_far();
    } else if (what < 6u) {
        take_and_give();
    } else if (what == 6u) {
        (void)ashlar_kva_purge();
    } else {
        call_pinned();
    }
}

static void thread_body(void *context)
{
    (void)context;
    world_join_once(run.joined);
    for (unsigned i = 0; i < ROUNDS && run.problem[0] == '\0'; i++) {
        if (world_step(sim_thread() / CPUS * ROUNDS + i)) {
            step();
        }
        sim_progress();
        sim_sleep(random_below(100));
    }
}

/* By the first thread of its CPU. */
static void settle(void)
{
    if (sim_thread() != 0) {
        return;
    }
    (void)ashlar_kva_purge();
    world_note_broken(run.problem, sizeof run.problem);
    if (run.problem[0] == '\0' && world_frames() != run.frames) {
        snprintf(run.problem, sizeof run.problem, "frames are lost");
    }
}

static unsigned priority_of(unsigned thread)
{
    return thread / CPUS;
}

static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    struct sim_schedule_options schedule = world_start(format, policy, seed);
    bool strict = seed % 4u != 3u;
    schedule.threads = THREADS;
    schedule.priority_of = strict ? priority_of : NULL;
    memset(&run, 0, sizeof run);
    run.frames = world_frames();
    ashlar_wait_by(strict ? &sim_waiting_by_block : &sim_waiting_by_yield);
    const char *why = world_run(thread_body, settle, &schedule, run.problem);
    ashlar_wait_by(NULL);
    return why;
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(100);
    ok(world_seeds(format, policy, seeds, run_seed), "[fault 105] %s, %s: all come to an end (%lu seeds)",
       ashlar_paging_name(format->paging), ashlar_sharing_text(policy), seeds);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
