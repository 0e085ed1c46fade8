/* SPDX-License-Identifier: 0BSD */
/* waiting_smp.c - user halves under threads of strict priorities that preempt each other.
 *
 * Each thread has pages of its own in two spaces that all change: so the one that
 * changes a half may be switched away in the middle of it, or sleep in its visitor,
 * by one that wants to change the same half. The port does what port.h asks, and no
 * more. All come to an end; who may not sleep is served or told so; each finds its
 * own pages and nobody else's, and in the end all is given back.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "base/wait.h"
#include "space/world_smp.h"

#define ROUNDS 8u
#define THREADS (2u * CPUS)
#define SPACES 2u
#define PAGES_MOST 5u
#define RUN_PAGES 600u /* more than one piece */
#define STRETCH 4096u  /* pages of a thread; its run begins half-way */
#define DEVICE_FRAME ((ashlar_pfn)RAM_FRAMES * 2u)
#define FLAGS (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct {
    struct ashlar_space spaces[SPACES];
    struct ashlar_space passed[THREADS]; /* emptied by one thread, destroyed by another */
    volatile uint32_t offered[THREADS];
    bool joined[CPUS];
    bool is_up;
    size_t frames;
    char problem[200];
} run;

static void problem(const char *what, unsigned long detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "thread %u: %s, 0x%lx", sim_thread(), what, detail);
    }
}

static void expect(ashlar_status status, const char *what)
{
    if (status != ASHLAR_OK) {
        problem(what, (unsigned long)status);
    }
}

/* Of this thread, a few pages before the end of a table. */
static ashlar_vpn own_first(void)
{
    return (ashlar_vpn)(sim_thread() + 1u) * STRETCH + 1024u - random_below(4);
}

static ashlar_pfn run_frame(void)
{
    return DEVICE_FRAME + (ashlar_pfn)sim_thread() * RUN_PAGES;
}

static ashlar_vpn run_first(void)
{
    return (ashlar_vpn)(sim_thread() + 1u) * STRETCH + STRETCH / 2u;
}

static struct ashlar_space *some_space(void)
{
    return &run.spaces[random_below(SPACES)];
}

/* --- what a thread does ------------------------------------------------------------------ */

static void check_page(struct ashlar_space *space, ashlar_vpn page, ashlar_pfn frame, unsigned flags)
{
    struct ashlar_mapping mapping = {0, 0, 0};
    ashlar_status status = ashlar_space_query(space, page, &mapping);
    if (status != ASHLAR_OK || mapping.frame != frame || mapping.flags != flags) {
        problem("a page is not what its thread has mapped", (unsigned long)page);
    }
}

static void map_and_unmap(struct ashlar_space *space)
{
    ashlar_pfn frames[PAGES_MOST], out[PAGES_MOST];
    size_t pages = 1u + random_below(PAGES_MOST);
    ashlar_vpn first = own_first();
    if (ashlar_frames_take_bulk(world.pool, frames, pages, 0) != ASHLAR_OK) {
        problem("no frames", pages);
        return;
    }
    expect(ashlar_space_map(space, first, pages, frames, FLAGS), "map");
    sim_sleep(random_below(30));
    check_page(space, first + pages - 1u, frames[pages - 1u], FLAGS | ASHLAR_MAP_READ);
    expect(ashlar_space_protect(space, first, pages, ASHLAR_MAP_READ | ASHLAR_MAP_USER), "protect");
    check_page(space, first, frames[0], ASHLAR_MAP_READ | ASHLAR_MAP_USER);
    expect(ashlar_space_unmap(space, first, pages, out), "unmap");
    if (memcmp(frames, out, pages * sizeof frames[0]) != 0) {
        problem("unmap gives other frames", (unsigned long)out[0]);
    }
    ashlar_frames_give_bulk(world.pool, frames, pages);
}

/* Sleeps, looks at the space that is being cleared, and changes another one. */
static void visit(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    struct ashlar_mapping mapping;
    *(size_t *)context += pages;
    if (frame - run_frame() != page - run_first()) {
        problem("the visitor is told of another frame", (unsigned long)page);
    }
    if (*(size_t *)context % 200u == 7u) {
        sim_sleep(random_below(60));
        if (ashlar_space_query(&run.spaces[0], page, &mapping) == ASHLAR_OK && mapping.frame != frame) {
            problem("what is cleared is another thread's", (unsigned long)page);
        }
    }
}

