/* SPDX-License-Identifier: 0BSD */
/* world_smp.h - the kernel half on a simulated machine of several CPUs: the port's MMU hooks, bringing it up, and a
 * frame pool whose takes and gives the machine is told of (linked with --wrap, see make/variants.mk). Or with the kva
 * floor on it, where tests/kva/world_smp.h says so before it includes this. */
#ifndef ASHLAR_TESTS_SPACE_WORLD_SMP_H
#define ASHLAR_TESTS_SPACE_WORLD_SMP_H

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/alone.h"
#include "base/lock.h"
#include "machine.h"
#include "schedule.h"
#include "shrink.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/port.h>
#include <ashlar/space.h>

#define RAM_FRAMES 4096u
#define FIRST_FRAME 32u /* below: the root and the tables of before */
#define CPUS 4u
#define POINTER_BYTES (UINT64_C(1) << 27)
#define FEATURES (ASHLAR_FEATURE_NX | ASHLAR_FEATURE_GLOBAL | ASHLAR_FEATURE_LARGE | ASHLAR_FEATURE_PAT)

struct world_format {
    const struct ashlar_paging *paging;
    enum sim_format sim;
    uint64_t kernel_first; /* page */
    bool has_l1tf;         /* its absent entries name no RAM */
};

static const struct world_format formats[] = {
    {&ashlar_paging_two_level, SIM_TWO_LEVEL, 0xf0000, false},
    {&ashlar_paging_pae, SIM_PAE, 0x40000, false},
    {&ashlar_paging_4level, SIM_FOUR_LEVEL, UINT64_C(448) << 27, true},
    {&ashlar_paging_5level, SIM_FIVE_LEVEL, UINT64_C(448) << 36, true},
    {&ashlar_paging_pae_l1tf, SIM_PAE, 0x40000, true},
};

#ifndef WORLD_STACK_PAGES
#define WORLD_STACK_PAGES 64u
#endif
#ifdef WORLD_HAS_KVA
#define WORLD_AREAS ASHLAR_KVA_AREAS
#else
#define WORLD_AREAS 1 /* stands for stacks */
#endif

static struct {
    const struct world_format *format;
    struct ashlar_space_options options;
    struct ashlar_area areas[WORLD_AREAS];
    struct ashlar_space_layout layout;
    struct ashlar_frames *pool;
    void *pool_storage;
    ashlar_pfn next_table;   /* before the kernel half is laid */
    ashlar_vpn next_address; /* of those that tests of this floor hand out */
} world;

/* --- the port ------------------------------------------------------------------------ */

/* Much can happen elsewhere, and the MMU brings in what it likes. */
static void takes_long(void)
{
    for (unsigned i = 0; i < 6u; i++) {
        sim_yield();
    }
}

void ashlar_port_flush_page(uintptr_t address)
{
    takes_long();
    sim_mmu_flush_page(ashlar_port_cpu(), address);
}

void ashlar_port_flush_all(void)
{
    takes_long();
    sim_mmu_flush_all(ashlar_port_cpu());
}

ashlar_phys ashlar_port_get_root(void)
{
    return sim_mmu_root(ashlar_port_cpu());
}

void ashlar_port_set_root(ashlar_phys root)
{
    takes_long();
    sim_mmu_set_root(ashlar_port_cpu(), root);
    takes_long();
}

void *ashlar_port_open_frame(ashlar_pfn frame)
{
    return sim_window_open(ashlar_port_cpu(), frame);
}

void ashlar_port_close_frame(void *pointer)
{
    sim_window_close(ashlar_port_cpu(), pointer);
}

void *ashlar_port_pointer(uintptr_t address)
{
    return sim_pointer(address);
}

/* --- frames, as the machine is told of them ---------------------------------------------- */

/* The names are the linker's. */
ashlar_status __real_ashlar_frames_take(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first);
ashlar_status __wrap_ashlar_frames_take(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first);
ashlar_status __real_ashlar_frames_take_request(struct ashlar_frames *pool, const struct ashlar_frames_request *request,
                                                ashlar_pfn *first);
