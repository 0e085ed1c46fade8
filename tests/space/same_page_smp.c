/* SPDX-License-Identifier: 0BSD */
/* same_page_smp.c - several CPUs map, unmap, protect and touch the same few pages of one address space, all at once.
 *
 * Whoever is first gets what it asked for, the others are told EXISTS or ABSENT;
 * whoever touches the page meanwhile reads what is mapped, or faults. A frame is
 * with the pages or in one CPU's pocket, never in both or nowhere: a pocket's frame
 * is poisoned, and a CPU that reads poison has kept a translation too long. A
 * touch during which nobody did anything must end as the page's state says.
 *
 * One page lies in the kernel half: there its holder maps and unmaps, while others touch it.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "space/world_smp.h"

#define OPERATIONS 24u
#define PAGES 3u /* the last one is the kernel half's */
#define KERNEL_PAGE (PAGES - 1u)
#define POCKET_MOST (PAGES + 1u)
#define POISON UINT64_C(0x0badbadbadbadbad)
#define GOOD UINT64_C(0x900d0000)

/* What is known of a page from outside. */
struct watched {
    ashlar_vpn page;
    int mapped;      /* maps that came back less unmaps that came back */
    unsigned inside; /* calls that may change it, at the moment */
    unsigned calls;  /* so far */
};

static struct {
    struct ashlar_space space;
    bool is_up;
    struct watched watched[PAGES];
    ashlar_pfn pocket[CPUS][POCKET_MOST];
    unsigned in_pocket[CPUS];
    size_t frames;
    unsigned long reads, faults, late; /* late: maps and unmaps that another CPU was faster than */
    char problem[200];
} run;

static void problem(const char *what, uint64_t detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "CPU %u: %s, 0x%llx", ashlar_port_cpu(), what,
                 (unsigned long long)detail);
    }
}

static struct ashlar_space *space_of(const struct watched *w)
{
    return w == &run.watched[KERNEL_PAGE] ? NULL : &run.space;
}

static unsigned flags_of(const struct watched *w, bool write)
{
    return (space_of(w) != NULL ? ASHLAR_MAP_READ | ASHLAR_MAP_USER : 0u) | (write ? ASHLAR_MAP_WRITE : 0u);
}

static void enter(struct watched *w)
{
    w->inside++;
    w->calls++;
    sim_yield();
}

static void leave(struct watched *w)
{
    sim_yield();
    sim_drain(); /* whoever sees the plain store sees what was stored before */
    w->inside--;
}

/* --- frames in pockets ---------------------------------------------------------------- */

static void set_word(ashlar_pfn frame, uint64_t value)
{
    memcpy(sim_ram_frame(frame), &value, sizeof value);
}

static void put(ashlar_pfn frame)
{
    unsigned cpu = ashlar_port_cpu();
    if (run.in_pocket[cpu] == POCKET_MOST) {
        problem("more frames than there are", frame);
        return;
    }
    set_word(frame, POISON);
    run.pocket[cpu][run.in_pocket[cpu]++] = frame;
}

static bool get(ashlar_pfn *frame)
{
    unsigned cpu = ashlar_port_cpu();
    if (run.in_pocket[cpu] != 0) {
        *frame = run.pocket[cpu][--run.in_pocket[cpu]];
    } else if (ashlar_frames_take(world.pool, 0, frame) != ASHLAR_OK) {
        return false;
    }
    return true;
}

/* --- what CPUs do -------------------------------------------------------------------------- */

static void map(struct watched *w)
{
    ashlar_pfn frame;
    if (!get(&frame)) {
        problem("no frame", 0);
        return;
    }
    set_word(frame, GOOD + frame);
    enter(w);
    ashlar_status status = ashlar_space_map(space_of(w), w->page, 1, &frame, flags_of(w, true));
    if (status == ASHLAR_OK) {
        w->mapped++;
    } else {
        run.late++;
        put(frame);
        if (status != ASHLAR_EXISTS) {
            problem("map", status);
        }
    }
    leave(w);
}

/* To the caller, or to the pool. */
static void unmap(struct watched *w)
{
    ashlar_pfn frame = 0;
    bool keep = random_below(2) == 0 && run.in_pocket[ashlar_port_cpu()] < POCKET_MOST - 1u;
    enter(w);
    ashlar_status status = ashlar_space_unmap(space_of(w), w->page, 1, keep ? &frame : NULL);
    if (status == ASHLAR_OK) {
        w->mapped--;
        if (keep) {
            put(frame);
        }
    } else {
        run.late++;
        if (status != ASHLAR_ABSENT) {
            problem("unmap", status);
        }
    }
    leave(w);
}

static void protect(struct watched *w)
{
    enter(w);
    ashlar_status status = ashlar_space_protect(space_of(w), w->page, 1, flags_of(w, random_below(2) == 0));
    if (status != ASHLAR_OK && status != ASHLAR_ABSENT) {
        problem("protect", status);
    }
    leave(w);
}

static bool mend(uint64_t address, unsigned fault)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    bool retry = world_fault((uintptr_t)address, fault & ~SIM_FAULT);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_port_irq_restore(interrupts);
    return retry;
}