static void map_and_clear(struct ashlar_space *space)
{
    size_t told = 0;
    expect(ashlar_space_map_linear(space, run_first(), RUN_PAGES, run_frame(), FLAGS | ASHLAR_MAP_LARGE), "a run");
    sim_sleep(random_below(30));
    expect(ashlar_space_clear(space, run_first() - 3u, RUN_PAGES + 9u, visit, &told), "clear");
    if (told != RUN_PAGES) {
        problem("the visitor is told of too few or too many", told);
    }
}

/* In the caller's hands: interrupts are off from begin to end, whoever becomes ready meanwhile. */
static void cursor_round(struct ashlar_space *space)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_vpn first = own_first();
    ashlar_pfn frames[2] = {run_frame(), run_frame() + 1u}, out[2] = {0, 0};
    ashlar_status status = ashlar_cursor_begin(&cursor, space, first, 2, ASHLAR_INTENT_MAP);
    expect(status, "a cursor");
    if (status != ASHLAR_OK) {
        return;
    }
    ashlar_cursor_map(&cursor, frames, 1, FLAGS);
    ashlar_cursor_map_linear(&cursor, frames[1], 1, FLAGS);
    ashlar_cursor_end(&cursor);
    ashlar_gather_init(&gather, space);
    expect(ashlar_cursor_begin(&cursor, space, first, 2, ASHLAR_INTENT_CHANGE), "a cursor that changes");
    ashlar_cursor_protect(&cursor, 2, ASHLAR_MAP_READ | ASHLAR_MAP_USER, &gather);
    ashlar_cursor_end(&cursor);
    ashlar_gather_add(&gather, run_first(), 1); /* more than was changed does no harm */
    ashlar_gather_finish(&gather);
    expect(ashlar_cursor_begin(&cursor, space, first, 2, ASHLAR_INTENT_CHANGE), "a cursor that hides");
    size_t hidden = ashlar_cursor_hide(&cursor, 2, &gather);
    ashlar_cursor_end(&cursor);
    ashlar_gather_finish(&gather);
    expect(ashlar_cursor_begin(&cursor, space, first, 2, ASHLAR_INTENT_COLLECT), "a cursor that collects");
    size_t collected = ashlar_cursor_collect(&cursor, out, 2);
    ashlar_cursor_end(&cursor);
    if (hidden != 2 || collected != 2 || out[0] != frames[0] || out[1] != frames[1]) {
        problem("a cursor does not find what it mapped", (unsigned long)out[0]);
    }
}

/* Pinned, or with interrupts off: it is served, or told that somebody else is at it. It never waits. */
static void call_apart(struct ashlar_space *space)
{
    ashlar_pfn frame = run_frame();
    ashlar_vpn first = own_first();
    bool off = random_below(2) == 0;
    uintptr_t interrupts = off ? ashlar_port_irq_save() : 0;
    ashlar_port_pin();
    ashlar_status status = ashlar_space_map(space, first, 1, &frame, FLAGS);
    ashlar_port_unpin();
    if (off) {
        ashlar_port_irq_restore(interrupts);
    }
    if (status == ASHLAR_OK) {
        expect(ashlar_space_unmap(space, first, 1, &frame), "unmap of what was mapped pinned");
    } else if (status != ASHLAR_MAY_NOT_WAIT) {
        problem("who may not sleep is told", (unsigned long)status);
    }
}

/* --- a space that one thread empties, and another destroys meanwhile ---------------------------- */

enum offer { NOTHING, OFFERED, TAKEN, GONE };

static void offer(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    (void)page;
    (void)frame;
    (void)pages;
    __atomic_store_n((volatile uint32_t *)context, OFFERED, __ATOMIC_SEQ_CST);
    sim_sleep(random_below(200));
}