ashlar_status __wrap_ashlar_frames_take_request(struct ashlar_frames *pool, const struct ashlar_frames_request *request,
                                                ashlar_pfn *first);
ashlar_status __real_ashlar_frames_take_bulk(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count,
                                             unsigned flags);
ashlar_status __wrap_ashlar_frames_take_bulk(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count,
                                             unsigned flags);
void __real_ashlar_frames_give(struct ashlar_frames *pool, ashlar_pfn first, unsigned order);
void __wrap_ashlar_frames_give(struct ashlar_frames *pool, ashlar_pfn first, unsigned order);
void __real_ashlar_frames_give_bulk(struct ashlar_frames *pool, const ashlar_pfn *frames, size_t count);
void __wrap_ashlar_frames_give_bulk(struct ashlar_frames *pool, const ashlar_pfn *frames, size_t count);

static void note_taken(ashlar_status status, const ashlar_pfn *frames, size_t count)
{
    for (size_t i = 0; i < count && status == ASHLAR_OK; i++) {
        sim_frame_taken(frames[i]);
    }
}

static void note_block(ashlar_status status, const ashlar_pfn *first, unsigned order)
{
    for (size_t i = 0; i < (size_t)1 << order && status == ASHLAR_OK; i++) {
        sim_frame_taken(*first + i);
    }
}

ashlar_status __wrap_ashlar_frames_take(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first)
{
    ashlar_status status = __real_ashlar_frames_take(pool, order, first);
    note_block(status, first, order);
    return status;
}

ashlar_status __wrap_ashlar_frames_take_request(struct ashlar_frames *pool, const struct ashlar_frames_request *request,
                                                ashlar_pfn *first)
{
    ashlar_status status = __real_ashlar_frames_take_request(pool, request, first);
    note_block(status, first, request->order);
    return status;
}

ashlar_status __wrap_ashlar_frames_take_bulk(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count,
                                             unsigned flags)
{
    ashlar_status status = __real_ashlar_frames_take_bulk(pool, frames, count, flags);
    note_taken(status, frames, count);
    return status;
}

void __wrap_ashlar_frames_give(struct ashlar_frames *pool, ashlar_pfn first, unsigned order)
{
    for (size_t i = 0; i < (size_t)1 << order; i++) {
        sim_frame_freed(first + i);
    }
    __real_ashlar_frames_give(pool, first, order);
}

void __wrap_ashlar_frames_give_bulk(struct ashlar_frames *pool, const ashlar_pfn *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sim_frame_freed(frames[i]);
    }
    __real_ashlar_frames_give_bulk(pool, frames, count);
}

/* --- what the floor above adds ------------------------------------------------------------ */

#ifdef WORLD_HAS_KVA
static void world_want_areas(size_t kernel_pages)
{
    ashlar_kva_areas(kernel_pages, WORLD_STACK_PAGES, world.areas);
}

static void world_init_above(void)
{
    ashlar_kva_init(world.options.paging, world.pool, world.areas);
}

__attribute__((unused)) static const char *world_audit(void)
{
    const char *broken = ashlar_kva_audit();
    return broken != NULL ? broken : ashlar_space_audit();
}

__attribute__((unused)) static bool world_fault(uintptr_t address, unsigned error)
{
    return ashlar_kva_fault(address, error) || ashlar_space_fault(address, error);
}

/* Frames that stay: tables of the kernel half, and descriptors. */
__attribute__((unused)) static size_t world_kept_frames(void)
{
    struct ashlar_space_stats space;
    struct ashlar_kva_stats kva;
    ashlar_space_stats(&space);
    ashlar_kva_stats(&kva);
    return space.kernel_table_frames - world.layout.table_frames + kva.strip_frames - world.layout.area_frames;
}
#else
static void world_want_areas(size_t kernel_pages)
{
    (void)kernel_pages;
    world.areas[0] = (struct ashlar_area){"stacks", WORLD_STACK_PAGES, 0, ASHLAR_PFN_NONE, 0};
}

static void world_init_above(void)
{
}

__attribute__((unused)) static const char *world_audit(void)
{
    return ashlar_space_audit();
}

