/* SPDX-License-Identifier: 0BSD */
/* gather.c - how much is flushed, on which CPUs, and that nothing is where nothing need be. */
#include "space/world.h"

#include "tables/gather.h"

#define MOST 40u

static struct ashlar_space space;
static ashlar_pfn run;

static void start(const struct world_format *format)
{
    world_start_usual(format);
    if (ashlar_space_create(&space) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    run = world_frames(MOST, 1);
    ashlar_space_switch(&space);
    is_u(ashlar_space_map_linear(&space, 10, MOST, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: some pages", world.name);
}

struct counts {
    uint64_t pages;
    uint64_t alls;
    uint64_t kicks;
};

static struct counts since(struct counts before)
{
    struct ashlar_space_stats s = world_stats();
    return (struct counts){s.flush_pages - before.pages, s.flush_alls - before.alls, s.kicks - before.kicks};
}

static struct counts now(void)
{
    return since((struct counts){0, 0, 0});
}

static void expect(struct counts before, uint64_t pages, uint64_t alls, uint64_t kicks, const char *name)
{
    struct counts got = since(before);
    ok(got.pages == pages && got.alls == alls && got.kicks == kicks, "%s: %s", world.name, name);
    if (got.pages != pages || got.alls != alls || got.kicks != kicks) {
        printf("#   %" PRIu64 " pages, %" PRIu64 " alls, %" PRIu64 " kicks\n", got.pages, got.alls, got.kicks);
    }
}

static void protect(size_t pages, unsigned flags)
{
    is_u(ashlar_space_protect(&space, 10, pages, flags), ASHLAR_OK, "%s: protect %zu", world.name, pages);
}

static void test_counts(void)
{
    struct counts before = now();
    protect(1, 0);
    expect(before, 1, 0, 0, "one page, one flush");
    before = now();
    protect(32, ASHLAR_MAP_WRITE);
    expect(before, 32, 0, 0, "32 pages are flushed one by one");
    before = now();
    protect(ASHLAR_FLUSH_THRESHOLD_PAGES, 0);
    expect(before, 0, 1, 0, "33 all at once");
    before = now();
    is_u(ashlar_space_map_linear(&space, 500, 20, run, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK, "%s: map",
         world.name);
    ashlar_vpn kernel = world_map_kernel(20, ASHLAR_MAP_WRITE);
    expect(before, 0, 0, 0, "absent to present: none at all");
    before = now();
    world_unmap_kernel(kernel, 20);
    expect(before, 2u * 20u, 0, 1, "kernel pages are flushed on both CPUs");
    world_ok("counts");
}

static void test_cpus(void)
{
    struct counts before = now();
    sim_set_cpu(1);
    ashlar_space_switch(&space);
    sim_set_cpu(0);
    protect(3, 0);
    expect(before, 6, 0, 1, "a CPU that runs in the space is asked");
    sim_set_cpu(1);
    ashlar_space_switch(NULL);
    sim_set_cpu(0);
    before = now();
    protect(3, ASHLAR_MAP_WRITE);
    expect(before, 3, 0, 0, "one that has left it is not");
    ashlar_vpn kernel = world_map_kernel(5, ASHLAR_MAP_WRITE);
    world_leave();
    before = now();
    is_u(ashlar_space_protect(NULL, kernel, 5, 0), ASHLAR_OK, "%s: protect kernel pages", world.name);
    expect(before, 5, 0, 0, "[fault 50] a CPU that takes no part is not awaited");
    sim_set_cpu(1);
    ashlar_space_cpu_join(1);
    sim_set_cpu(0);
    before = now();
    is_u(ashlar_space_protect(NULL, kernel, 5, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: again", world.name);
    expect(before, 10, 0, 1, "once it has joined, it is");
    before = now();
    sim_set_cpu(1);
    is_u(ashlar_space_protect(NULL, kernel, 5, 0), ASHLAR_OK, "%s: by the other CPU", world.name);
    expect(before, 10, 0, 1, "which asks the one that booted");
    sim_set_cpu(WORLD_CPUS);
    like(SIM_FATAL(ashlar_space_cpu_join(WORLD_CPUS)), "joins, but boot named",
         "a CPU that boot did not name cannot join");
    sim_set_cpu(0);
    world_unmap_kernel(kernel, 5);
    world_ok("CPUs");
}

/* The gather itself: runs merge, a fifth is everything. */
static void test_runs(void)
{
    struct ashlar_gather g;
    struct counts before = now();
    ashlar_gather_init(&g, &space);
    ashlar_gather_finish(&g);
    expect(before, 0, 0, 0, "an empty gather flushes nothing");
    for (ashlar_vpn page = 10; page < 20; page++) {
        ashlar_gather_add(&g, page, 1);
    }
    ok(g.runs == 1 && g.pages == 10, "%s: neighbours are one run", world.name);
    for (ashlar_vpn page = 30; page < 36; page += 2) {
        ashlar_gather_add(&g, page, 1);
    }
    is_u(g.runs, ASHLAR_GATHER_RUNS, "%s: four runs", world.name);
    ashlar_gather_finish(&g);
    expect(before, 13, 0, 0, "are flushed page by page");
    ok(g.runs == 0 && g.pages == 0, "%s: it is empty afterwards", world.name);
    for (ashlar_vpn page = 10; page < 20; page += 2) {
        ashlar_gather_add(&g, page, 1);
    }
    before = now();
    ashlar_gather_finish(&g);
    expect(before, 0, 1, 0, "a fifth run makes it everything");
    struct ashlar_gather all;
    ashlar_gather_init(&all, &space);
    for (ashlar_vpn page = 10; page < 30; page += 2) {
        ashlar_gather_add(&all, page, 1);
    }
    ashlar_gather_merge(&g, &all);
    before = now();
    ashlar_gather_finish(&g);
    expect(before, 0, 1, 0, "and stays so when it is merged into another");
    world_ok("runs");
}

/* A large page that is split is flushed by itself, before a part of it is changed: both sizes would be known at once. */
static void test_split(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_pfn large = world_frames(2u * whole, whole);
    is_u(ashlar_space_map_linear(&space, 4u * whole, 2u * whole, large,
                                 ASHLAR_MAP_WRITE | ASHLAR_MAP_USER | ASHLAR_MAP_LARGE),
         ASHLAR_OK, "%s: two large pages", world.name);
    struct counts before = now();
    is_u(ashlar_space_protect(&space, 4u * whole + 7u, 1, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: protect a page of one", world.name);
    expect(before, 2, 0, 0, "one flush for the split, one for the page");
    before = now();
    is_u(ashlar_space_protect(&space, 4u * whole + 8u, 1, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: and another", world.name);
    expect(before, 1, 0, 0, "which needs one");
    before = now();
    is_u(ashlar_space_protect(&space, 5u * whole, whole, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: protect all of the other", world.name);
    expect(before, 0, 1, 0, "which needs no split");
    is_u(ashlar_space_unmap(&space, 4u * whole, 2u * whole, NULL), ASHLAR_OK, "%s: unmap both", world.name);
    world_ok("split");
}

/* What is still in a TLB is not used again: the machine counts each frame that is. */
static void test_order(void)
{
    ashlar_pfn frames[8];
    is_u(ashlar_frames_take_bulk(world.pool, frames, 8, 0), ASHLAR_OK, "%s: frames of the pool", world.name);
    is_u(ashlar_space_map(&space, 1000, 8, frames, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: mapped",
         world.name);
    for (ashlar_vpn page = 1000; page < 1008; page++) {
        is_u(world_write(0, page, 7, SIM_USER), 0, "%s: used", world.name);
    }
    is_u(ashlar_space_unmap(&space, 1000, 8, NULL), ASHLAR_OK, "%s: unmapped, to the pool", world.name);
    is_u(sim_violations_all(), 0, "%s: [fault 49] each was flushed before it was free", world.name);
    is_u(world_read(0, 1003, SIM_USER), 0xdead0000u | SIM_USER, "%s: [fault 47] nothing stale is left", world.name);
    world_ok("order");
}

/* The other CPU has used the page, and has not asked anybody since. */
static void test_stale(void)
{
    ashlar_pfn frame;
    ashlar_vpn kernel;
    uint32_t value = 0;
    is_u(ashlar_frames_take(world.pool, 0, &frame), ASHLAR_OK, "%s: a frame", world.name);
    is_u(ashlar_space_map(&space, 1000, 1, &frame, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: mapped",
         world.name);
    kernel = world_map_kernel(1, ASHLAR_MAP_WRITE);
    sim_set_cpu(1);
    ashlar_space_switch(&space);
    sim_set_cpu(0);
    is_u(world_write(1, 1000, 7, SIM_USER), 0, "%s: the other CPU uses it", world.name);
    is_u(world_write(1, kernel, 8, 0), 0, "%s: and a page of the kernel half", world.name);
    is_u(ashlar_space_unmap(&space, 1000, 1, &frame), ASHLAR_OK, "%s: unmapped here", world.name);
    ok(sim_load(1, world_address(1000), &value, sizeof value, SIM_USER) != 0, "%s: [fault 48] it faults there at once",
       world.name);
    is_u(ashlar_space_protect(NULL, kernel, 1, 0), ASHLAR_OK, "%s: read-only here", world.name);
    ok(sim_store(1, world_address(kernel), &value, sizeof value, 0) != 0, "%s: [fault 48] and there", world.name);
    world_unmap_kernel(kernel, 1);
    ok(sim_load(1, world_address(kernel), &value, sizeof value, 0) != 0,
       "%s: [fault 48] and when it is unmapped, it is gone there", world.name);
    sim_set_cpu(1);
    ashlar_space_switch(NULL);
    sim_set_cpu(0);
    ashlar_frames_give(world.pool, frame, 0);
    world_ok("stale");
}

static void test_waits(void)
{
    struct ashlar_gather g;
    uintptr_t interrupts;
    ashlar_gather_init(&g, NULL);
    ashlar_gather_add(&g, world.layout.arena_first, 1);
    interrupts = ashlar_port_irq_save();
    like(SIM_FATAL(ashlar_gather_finish(&g)), "with interrupts off", "other CPUs awaited with interrupts off");
    ashlar_port_irq_restore(interrupts);
    if (ASHLAR_DEBUG) {
        interrupts = ashlar_lock_take(&space.lock);
        like(SIM_FATAL(ashlar_gather_finish(&g)), "while holding lock address space", "or with a lock held");
        space.lock.held = 0;
        ashlar_port_irq_restore(interrupts);
    }
    sim_set_cpu(1);
    interrupts = ashlar_port_irq_save();
    ashlar_space_answer();
    ashlar_port_irq_restore(interrupts);
    sim_set_cpu(0);
    ashlar_gather_finish(&g);
    world_ok("waits");
}

/* What a CPU writes at each switch shares no line with another's, nor with what others write into its box. */
static void test_lines(void)
{
    unsigned shared = 0;
    for (unsigned cpu = 0; cpu < ASHLAR_MAX_CPUS; cpu++) {
        const struct half_cpu *own = &ashlar_half.cpus[cpu];
        shared += (uintptr_t)own % 64u != 0 || (uintptr_t)&own->box % 64u != 0;
        shared += (uintptr_t)&own->box - (uintptr_t)&own->kicks < sizeof own->kicks;
    }
    is_u(shared, 0, "%s: each CPU's words have lines of their own", world.name);
    is_u(sizeof(struct half_cpu) % 64u, 0, "%s: whole ones", world.name);
}

/* Sums over CPUs, each of which counts for itself. */
static void test_sums(void)
{
    struct ashlar_space_stats before = world_stats(), after;
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        ashlar_half.cpus[cpu].root_keeps += 1u + cpu;
        ashlar_half.cpus[cpu].flush_pages += 10u;
        ashlar_half.cpus[cpu].flush_alls += 100u;
        ashlar_half.cpus[cpu].kicks += 1000u;
    }
    after = world_stats();
    is_u(after.root_keeps - before.root_keeps, WORLD_CPUS * (WORLD_CPUS + 1u) / 2u, "%s: roots kept", world.name);
    is_u(after.flush_pages - before.flush_pages, 10u * WORLD_CPUS, "%s: pages flushed", world.name);
    is_u(after.flush_alls - before.flush_alls, 100u * WORLD_CPUS, "%s: all flushed", world.name);
    is_u(after.kicks - before.kicks, 1000u * WORLD_CPUS, "%s: CPUs asked", world.name);
}

/* Each table that a CPU's number is an index of. */
static void test_unknown_cpu(void)
{
    struct ashlar_gather g;
    ashlar_gather_init(&g, NULL);
    ashlar_gather_add(&g, world.layout.arena_first, 1);
    sim_set_cpu(WORLD_CPUS);
    like(SIM_FATAL(ashlar_space_switch(&space)), "ashlar_port_cpu says",
         "no switch on a CPU that boot did not name [fault 115]");
    like(SIM_FATAL(ashlar_gather_finish(&g)), "ashlar_port_cpu says", "  no shootdown");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    like(SIM_FATAL(ashlar_space_answer()), "ashlar_port_cpu says", "  no answer");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    sim_set_cpu(0);
}

static void release_lock(void)
{
    space.lock.held = 0;
}

/* CPU 0 holds a lock and waits for nobody; CPU 1 waits for the lock with interrupts off, and is asked meanwhile. */
static void test_answer_in_wait(void)
{
    struct shootdown *box = &ashlar_half.cpus[1].box;
    ashlar_gather_add(&box->pending, world.layout.arena_first, 1);
    box->asked++;
    space.lock.held = 1;
    sim_before_flush(release_lock);
    sim_set_cpu(1);
    uintptr_t interrupts = ashlar_lock_take(&space.lock);
    ok(box->answered == box->asked, "%s: who waits for a lock answers shootdowns [fault 114]", world.name);
    ashlar_lock_give(&space.lock, interrupts);
    sim_set_cpu(0);
    sim_before_flush(NULL);
    world_ok("an answer while a lock is waited for");
}

/* The order of locks is checked by their ranks. */
static void test_ranks(void)
{
    unsigned wrong = 0;
    for (unsigned cpu = 0; cpu < ASHLAR_MAX_CPUS; cpu++) {
        wrong += ashlar_half.cpus[cpu].box.lock.rank != ASHLAR_RANK_SHOOTDOWN;
    }
    is_u(wrong, 0, "%s: the lock of each CPU's requests has its rank", world.name);
    ok(ashlar_half.lock.rank == ASHLAR_RANK_KERNEL && space.lock.rank == ASHLAR_RANK_SPACE,
       "%s: and so have the others", world.name);
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_ranks();
        test_lines();
        test_sums();
        test_counts();
        test_cpus();
        test_runs();
        test_split();
        test_order();
        test_stale();
        test_waits();
        test_answer_in_wait();
        test_unknown_cpu();
    }
    return done_testing();
}