static void pass_on(void)
{
    unsigned me = sim_thread();
    struct ashlar_space *space = &run.passed[me];
    ashlar_pfn frame = run_frame();
    if (run.offered[me] != NOTHING) {
        return;
    }
    expect(ashlar_space_create_with(space, ASHLAR_SPACE_WRITE_EXEC), "a space");
    expect(ashlar_space_map(space, own_first(), 1, &frame, FLAGS | ASHLAR_MAP_EXEC), "writable and executable");
    expect(ashlar_space_empty(space, offer, (void *)(uintptr_t)&run.offered[me]), "empty");
}

/* It waits for the end of the change, and what the space lay in may be gone at once. */
static void destroy_offered(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        uint32_t offered = OFFERED;
        if (__atomic_compare_exchange_n(&run.offered[i], &offered, TAKEN, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            ashlar_space_destroy(&run.passed[i]);
            memset(&run.passed[i], 0xee, sizeof run.passed[i]);
            run.offered[i] = GONE;
        }
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

static void look_around(void)
{
    struct ashlar_space_stats stats;
    const char *broken = ashlar_space_audit();
    if (broken != NULL && strstr(broken, "busy") == NULL) {
        problem(broken, 0);
    }
    ashlar_space_stats(&stats);
    if (stats.spaces < SPACES || stats.spaces > SPACES + THREADS) {
        problem("spaces beyond what there are", stats.spaces);
    }
}

static void step(void)
{
    unsigned what = random_below(9);
    if (what < 2u) {
        map_and_unmap(some_space());
    } else if (what < 4u) {
        map_and_clear(some_space());
    } else if (what < 5u) {
        cursor_round(some_space());
    } else if (what < 6u) {
        call_apart(some_space());
    } else if (what < 7u) {
        pass_on();
    } else if (what < 8u) {
        look_around();
    } else {
        world_switch(random_below(3) == 0 ? NULL : some_space());
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
        destroy_offered();
        sim_progress();
        sim_sleep(random_below(100));
    }
    world_switch(NULL);
    destroy_offered();
}

/* Spaces come and go on some CPUs, and the first one audits all that there are. */
static void coming_body(void *context)
{
    struct ashlar_space *space = &run.passed[sim_thread()];
    (void)context;
    world_join_once(run.joined);
    for (unsigned i = 0; i < ROUNDS * 4u && run.problem[0] == '\0'; i++) {
        if (ashlar_port_cpu() == 0) {
            look_around();
        } else if (world_step(sim_thread() / CPUS * ROUNDS + i / 4u)) {
            expect(ashlar_space_create(space), "a space");
            sim_sleep(random_below(3) == 0 ? random_below(400) : 0);
            ashlar_space_destroy(space);
            memset(space, 0xee, sizeof *space);
        }
        sim_progress();
    }
}

/* By the first thread of its CPU. */
static void settle(void)
{
    if (sim_thread() != 0) {
        return;
    }
    for (unsigned i = 0; i < SPACES; i++) {
        ashlar_space_destroy(&run.spaces[i]); /* fatal where a page is left */
    }
    destroy_offered();
    world_note_broken(run.problem, sizeof run.problem);
    if (run.problem[0] == '\0' && world_frames() != run.frames) {
        problem("frames are lost", world_frames());
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
    schedule.waits_most = 40000; /* for a changer: its token is not fair */
    memset(&run, 0, sizeof run);
    run.frames = world_frames();
    for (unsigned i = 0; i < SPACES; i++) {
        if (ashlar_space_create(&run.spaces[i]) != ASHLAR_OK) {
            return "no space";
        }
    }
    ashlar_wait_by(strict ? &sim_waiting_by_block : &sim_waiting_by_yield);
    const char *why = world_run(seed % 3u == 2u ? coming_body : thread_body, settle, &schedule, run.problem);
    ashlar_wait_by(NULL);
    return why;
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(24);
    ok(world_seeds(format, policy, seeds, run_seed),
       "[fault 105, 128, 172, 173, 176] %s, %s: changers that are switched away, or sleep: all come to an end (%lu "
       "seeds)",
       ashlar_paging_name(format->paging), ashlar_sharing_text(policy), seeds);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