__attribute__((unused)) static bool world_fault(uintptr_t address, unsigned error)
{
    return ashlar_space_fault(address, error) != 0;
}

__attribute__((unused)) static size_t world_kept_frames(void)
{
    struct ashlar_space_stats space;
    ashlar_space_stats(&space);
    return space.kernel_table_frames - world.layout.table_frames;
}

/* Kernel addresses that nobody has used. */
__attribute__((unused)) static ashlar_vpn world_addresses(size_t pages)
{
    ashlar_vpn first = world.next_address;
    world.next_address += pages;
    return first;
}
#endif

/* --- bringing it up ------------------------------------------------------------------------ */

/* The image: one page, and the tables down to it, as a loader leaves them. */
static void make_image(ashlar_vpn page)
{
    const struct ashlar_paging *p = world.format->paging;
    void *table = sim_ram_frame(1);
    world.next_table = 2;
    for (unsigned level = ashlar_paging_levels(p); level > 1; level--) {
        ashlar_entry_set_link(p, table, ashlar_entry_index(p, level, page), level, world.next_table, 0);
        table = sim_ram_frame(world.next_table++);
    }
    ashlar_run_set_linear(p, table, ashlar_entry_index(p, 1, page), 1, world.next_table,
                          ashlar_entry_leaf_bits(p, FEATURES, 1, ASHLAR_MAP_WRITE | ASHLAR_MAP_GLOBAL));
}

static void make_pool(ashlar_pfn first)
{
    static struct ashlar_memmap_entry entry;
    static struct ashlar_memmap map;
    const struct ashlar_frames_options options = {.max_cpus = CPUS, .reserve_frames = 16};
    entry.base = (ashlar_phys)first * ASHLAR_PAGE_BYTES;
    entry.length = (ashlar_phys)(RAM_FRAMES - first) * ASHLAR_PAGE_BYTES;
    entry.type = ASHLAR_MEMMAP_USABLE;
    map = (struct ashlar_memmap){
        .entries = &entry, .capacity = 1, .count = 1, .wanted = 1, .limit = (ashlar_phys)1 << 52, .finalized = 1};
    size_t bytes = ashlar_frames_footprint_bytes(&map, &options);
    free(world.pool_storage);
    world.pool_storage = aligned_alloc(64, (bytes + 63u) & ~(size_t)63);
    if (ashlar_frames_init(world.pool_storage, bytes, &map, &options, &world.pool) != ASHLAR_OK) {
        abort();
    }
    for (ashlar_pfn frame = first; frame < RAM_FRAMES; frame++) {
        sim_frame_freed(frame);
    }
}

static void world_up(const struct world_format *format, ashlar_sharing_policy policy, const struct sim_mmu_options *mmu)
{
    const struct ashlar_paging *p = format->paging;
    struct sim_mmu_options machine = *mmu;
    size_t footprint = 0;
    unsigned pcid = (mmu->features & SIM_CPU_PCIDE) != 0 ? ASHLAR_FEATURE_PCID : 0u;
    ashlar_vpn image = (ashlar_paging_page(p, (uintptr_t)0 - 1u) | 1023u) - 1023u;
    ashlar_alone_begin(1); /* of the machine before nobody takes part */
    world.format = format;
    world.options = (struct ashlar_space_options){.paging = p,
                                                  .features = FEATURES | pcid,
                                                  .max_cpus = CPUS,
                                                  .policy = policy,
                                                  .kernel_first = (ashlar_vpn)format->kernel_first,
                                                  .image_first = image,
                                                  .image_pages = 1,
                                                  .home_first = image,
                                                  .home_pages = 1024,
                                                  .areas = world.areas,
                                                  .area_count = WORLD_AREAS,
                                                  .kick = sim_kick};
    world_want_areas(image - world.options.kernel_first);
    machine.kernel_bytes = POINTER_BYTES;
    machine.has_l1tf = format->has_l1tf;
    machine.kernel_first = (uint64_t)ashlar_paging_address(p, image) - POINTER_BYTES;
    sim_ram_init((uint64_t)RAM_FRAMES << 12);
    sim_mmu_init(format->sim, CPUS, &machine);
    sim_windows_init(false, 16);
    make_image(image);
    sim_mmu_set_root(0, 1u << 12);
    if (ashlar_space_footprint_frames(&world.options, &footprint) != ASHLAR_OK ||
        ashlar_space_lay(&world.options, FIRST_FRAME, footprint, &world.layout) != ASHLAR_OK) {
        abort();
    }
    sim_mmu_set_reference(ashlar_space_root(NULL));
    make_pool(FIRST_FRAME + (ashlar_pfn)footprint);
    world.next_address = world.layout.arena_first;
    ashlar_space_init(world.pool);
    world_init_above();
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        sim_mmu_set_root(cpu, ashlar_space_root(NULL));
        sim_mmu_take_part(cpu, false);
    }
}

