/* SPDX-License-Identifier: 0BSD */
/* visitors_smp.c - threads that clear one space at once, with visitors that are short of memory, while the reliever clears it,
 * too, and others map and hide pages in it.
 *
 * Each page of the space is a frame of its own. A visitor finds that its page is the CPUs' no longer, and maps it again
 * some day; each frame is told of once between two times that it is mapped.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "space/world_smp.h"

#include "base/wait.h"
#include "frames/obtain.h"

#define ROUNDS 6u
#define PAGE 0x40u
#define PAGES 48u
#define DEVICE 0x3000u /* frames that are nobody's */
#define FLAGS (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct {
    struct ashlar_space space;
    struct ashlar_reliever reliever;
    bool mapped[PAGES]; /* and not told of yet */
    unsigned told, relieved;
    char problem[200];
} run;

static void problem(const char *what, unsigned long detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "CPU %u: %s, 0x%lx", ashlar_port_cpu(), what, detail);
    }
}

static void be_short(void)
{
    ashlar_status status;
    ashlar_pfn frame;
    ashlar_frames_fail_nth(world.pool, 1, 0);
    FRAMES_OBTAIN(world.pool, status, ashlar_frames_take(world.pool, 0, &frame));
    if (status == ASHLAR_OK) {
        ashlar_frames_give(world.pool, frame, 0);
    }
}

static void visit(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    bool may_be_short = context != NULL;
    if (page - PAGE >= PAGES || pages != 1 || frame - DEVICE != page - PAGE || !run.mapped[page - PAGE]) {
        problem("the visitor is told of what was not mapped", (unsigned long)page);
        return;
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        if (sim_tlb_has(cpu, (uint64_t)page << ASHLAR_PAGE_SHIFT)) {
            problem("a CPU knows what the visitor is told of", (unsigned long)page);
        }
    }
    run.mapped[page - PAGE] = false;
    run.told++;
    if (may_be_short && random_below(6) == 0) {
        be_short();
    }
}

static size_t relieve(void *context)
{
    unsigned before = run.told;
    (void)context;
    if (ashlar_space_clear(&run.space, PAGE + random_below(PAGES / 2u), PAGES / 2u, visit, NULL) != ASHLAR_OK) {
        problem("the reliever cannot clear", 0);
    }
    run.relieved++;
    return run.told - before;
}

/* Whoever maps knows that it is not mapped: the note comes first, and goes if it was. */
static void map_some(void)
{
    for (unsigned i = 0; i < 8u; i++) {
        unsigned page = random_below(PAGES);
        uint64_t address = (uint64_t)(PAGE + page) << ASHLAR_PAGE_SHIFT;
        if (!run.mapped[page]) {
            run.mapped[page] = true;
            ashlar_status status = ashlar_space_map_linear(&run.space, PAGE + page, 1, DEVICE + page, FLAGS);
            if (status == ASHLAR_NO_FRAMES) { /* the failure was meant for another one */
                run.mapped[page] = false;
            } else if (status != ASHLAR_OK) {
                problem("map", status);
            }
            sim_tlb_fill(ashlar_port_cpu(), address);
        }
    }
}

/* The gather is finished some time later, when a clear may have the frame already. */
static void hide_one(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_vpn page = PAGE + random_below(PAGES);
    if (ashlar_cursor_begin(&cursor, &run.space, page, 1, ASHLAR_INTENT_CHANGE) == ASHLAR_OK) {
        ashlar_gather_init(&gather, &run.space);
        (void)ashlar_cursor_hide(&cursor, 1, &gather);
        ashlar_cursor_end(&cursor);
        sim_sleep(random_below(40));
        ashlar_gather_finish(&gather);
    }
}

static void clear(void)
{
    ashlar_vpn first = PAGE + random_below(PAGES / 2u);
    ashlar_status status = ashlar_space_clear(&run.space, first, PAGE + PAGES - first, visit, &run);
    if (status != ASHLAR_OK) {
        problem("clear", status);
    }
}

static void cpu_body(void *context)
{
    (void)context;
    if (ashlar_port_cpu() != 0) {
        world_join();
    }
    ashlar_space_switch(&run.space);
    for (unsigned i = 0; i < ROUNDS && run.problem[0] == '\0'; i++) {
        if (world_step(sim_thread() * ROUNDS + i)) {
            map_some();
            if (random_below(3) == 0) {
                hide_one();
            }
            clear();
        }
        sim_progress();
    }
    ashlar_space_switch(NULL);
}

static void settle(void)
{
    if (ashlar_space_empty(&run.space, visit, NULL) != ASHLAR_OK) {
        problem("empty", 0);
    }
    for (unsigned i = 0; i < PAGES; i++) {
        if (run.mapped[i]) {
            problem("never told of", PAGE + i);
        }
    }
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
    world_up(format, policy, &mmu);
    run.reliever = (struct ashlar_reliever){.relieve = relieve, .takes_memory = 1};
    ashlar_frames_add_reliever(world.pool, &run.reliever);
    if (ashlar_space_create(&run.space) != ASHLAR_OK) {
        return "no space";
    }
    ashlar_wait_by(&sim_waiting_by_yield);
    const char *why = world_run(cpu_body, settle, &schedule, run.problem);
    ashlar_wait_by(NULL);
    return why;
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(policy == ASHLAR_SHARING_PREALLOCATE ? 300 : 30);
    bool good = world_seeds(format, policy, seeds, run_seed);
    ok(good, "%s, %s: [fault 164] clears of one space, and relief that clears it, come to an end (%lu seeds)",
       ashlar_paging_name(format->paging), ashlar_sharing_text(policy), seeds);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
