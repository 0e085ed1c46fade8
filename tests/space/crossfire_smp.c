/* SPDX-License-Identifier: 0BSD */
/* crossfire_smp.c - every CPU unmaps at the same time, and so asks all others while all others ask it.
 *
 * Each has pages of its own, half the time in the kernel half and half the time in
 * a user half that all run in; the MMUs bring in each other's pages all the while.
 * Whoever waits still answers: so all of them come to an end, however late an
 * interrupt is taken. And when an unmap returns, no TLB knows the page.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "space/world_smp.h"

#define ROUNDS 6u
#define PAGES 3u

static struct {
    struct ashlar_space space;
    bool is_up;
    bool in_user;
    unsigned ready;
    ashlar_vpn first[CPUS];
    char problem[200];
} run;

static uint64_t address_of(ashlar_vpn page)
{
    return ashlar_paging_address(world.format->paging, page);
}

static void problem(const char *what, unsigned detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "CPU %u: %s, %u", ashlar_port_cpu(), what, detail);
    }
}

/* All begin together, on the same half. */
static void come_up(unsigned cpu)
{
    if (cpu != 0) {
        world_join();
    } else if (ashlar_space_create(&run.space) != ASHLAR_OK) {
        problem("no space", 0);
    } else {
        sim_drain(); /* the others learn of it by a plain store */
        run.is_up = true;
    }
    while (!run.is_up) {
        (void)sim_wait();
    }
    world_switch(&run.space);
    if (run.in_user) {
        run.first[cpu] = 0x400u + cpu * 0x40u;
    } else {
        run.first[cpu] = world_addresses(PAGES);
    }
    run.ready++;
    while (run.ready < CPUS) {
        (void)sim_wait();
    }
}

static void check_gone(ashlar_vpn page)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        if (sim_tlb_has(cpu, address_of(page))) {
            problem("after an unmap the page is still known to CPU", cpu);
        }
    }
}

static void one_round(ashlar_vpn first, ashlar_pfn *frames)
{
    struct ashlar_space *space = run.in_user ? &run.space : NULL;
    unsigned flags = ASHLAR_MAP_WRITE | (run.in_user ? ASHLAR_MAP_USER : 0u);
    ashlar_status status = ashlar_space_map(space, first, PAGES, frames, flags);
    if (status != ASHLAR_OK) {
        problem("map", status);
        return;
    }
    for (unsigned i = random_below(20); i != 0; i--) {
        sim_yield();
    }
    status = ashlar_space_unmap(space, first, PAGES, frames);
    if (status != ASHLAR_OK) {
        problem("unmap", status);
    }
    for (unsigned i = 0; i < PAGES; i++) {
        check_gone(first + i);
    }
}

static void cpu_body(void *context)
{
    unsigned cpu = ashlar_port_cpu();
    ashlar_pfn frames[PAGES];
    (void)context;
    come_up(cpu);
    if (ashlar_frames_take_bulk(world.pool, frames, PAGES, 0) != ASHLAR_OK) {
        problem("no frames", 0);
        return;
    }
    for (unsigned i = 0; i < ROUNDS && run.problem[0] == '\0'; i++) {
        if (world_step(i)) {
            one_round(run.first[cpu], frames);
        }
        sim_progress();
    }
    ashlar_frames_give_bulk(world.pool, frames, PAGES);
    world_switch(NULL);
}

/* The MMU brings in a page of anybody's. */
static void speculate(void)
{
    ashlar_vpn first = run.first[random_below(CPUS)];
    if (first != 0) {
        sim_tlb_fill(ashlar_port_cpu(), address_of(first + random_below(PAGES)));
    }
}

static void settle(void)
{
    ashlar_space_destroy(&run.space);
    world_note_broken(run.problem, sizeof run.problem);
}

static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_mmu_options mmu = {.features = world_features(seed), .seed = seed};
    struct sim_schedule_options schedule = world_schedule(seed, speculate);
    schedule.waits_most = 40000; /* a changer waits for all rounds of all others, at worst: its token is not fair */
    world_begin(seed);
    memset(&run, 0, sizeof run);
    run.in_user = seed / 6u % 2u != 0;
    world_up(format, policy, &mmu);
    return world_run(cpu_body, settle, &schedule, run.problem);
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(120);
    bool good = world_seeds(format, policy, seeds, run_seed);
    ok(good, "%s, %s: [fault 51] CPUs that shoot at each other all come to an end (%lu seeds)",
       ashlar_paging_name(format->paging), ashlar_sharing_text(policy), seeds);
    ok(good, "%s, %s: [fault 48] and none knows what was unmapped", ashlar_paging_name(format->paging),
       ashlar_sharing_text(policy));
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