/* This CPU begins to take part, or ends. */
__attribute__((unused)) static void world_join(void)
{
    unsigned cpu = ashlar_port_cpu();
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_space_cpu_join(cpu);
    sim_mmu_take_part(cpu, true);
    ashlar_port_irq_restore(interrupts);
}

/* By the first of its CPU's threads that comes here. */
__attribute__((unused)) static void world_join_once(bool *joined)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    unsigned cpu = ashlar_port_cpu();
    if (cpu != 0 && !joined[cpu]) {
        joined[cpu] = true;
        world_join();
    }
    ashlar_port_irq_restore(interrupts);
}

__attribute__((unused)) static void world_switch(struct ashlar_space *space)
{
    ashlar_port_pin();
    ashlar_space_switch(space);
    ashlar_port_unpin();
}

/* --- steps --------------------------------------------------------------------------------- */

#define CPU_STEPS 32u /* at most */

/* Of each CPU's own step, so that one that is left out changes no other's numbers. */
static struct {
    uint64_t seed;
    uint64_t random[CPUS];
} steps;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&steps.random[ashlar_port_cpu()]) >> 33) % bound;
}

/* This CPU's next step, numbered from 0; false if the run is to do without it. */
static bool world_step(unsigned number)
{
    unsigned cpu = ashlar_port_cpu(), step = cpu * CPU_STEPS + number;
    steps.random[cpu] = shrink_random(steps.seed, step);
    return shrink_wants(step);
}

/* --- runs ------------------------------------------------------------------------------------ */

static unsigned long number_of(const char *name, unsigned long usual)
{
    const char *text = getenv(name);
    return text != NULL ? strtoul(text, NULL, 0) : usual;
}

/* PCIDs mean nothing to a 32-bit machine. */
static unsigned world_features(uint64_t seed)
{
    return (SIM_CPU_USUAL & ~SIM_CPU_GIB) | (seed / 4u % 2u == 0 ? SIM_CPU_PCIDE : 0u);
}

static struct sim_schedule_options world_schedule(uint64_t seed, void (*between)(void))
{
    static const unsigned drains[] = {0, 1, 8, 40}; /* stores are visible at once, soon, late, very late */
    return (struct sim_schedule_options){.seed = seed,
                                         .kick_one_in = 1u << seed % 6,
                                         .drain_one_in = (unsigned)number_of("ASHLAR_BUFFERS", drains[seed / 4 % 4]),
                                         .interrupt = ashlar_space_answer,
                                         .between = between};
}

/* A run that was given up may have left locks held. The numbers of all that is outside of steps. */
static void world_begin(uint64_t seed)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        sim_set_cpu(cpu);
        ashlar_lock_abandon_all();
        steps.random[cpu] = shrink_random(seed + CPUS, SHRINK_STEPS_MOST + cpu);
    }
    steps.seed = seed;
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
}

/* The machine of this seed, up anew, and how its CPUs are scheduled. */
__attribute__((unused)) static struct sim_schedule_options world_start(const struct world_format *format,
                                                                       ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_mmu_options mmu = {.features = world_features(seed), .seed = seed};
    world_begin(seed);
    world_up(format, policy, &mmu);
    return world_schedule(seed, NULL);
}