/* Reads as code does that may fault; false: the fault was nobody's to mend. */
static bool reads(const struct watched *w, uint64_t *value)
{
    uint64_t address = ashlar_paging_address(world.format->paging, w->page);
    unsigned user = space_of(w) != NULL ? SIM_USER : 0u;
    unsigned fault;
    do {
        sim_yield();
        fault = sim_load(ashlar_port_cpu(), address, value, sizeof *value, user);
    } while (fault != 0 && mend(address, fault));
    return fault == 0;
}

static void touch(const struct watched *w)
{
    uint64_t value = 0;
    bool quiet = w->inside == 0;
    unsigned calls = w->calls;
    int mapped = w->mapped;
    bool there = reads(w, &value);
    quiet = quiet && w->calls == calls;
    run.reads++;
    run.faults += !there;
    if (there && (value < GOOD || value >= GOOD + RAM_FRAMES)) {
        problem("stale: it reads what is in a pocket or in nobody's hands", value);
    }
    if (quiet && there != (mapped != 0)) {
        problem(there ? "what is unmapped can be read" : "what is mapped faults", w->page);
    }
}

static void operate(void)
{
    struct watched *w = &run.watched[random_below(PAGES)];
    unsigned what = random_below(8);
    bool is_ours = space_of(w) != NULL || ashlar_port_cpu() == 0;
    if (what >= 5u || !is_ours) {
        touch(w);
    } else if (what == 4u) {
        protect(w);
    } else if (what >= 2u) {
        unmap(w);
    } else {
        map(w);
    }
}

static void come_up(void)
{
    if (ashlar_port_cpu() != 0) {
        world_join();
    } else if (ashlar_space_create(&run.space) != ASHLAR_OK) {
        problem("nothing to begin with", 0);
    } else {
        run.watched[KERNEL_PAGE].page = world_addresses(1);
        sim_drain(); /* the others learn of it by a plain store */
        run.is_up = true;
    }
    while (!run.is_up) {
        (void)sim_wait();
    }
    world_switch(&run.space);
}

static void cpu_body(void *context)
{
    (void)context;
    come_up();
    for (unsigned i = 0; i < OPERATIONS && run.problem[0] == '\0'; i++) {
        if (world_step(i)) {
            operate();
        }
        sim_progress();
    }
    world_switch(NULL);
}

/* --- a run -------------------------------------------------------------------------------------- */

static void speculate(void)
{
    sim_tlb_fill(ashlar_port_cpu(), ashlar_paging_address(world.format->paging, run.watched[random_below(PAGES)].page));
}

static void settle(void)
{
    struct ashlar_frames_stats pool;
    for (unsigned i = 0; i < PAGES; i++) {
        struct watched *w = &run.watched[i];
        ashlar_status status = ashlar_space_unmap(space_of(w), w->page, 1, NULL);
        if (status != (w->mapped != 0 ? ASHLAR_OK : ASHLAR_ABSENT) || w->mapped < 0 || w->mapped > 1) {
            problem("in the end a page is not as its calls have left it", i);
        }
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        ashlar_frames_give_bulk(world.pool, run.pocket[cpu], run.in_pocket[cpu]);
    }
    ashlar_space_destroy(&run.space);
    world_note_broken(run.problem, sizeof run.problem);
    ashlar_frames_stats(world.pool, &pool);
    size_t kept = world_kept_frames();
    if (pool.free_frames + kept != run.frames) {
        problem("frames are lost, or too many", run.frames - pool.free_frames - kept);
    }
}

static struct {
    unsigned long reads, faults, late; /* of all seeds */
} sums;

static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_mmu_options mmu = {.features = world_features(seed),
                                        .seed = seed,
                                        .evict_one_in = seed % 3 == 0 ? 40 : 0};
    const struct sim_schedule_options schedule = world_schedule(seed, seed % 2 == 0 ? speculate : NULL);
    struct ashlar_frames_stats stats;
    world_begin(seed);
    memset(&run, 0, sizeof run);
    run.watched[0].page = 0x400; /* in one table, or in two */
    run.watched[1].page = seed % 4u < 2u ? 0x401 : 0x4000;
    world_up(format, policy, &mmu);
    ashlar_frames_stats(world.pool, &stats);
    run.frames = stats.free_frames;
    const char *why = world_run(cpu_body, settle, &schedule, run.problem);
    sums.reads += run.reads;
    sums.faults += run.faults;
    sums.late += run.late;
    return why;
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    const char *name = ashlar_paging_name(format->paging), *sharing = ashlar_sharing_text(policy);
    unsigned long seeds = tap_seeds(150);
    memset(&sums, 0, sizeof sums);
    bool good = world_seeds(format, policy, seeds, run_seed);
    ok(good, "%s, %s: [fault 102] maps and unmaps of one page: one wins, none is lost (%lu seeds, %lu late)", name,
       sharing, seeds, sums.late);
    ok(good && sums.faults > 0 && sums.faults < sums.reads,
       "%s, %s: [fault 103] reads meanwhile find what is mapped, or fault (%lu, %lu faults)", name, sharing, sums.reads,
       sums.faults);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
