/* SPDX-License-Identifier: 0BSD */
/* query_smp.c - looking at a user half on one CPU, while another one maps and unmaps in it.
 *
 * CPU 1 maps a page, unmaps it with its tables, and fills the frames that came
 * free with what an MMU would take for entries. CPU 2 empties another stretch,
 * holes and all, or is in the middle of a long change. The others query the page,
 * walk all mappings, and audit: what they tell of is what was mapped.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "space/world_smp.h"

#define ROUNDS 12u
#define PAGE 5u
#define FAR_PAGE 0x8000u /* tables of its own */
#define FAR_PAGES 700u   /* more than one piece, with holes */
#define LOOKS 60u
#define FLAGS (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct {
    struct ashlar_space space;
    ashlar_pfn mine, far_first;
    unsigned busy; /* CPUs that change something */
    char problem[200];
} run;

static void problem(const char *what, unsigned long detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "CPU %u: %s, 0x%lx", ashlar_port_cpu(), what, detail);
    }
}

/* Whoever gets a frame from the pool writes into it. */
static void write_junk(void)
{
    ashlar_pfn frames[8];
    if (ashlar_frames_take_bulk(world.pool, frames, 8, 0) != ASHLAR_OK) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        uint64_t *words = sim_ram_frame(frames[i]);
        for (unsigned k = 0; k < ASHLAR_PAGE_BYTES / sizeof *words; k++) {
            words[k] = UINT64_C(0xabcd) << 12 | 0x67;
        }
        for (unsigned k = 0; k < 4; k++) {
            sim_yield();
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        memset(sim_ram_frame(frames[i]), 0, ASHLAR_PAGE_BYTES);
    }
    ashlar_frames_give_bulk(world.pool, frames, 8);
}

static void map_and_unmap(void)
{
    for (unsigned i = 0; i < ROUNDS && world_step(i); i++) {
        ashlar_pfn out;
        ashlar_status status = ashlar_space_map(&run.space, PAGE, 1, &run.mine, FLAGS);
        status = status == ASHLAR_OK ? ashlar_space_unmap(&run.space, PAGE, 1, &out) : status;
        if (status != ASHLAR_OK || out != run.mine) {
            problem("map and unmap", status);
        }
        write_junk();
        sim_progress();
    }
}

static void visit_far(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    *(size_t *)context += pages;
    if (frame - run.far_first != page - FAR_PAGE) {
        problem("the visitor is told of another frame", (unsigned long)page);
    }
}

/* The frames are nobody's: a device's. */
static void map_and_clear(void)
{
    for (unsigned i = 0; i < 2u && world_step(i); i++) {
        size_t told = 0;
        ashlar_status status = ashlar_space_map_linear(&run.space, FAR_PAGE, FAR_PAGES, run.far_first, FLAGS);
        status =
            status == ASHLAR_OK ? ashlar_space_unmap(&run.space, FAR_PAGE + 100u, 50, (ashlar_pfn[50]){0}) : status;
        status = status == ASHLAR_OK ? ashlar_space_clear(&run.space, FAR_PAGE - 3u, FAR_PAGES + 9u, visit_far, &told)
                                     : status;
        if (status != ASHLAR_OK || told != FAR_PAGES - 50u) {
            problem("map and clear", status);
        }
        sim_progress();
    }
}

static bool is_right(ashlar_vpn page, ashlar_pfn frame)
{
    return page == PAGE ? frame == run.mine : frame - run.far_first == page - FAR_PAGE && page - FAR_PAGE < FAR_PAGES;
}

static int tell_mapping(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)context;
    (void)pages;
    if (!is_right(first, mapping->frame)) {
        problem("a walk tells of what was never mapped", (unsigned long)mapping->frame);
    }
    return 0;
}

static void look(bool is_near)
{
    for (unsigned i = 0; i < LOOKS && run.busy != 0; i++) {
        struct ashlar_mapping m;
        ashlar_vpn page = is_near ? PAGE : FAR_PAGE + random_below(FAR_PAGES);
        sim_yield();
        if (ashlar_space_query(&run.space, page, &m) == ASHLAR_OK && !is_right(page, m.frame)) {
            problem("query tells of what was never mapped", (unsigned long)m.frame);
        }
        if (!is_near && i % 16u == 7u) {
            ashlar_space_walk_mappings(&run.space, tell_mapping, NULL);
        }
        if (!is_near && i % 16u == 15u) {
            const char *broken = ashlar_space_audit();
            if (broken != NULL && strstr(broken, "busy") == NULL) {
                problem(broken, 0);
            }
        }
    }
}

static void cpu_body(void *context)
{
    unsigned cpu = ashlar_port_cpu();
    (void)context;
    if (cpu != 0) {
        world_join();
    }
    if (cpu == 1) {
        map_and_unmap();
    } else if (cpu == 2) {
        map_and_clear();
    } else {
        look(cpu == 0);
    }
    if (cpu == 1 || cpu == 2) {
        run.busy--;
    }
}

static void settle(void)
{
    ashlar_space_destroy(&run.space);
    const char *broken = ashlar_space_audit();
    if (broken != NULL) {
        problem(broken, 0);
    }
}

static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_mmu_options mmu = {.features = world_features(seed), .seed = seed};
    const struct sim_schedule_options schedule = world_schedule(seed, NULL);
    world_begin(seed);
    memset(&run, 0, sizeof run);
    run.busy = 2;
    run.far_first = 0x3000;
    world_up(format, policy, &mmu);
    if (ashlar_space_create(&run.space) != ASHLAR_OK || ashlar_frames_take(world.pool, 0, &run.mine) != ASHLAR_OK) {
        return "no space";
    }
    return world_run(cpu_body, settle, &schedule, run.problem);
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(policy == ASHLAR_SHARING_PREALLOCATE ? 120 : 12);
    bool good = world_seeds(format, policy, seeds, run_seed);
    ok(good, "%s, %s: [fault 124] who looks at a user half never reads a table that is gone (%lu seeds)",
       ashlar_paging_name(format->paging), ashlar_sharing_text(policy), seeds);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