/* Free ones, and those that the floors have taken for good. */
__attribute__((unused)) static size_t world_frames(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    return stats.free_frames + world_kept_frames();
}

static void (*world_settle)(void);

static void settle_on_one(void *context)
{
    (void)context;
    if (ashlar_port_cpu() == 0) {
        world_settle();
    }
}

/* body on all CPUs; then, unless something is wrong, settle, which works on CPU 0 alone. What was wrong, or NULL. problem: "" as
 * long as all is well. */
static const char *world_run(void (*body)(void *), void (*settle)(void), const struct sim_schedule_options *schedule,
                             const char *problem)
{
    static char text[320];
    const char *why = sim_schedule(CPUS, body, NULL, schedule);
    if (why == NULL && problem[0] == '\0') {
        world_settle = settle;
        why = sim_schedule(CPUS, settle_on_one, NULL, schedule);
    }
    if (why == NULL && problem[0] != '\0') {
        why = problem;
    }
    if (sim_violations_all() != 0) {
        snprintf(text, sizeof text, "violation: %s", sim_violation_text());
        why = text;
    }
    return why;
}

/* --- seeds ------------------------------------------------------------------------------------ */

typedef const char *(*world_seed)(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed);

struct world_failure {
    world_seed run;
    const struct world_format *format;
    ashlar_sharing_policy policy;
    uint64_t seed;
};

static bool world_fails(const void *context)
{
    const struct world_failure *failure = context;
    return failure->run(failure->format, failure->policy, failure->seed) != NULL;
}

/* Which steps of which CPU it takes. */
static void world_tell(const struct world_failure *failure, const char *why)
{
    printf("# seed %" PRIu64 ": %s\n", failure->seed, why);
    shrink_begin(CPUS * CPU_STEPS);
    (void)shrink_run(world_fails, failure);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        printf("#   CPU %u needs its steps", cpu);
        for (unsigned i = 0; i < CPU_STEPS; i++) {
            if (shrink_wants(cpu * CPU_STEPS + i)) {
                printf(" %u", i);
            }
        }
        putchar('\n');
    }
}

/* Seeds from 0 on, or ASHLAR_SEED alone, until one fails; true if none does. */
static bool world_seeds(const struct world_format *format, ashlar_sharing_policy policy, unsigned long seeds,
                        world_seed run)
{
    bool one = getenv("ASHLAR_SEED") != NULL;
    struct world_failure failure = {run, format, policy, number_of("ASHLAR_SEED", 0)};
    for (uint64_t end = failure.seed + (one ? 1u : seeds); failure.seed < end; failure.seed++) {
        shrink_begin(CPUS * CPU_STEPS);
        const char *why = run(format, policy, failure.seed);
        if (why != NULL) {
            world_tell(&failure, why);
            return false;
        }
    }
    return true;
}

/* Each policy under each format whose addresses this build's words hold; ASHLAR_FORMAT and ASHLAR_POLICY choose one. What
 * PAE/L1TF has of its own is no matter of policies: one is enough. */
static void world_each(void (*each)(const struct world_format *format, ashlar_sharing_policy policy))
{
    for (unsigned f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        bool fits = (sizeof(uintptr_t) == 8) == (f == 2 || f == 3);
        unsigned last = f < 4 || getenv("ASHLAR_POLICY") != NULL ? ASHLAR_SHARING_SEQ : ASHLAR_SHARING_PREALLOCATE;
        for (unsigned policy = ASHLAR_SHARING_PREALLOCATE; policy <= last && fits; policy++) {
            if (f == number_of("ASHLAR_FORMAT", f) && policy == number_of("ASHLAR_POLICY", policy)) {
                each(&formats[f], (ashlar_sharing_policy)policy);
            }
        }
    }
}

/* Nothing runs any more: the first invariant that is broken, if any, is the run's problem. */
__attribute__((unused)) static void world_note_broken(char *problem, size_t bytes)
{
    const char *broken = world_audit();
    broken = broken != NULL ? broken : ashlar_frames_audit(world.pool);
    if (broken != NULL) {
        snprintf(problem, bytes, "%s", broken);
    }
}

#endif
