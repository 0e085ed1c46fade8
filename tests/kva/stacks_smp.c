/* SPDX-License-Identifier: 0BSD */
/* stacks_smp.c - several CPUs are short of addresses at once, while there are enough for all.
 *
 * All addresses for stacks are in use but for some that are kept ready, each too
 * long for what is asked for now; or wait for a purge. The first CPU that finds
 * none empties the magazines, or purges; meanwhile these addresses are neither
 * free nor kept, and the others find none at all. They must wait for it, rather
 * than say no.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#define WORLD_STACK_PAGES 768u
#include "kva/world_smp.h"

#define LONG_PAGES 4u /* and two guards */
#define SHORT_PAGES 2u
#define LEFT 8u /* long ones that are given back: as many as may be kept ready, and two for each CPU */
#define OTHER_PAGES (WORLD_STACK_PAGES - LEFT * (LONG_PAGES + 2u) - 2u)
#define ROUNDS 4u

static struct {
    bool is_up;
    uintptr_t other;
    char problem[200];
} run;

/* One takes all of the arena but for the long ones, and those are given back: they wait for a purge, or are kept ready. */
static void fill_arena(bool purged)
{
    uintptr_t tops[LEFT];
    ashlar_status status = ashlar_kva_take_stack(OTHER_PAGES, "other", &run.other);
    for (unsigned i = 0; i < LEFT && status == ASHLAR_OK; i++) {
        status = ashlar_kva_take_stack(LONG_PAGES, "long", &tops[i]);
    }
    if (status != ASHLAR_OK) {
        snprintf(run.problem, sizeof run.problem, "the arena is not filled: %s", ashlar_status_text(status));
        return;
    }
    for (unsigned i = 0; i < LEFT; i++) {
        ashlar_kva_give_stack(tops[i]);
    }
    if (purged) {
        (void)ashlar_kva_purge();
    }
}

static void come_up(bool purged)
{
    if (ashlar_port_cpu() != 0) {
        world_join();
    } else {
        fill_arena(purged);
        sim_drain(); /* the others learn of it by a plain store */
        run.is_up = true;
    }
    while (!run.is_up) {
        (void)sim_wait();
    }
}

/* One at a time on each CPU, and each has room in any of those that were given back: so there is always one. */
static void cpu_body(void *context)
{
    (void)context;
    come_up(steps.seed % 4u != 3u);
    for (unsigned i = 0; i < ROUNDS && run.problem[0] == '\0'; i++) {
        uintptr_t top;
        if (world_step(i)) {
            ashlar_status status = ashlar_kva_take_stack(SHORT_PAGES, "short", &top);
            for (unsigned turns = random_below(20); turns != 0; turns--) {
                sim_yield();
            }
            if (status == ASHLAR_OK) {
                ashlar_kva_give_stack(top);
            } else if (run.problem[0] == '\0') {
                snprintf(run.problem, sizeof run.problem, "CPU %u: a stack of %u pages: %s", ashlar_port_cpu(),
                         SHORT_PAGES, ashlar_status_text(status));
            }
        }
        sim_progress();
    }
}

static void settle(void)
{
    ashlar_kva_give_stack(run.other);
    (void)ashlar_kva_purge();
    world_note_broken(run.problem, sizeof run.problem);
}

static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_schedule_options schedule = world_start(format, policy, seed);
    memset(&run, 0, sizeof run);
    return world_run(cpu_body, settle, &schedule, run.problem);
}

/* The policy makes no difference: tables for stacks exist from boot. */
static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(500);
    if (policy == ASHLAR_SHARING_PREALLOCATE || getenv("ASHLAR_POLICY") != NULL) {
        ok(world_seeds(format, policy, seeds, run_seed), "%s: nobody is refused what there is enough of (%lu seeds)",
           ashlar_paging_name(format->paging), seeds);
    }
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
