/* SPDX-License-Identifier: 0BSD */
/* world.h - a simulated machine on which the space floor is brought up by hand: frames and space, nothing above them. Or the
 * kva floor as well, where tests/kva/world.h says so before it includes this.
 *
 *     frame 0x100   image, of 256 frames; the boot root is one of them
 *     frame 0x280   boot stack, mapped behind the image
 *     frame 0x300   the loader's tables: in RAM, outside of the image
 *
 * The image is mapped as a loader would, at any site; a page at the bottom as well, for the loader's own sake. Two CPUs: a
 * kick is answered at once.
 */
#ifndef ASHLAR_TESTS_SPACE_WORLD_H
#define ASHLAR_TESTS_SPACE_WORLD_H

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/alone.h"
#include "base/lock.h"
#include "machine.h"
#include "sim.h"
#include "space/lay.h"
#include "tables/half.h"
#include "tap.h"
#include "world_formats.h"
#include <ashlar/port.h>

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define PAGES_OF(bytes) ((size_t)((bytes) >> ASHLAR_PAGE_SHIFT))
#define WORLD_CPUS 2u

#define IMAGE_FRAME 0x100u
#define IMAGE_FRAMES 0x100u
#define BOOT_ROOT 0x102u
#define STACK_FRAME 0x280u
#define STACK_FRAMES 4u
#define STACK_OFFSET_PAGES 0x180u
#define LOADER_FRAME 0x300u

#define HOME_PAGES 1024u

/* Where the image's home is. */
enum world_site {
    WORLD_TOP,    /* 8 MiB below the end, 2 GiB on 64-bit: the image begins it */
    WORLD_START,  /* it begins kernel space: the fixed part and the arena lie above */
    WORLD_MIDDLE, /* in kernel space's middle: the arena lies below, the fixed part above */
    WORLD_LOW,    /* identity-mapped at 1 MiB */
    WORLD_SITES
};

__attribute__((unused)) static const char *const world_site_names[] = {"at the top", "at the start", "in the middle",
                                                                       "low"};

/* What a test may choose; zero is the usual. */
struct world_options {
    uint64_t ram_bytes;    /* 64 MiB */
    uint64_t kernel_bytes; /* kernel space: 512 MiB; 64-bit: 2 TiB */
    size_t stack_pages;    /* of the area of stacks: 768 */
    size_t kept_frames;    /* of the pool */
    unsigned features;     /* WORLD_FEATURES */
    unsigned evict_one_in; /* of the MMU: never */
    unsigned speculate_one_in;
    uint64_t seed;
    ashlar_sharing_policy policy; /* PREALLOCATE */
    enum world_site site;
    bool guarded;   /* windows: who looks through a closed one is found; slow */
    bool unwatched; /* the machine is not told which frames change hands: for much RAM */
};

#ifdef WORLD_HAS_KVA
#define WORLD_AREAS ASHLAR_KVA_AREAS
#else
#define WORLD_AREAS 2         /* one is empty, of another lay backs the first pages */
#define WORLD_BACKED_PAGES 3u /* so many */
#endif

static struct {
    const struct world_format *format;
    const struct ashlar_paging *paging;
    const char *name; /* of the format */
    struct ashlar_memmap map;
    struct ashlar_memmap_entry entries[64];
    struct ashlar_space_options options;
    struct ashlar_area areas[WORLD_AREAS + 1u]; /* the last one is the carve */
    struct ashlar_space_layout layout;
    struct ashlar_frames *pool;
    ashlar_vpn next_address; /* of those that tests of this floor hand out */
    size_t ram_frames;
    uintptr_t image_address;
    uintptr_t home_address;
    ashlar_pfn loader_end; /* one past the last of its tables */
    ashlar_pfn carve_first;
    size_t carve_frames;
    size_t table_frames; /* of the carve */
    bool unwatched;
    uint64_t gives; /* of the pool, when the machine was told last */
} world;

static bool world_is_64(void)
{
    return ashlar_paging_virtual_bits(world.paging) > 32u;
}

__attribute__((unused)) static uintptr_t world_address(ashlar_vpn page)
{
    return ashlar_paging_address(world.paging, page);
}

__attribute__((unused)) static ashlar_vpn world_page(uintptr_t address)
{
    return ashlar_paging_page(world.paging, address);
}

/* --- the loader's part ----------------------------------------------------------- */

static void world_boot_map(ashlar_vpn page, ashlar_pfn frame)
{
    const struct ashlar_paging *p = world.paging;
    void *table = sim_ram_frame(BOOT_ROOT);
    for (unsigned level = ashlar_paging_levels(p); level > 1; level--) {
        unsigned index = ashlar_entry_index(p, level, page);
        if (!ashlar_entry_is_link(p, level, ashlar_entry_load(p, table, index))) {
            ashlar_entry_set_link(p, table, index, level, world.loader_end++, 0);
        }
        table = sim_ram_frame(ashlar_entry_frame(p, ashlar_entry_load(p, table, index)));
    }
    ashlar_run_set(p, table, ashlar_entry_index(p, 1, page), 1, &frame,
                   ashlar_entry_leaf_bits(p, WORLD_FEATURES, 1, ASHLAR_MAP_WRITE));
}

static void world_boot_tables(void)
{
    ashlar_vpn image = ashlar_paging_page(world.paging, world.image_address);
    world.loader_end = LOADER_FRAME;
    for (size_t i = 0; i < IMAGE_FRAMES; i++) {
        world_boot_map(image + i, IMAGE_FRAME + i);
    }
    for (size_t i = 0; i < STACK_FRAMES; i++) {
        world_boot_map(image + STACK_OFFSET_PAGES + i, STACK_FRAME + i);
    }
    if (image != IMAGE_FRAME) {
        world_boot_map(IMAGE_FRAME, IMAGE_FRAME);
    }
    sim_mmu_set_root(0, BOOT_ROOT << ASHLAR_PAGE_SHIFT);
    sim_mmu_set_root(1, BOOT_ROOT << ASHLAR_PAGE_SHIFT);
}

/* So many bytes below the end of the address space, of which the low bits count. */
static uint64_t world_below_end(uint64_t bytes)
{
    return (world_is_64() ? 0 : (uint64_t)1 << 32) - bytes;
}

static uint64_t world_home(const struct world_options *options)
{
    switch (options->site) {
    case WORLD_START:
        return world_below_end(options->kernel_bytes);
    case WORLD_MIDDLE:
        return world_below_end(options->kernel_bytes / (8u * MIB) * 4u * MIB);
    case WORLD_LOW:
        return 0;
    case WORLD_TOP:
    case WORLD_SITES:
    default:
        return world_below_end(world_is_64() ? 2u * (uint64_t)GIB : 8u * MIB);
    }
}

/* The pointers of the host reach the start of the arena, where the heap is, and the fixed area: both at the start of kernel
 * space, or one there and the other beside the image, or at the end. */
static void world_reach(const struct world_options *options, struct sim_mmu_options *mmu)
{
    uint64_t high = world_is_64() ? 3u * (uint64_t)GIB : 128u * MIB;
    uint64_t low_most = world_is_64() ? (uint64_t)1400 * GIB : 384u * MIB;
    bool beside = options->site == WORLD_MIDDLE;
    mmu->high_first = beside ? world_home(options) : world_below_end(high);
    mmu->high_bytes = high;
    mmu->kernel_first = world_below_end(options->kernel_bytes);
    mmu->kernel_bytes = options->kernel_bytes > high ? options->kernel_bytes - high : 0;
    mmu->kernel_bytes = beside ? options->kernel_bytes / 2u : mmu->kernel_bytes;
    mmu->kernel_bytes = mmu->kernel_bytes < low_most ? mmu->kernel_bytes : low_most;
}

static struct world_options world_usual(const struct world_format *format, const struct world_options *given)
{
    struct world_options options = *given;
    options.ram_bytes = options.ram_bytes != 0 ? options.ram_bytes : 64u * MIB;
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    if (options.kernel_bytes == 0) {
        options.kernel_bytes = wide ? (uint64_t)2048 * GIB : 512u * MIB;
    }
    options.stack_pages = options.stack_pages != 0 ? options.stack_pages : 768u;
    options.features = options.features != 0 ? options.features : WORLD_FEATURES;
    options.policy = options.policy != ASHLAR_SHARING_AUTO ? options.policy : ASHLAR_SHARING_PREALLOCATE;
    return options;
}

/* Power on: RAM, MMUs, the loader's tables, an unfinished map. */
static void world_power_on(const struct world_format *format, const struct world_options *options)
{
    struct sim_mmu_options mmu = {.features = SIM_CPU_USUAL,
                                  .physical_bits = format->physical_bits,
                                  .has_l1tf = format->has_l1tf,
                                  .seed = options->seed,
                                  .evict_one_in = options->evict_one_in,
                                  .speculate_one_in = options->speculate_one_in,
                                  .find_stale_use = true};
    mmu.features |= (options->features & ASHLAR_FEATURE_PCID) != 0 ? SIM_CPU_PCIDE : 0u;
    memset(&world, 0, sizeof world);
    ashlar_alone_begin(1); /* of the machine before nobody takes part */
    world.format = format;
    world.paging = format->paging;
    world.name = ashlar_paging_name(format->paging);
    world.home_address = (uintptr_t)world_home(options);
    world.image_address = world.home_address + (options->site == WORLD_TOP ? 0 : MIB);
    world.ram_frames = (size_t)(options->ram_bytes >> ASHLAR_PAGE_SHIFT);
    world_reach(options, &mmu);
    sim_before_flush(NULL);
    sim_frames_ask(NULL);
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    sim_ram_init(options->ram_bytes);
    sim_mmu_init(format->sim, WORLD_CPUS, &mmu);
    sim_windows_init(options->guarded, 8);
    world_boot_tables();
    ashlar_memmap_init(&world.map, world.entries, sizeof world.entries / sizeof world.entries[0], 0, NULL, NULL);
    ashlar_memmap_add(&world.map, 0, 0x9f000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(&world.map, MIB, options->ram_bytes - MIB, ASHLAR_MEMMAP_USABLE);
}

/* --- watching frames --------------------------------------------------------------- */

__attribute__((unused)) static bool world_is_taken(uint64_t frame)
{
    return ashlar_frames_state(world.pool, (ashlar_pfn)frame) == ASHLAR_FRAME_TAKEN;
}

/* Tell the machine of frames that were freed since the last time: whatever still knows one is a violation. Not of those
 * that were taken again meanwhile. */
__attribute__((unused)) static void world_sync(void)
{
    struct ashlar_frames_stats stats;
    if (world.pool == NULL || world.unwatched) {
        return;
    }
    ashlar_frames_stats(world.pool, &stats);
    if (stats.gives == world.gives) {
        return;
    }
    world.gives = stats.gives;
    for (ashlar_pfn frame = 1; frame < world.ram_frames; frame++) {
        if (ashlar_frames_state(world.pool, frame) == ASHLAR_FRAME_FREE && !sim_frame_is_free(frame)) {
            sim_frame_freed(frame);
        }
    }
}

/* What is freed too early is found while the CPU still knows it. */
__attribute__((unused)) static void world_before_flush(void)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    world_sync();
    ashlar_port_irq_restore(interrupts);
}

/* --- what the floor above adds ------------------------------------------------------- */

#ifdef WORLD_HAS_KVA
static void world_want_areas(size_t kernel_pages, size_t stack_pages)
{
    ashlar_kva_areas(kernel_pages, stack_pages, world.areas);
}

static void world_init_above(void)
{
    ashlar_kva_init(world.paging, world.pool, world.areas);
}

static const char *world_audit(void)
{
    const char *broken = ashlar_kva_audit();
    return broken != NULL ? broken : ashlar_space_audit();
}

static void world_purge(void)
{
    (void)ashlar_kva_purge();
}

static int world_fault(uintptr_t address, unsigned error)
{
    return ashlar_kva_fault(address, error) || ashlar_space_fault(address, error);
}

/* Kernel addresses of nobody else, for good; ASHLAR_PFN_NONE: there are none. */
__attribute__((unused)) static ashlar_vpn world_addresses(size_t pages, size_t align)
{
    ashlar_vpn first;
    return ashlar_kva_reserve(pages, align, "test", &first) == ASHLAR_OK ? first : ASHLAR_PFN_NONE;
}
#else
static void world_want_areas(size_t kernel_pages, size_t stack_pages)
{
    (void)kernel_pages;
    world.areas[0] = (struct ashlar_area){"stacks", stack_pages, 0, ASHLAR_PFN_NONE, 0};
    world.areas[1] = (struct ashlar_area){"descriptors", 40, WORLD_BACKED_PAGES, ASHLAR_PFN_NONE, 0};
}

static void world_init_above(void)
{
}

static const char *world_audit(void)
{
    return ashlar_space_audit();
}

static void world_purge(void)
{
}

static int world_fault(uintptr_t address, unsigned error)
{
    return ashlar_space_fault(address, error);
}

/* At a multiple of align. */
__attribute__((unused)) static ashlar_vpn world_addresses(size_t pages, size_t align)
{
    ashlar_vpn end = world.layout.arena_first + world.layout.arena_pages;
    ashlar_vpn first = (world.next_address + align - 1u) & ~(ashlar_vpn)(align - 1u);
    if (first > end || end - first < pages) {
        return ASHLAR_PFN_NONE;
    }
    world.next_address = first + pages;
    return first;
}

/* Mapped to frames of the pool. */
__attribute__((unused)) static ashlar_vpn world_map_kernel(size_t pages, unsigned flags);
__attribute__((unused)) static void world_unmap_kernel(ashlar_vpn first, size_t pages);
#endif

/* --- bringing the floors up ---------------------------------------------------------- */

/* The other CPUs answer at once. */
static void world_kick(const uint32_t *cpus, unsigned words)
{
    unsigned self = ashlar_port_cpu();
    for (unsigned cpu = 0; cpu < WORLD_CPUS && cpu / 32u < words; cpu++) {
        if ((cpus[cpu / 32u] >> cpu % 32u & 1u) != 0) {
            sim_set_cpu(cpu);
            uintptr_t interrupts = ashlar_port_irq_save();
            ashlar_space_answer();
            ashlar_port_irq_restore(interrupts);
        }
    }
    sim_set_cpu(self);
}

static void world_bail(const char *what, ashlar_status status)
{
    printf("# %s: %s\n", what, ashlar_status_text(status));
    fflush(stdout);
    abort();
}

static void world_finish_map(void)
{
    ashlar_memmap_reserve(&world.map, IMAGE_FRAME * 4096u, IMAGE_FRAMES * 4096u, ASHLAR_MEMMAP_KERNEL);
    ashlar_memmap_reserve(&world.map, STACK_FRAME * 4096u, STACK_FRAMES * 4096u, ASHLAR_MEMMAP_KERNEL);
    ashlar_memmap_reserve(&world.map, LOADER_FRAME * 4096u, (world.loader_end - LOADER_FRAME) * 4096u,
                          ASHLAR_MEMMAP_KERNEL);
    ashlar_status status = ashlar_memmap_finalize(&world.map);
    if (status != ASHLAR_OK) {
        world_bail(ashlar_memmap_problem(&world.map), status);
    }
}

static void world_choose(const struct world_options *options, size_t carve_pages)
{
    world.options = (struct ashlar_space_options){
        .paging = world.paging,
        .features = options->features | ASHLAR_FEATURE_PHYSICAL_BITS(world.format->physical_bits),
        .max_cpus = WORLD_CPUS,
        .policy = options->policy,
        .kernel_first = ashlar_paging_last_page(world.paging) - PAGES_OF(options->kernel_bytes) + 1u,
        .image_first = ashlar_paging_page(world.paging, world.image_address),
        .image_pages = IMAGE_FRAMES,
        .home_first = ashlar_paging_page(world.paging, world.home_address),
        .home_pages = HOME_PAGES,
        .areas = world.areas,
        .area_count = WORLD_AREAS + 1u,
        .kick = world_kick,
    };
    world_want_areas(ashlar_lay_room_pages(&world.options), options->stack_pages);
    world.areas[WORLD_AREAS] = (struct ashlar_area){"carve", carve_pages, carve_pages, 0, 0};
}

/* The second CPU takes part, on the reference root. */
__attribute__((unused)) static void world_join(void)
{
    sim_set_cpu(1);
    sim_mmu_set_root(1, ashlar_space_root(NULL));
    ashlar_space_cpu_join(1);
    sim_set_cpu(0);
}

/* It goes, and CPU 0 is alone. */
__attribute__((unused)) static void world_leave(void)
{
    sim_set_cpu(1);
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_space_cpu_leave();
    ashlar_port_irq_restore(interrupts);
    sim_set_cpu(0);
}

/* CPU 0 is alone, and has interrupts off: it may do what a thread may, and waits for nobody. */
__attribute__((unused)) static uintptr_t world_begin_alone(void)
{
    world_leave();
    return ashlar_port_irq_save();
}

__attribute__((unused)) static void world_end_alone(uintptr_t interrupts)
{
    ashlar_port_irq_restore(interrupts);
    world_join();
}

__attribute__((unused)) static void world_watch(const struct world_options *options)
{
    world.unwatched = options->unwatched;
    world.gives = ~(uint64_t)0;
    sim_frames_ask(world_is_taken);
    world_sync();
    sim_before_flush(world_before_flush);
    world_join();
}

/* All of it; the map's carve is made here. */
__attribute__((unused)) static void world_start(const struct world_format *format, const struct world_options *given)
{
    struct world_options options = world_usual(format, given);
    struct ashlar_frames_options frames_options = {.max_cpus = WORLD_CPUS, .reserve_frames = options.kept_frames};
    world_power_on(format, &options);
    world_finish_map();
    size_t bytes = ashlar_frames_footprint_bytes(&world.map, &frames_options);
    world_choose(&options, PAGES_OF(bytes + 4095u));
    ashlar_status status = ashlar_space_footprint_frames(&world.options, &world.table_frames);
    world.carve_frames = world.table_frames + world.areas[WORLD_AREAS].pages;
    if (status == ASHLAR_OK) {
        status = ashlar_memmap_carve(&world.map, world.carve_frames, 1, 0x100000u, &world.carve_first);
    }
    if (status == ASHLAR_OK) {
        world.areas[WORLD_AREAS].frame = world.carve_first + world.table_frames;
        status = ashlar_space_lay(&world.options, world.carve_first, world.carve_frames, &world.layout);
    }
    if (status == ASHLAR_OK) {
        status = ashlar_frames_init(ashlar_port_pointer(world_address(world.areas[WORLD_AREAS].first)), bytes,
                                    &world.map, &frames_options, &world.pool);
    }
    if (status != ASHLAR_OK) {
        world_bail("space floor", status);
    }
    sim_mmu_set_reference(ashlar_space_root(NULL));
    world.next_address = world.layout.arena_first;
    ashlar_space_init(world.pool);
    world_init_above();
    world_watch(&options);
}

__attribute__((unused)) static void world_start_usual(const struct world_format *format)
{
    const struct world_options usual = {0};
    world_start(format, &usual);
}

/* --- after everything that a test does --------------------------------------------------- */

/* The first thing that is not as it has to be between two operations; NULL if all is well. */
__attribute__((unused)) static const char *world_broken(void)
{
    static char text[160];
    const char *broken = world_audit();
    world_purge();
    world_sync();
    broken = broken != NULL ? broken : world_audit();
    broken = broken != NULL ? broken : ashlar_frames_audit(world.pool);
    if (broken == NULL && sim_violations_all() != 0) {
        broken = sim_violation_text();
    }
    for (unsigned cpu = 0; cpu < WORLD_CPUS && broken == NULL; cpu++) {
        if (sim_windows_open(cpu) != 0) {
            broken = "a window is open";
        } else if (sim_tlb_stale(cpu, text, sizeof text) != 0) {
            broken = text;
        }
    }
    if (broken == NULL && sim_pins() != 0) {
        broken = "a pin is open";
    }
    if (broken == NULL && (sim_interrupts_are_off() || ashlar_lock_held_name() != NULL)) {
        broken = "interrupts are off, or a lock is held";
    }
    return broken;
}

#define world_ok(...) world_ok_at(__LINE__, __VA_ARGS__)
__attribute__((unused, format(printf, 2, 3))) static void world_ok_at(int line, const char *format, ...)
{
    char name[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const char *broken = world_broken();
    if (!tap_report(broken == NULL, line, "%s: %s", world.name, name)) {
        printf("#   %s\n", broken);
    }
}

/* --- small things that tests do ----------------------------------------------------------- */

__attribute__((unused)) static size_t world_free_frames(void)
{
    struct ashlar_frames_stats stats;
    world_purge();
    ashlar_frames_stats(world.pool, &stats);
    return stats.free_frames;
}

__attribute__((unused)) static struct ashlar_space_stats world_stats(void)
{
    struct ashlar_space_stats stats;
    ashlar_space_stats(&stats);
    return stats;
}

/* Frames for mapping, the pool's; aligned to their number, rounded up, and to be given back in any parts. */
__attribute__((unused)) static ashlar_pfn world_frames(size_t frames, size_t align)
{
    const struct ashlar_frames_range range = {frames, align, 0, 0, 0};
    ashlar_pfn first = 0;
    ashlar_status status = ashlar_frames_take_range(world.pool, &range, &first);
    if (status != ASHLAR_OK) {
        world_bail("frames for a test", status);
    }
    return first;
}

__attribute__((unused)) static void world_give_frames(ashlar_pfn first, size_t frames)
{
    ashlar_frames_give_range(world.pool, first, frames);
}

#ifndef WORLD_HAS_KVA
static ashlar_vpn world_map_kernel(size_t pages, unsigned flags)
{
    ashlar_vpn first = world_addresses(pages, 1);
    ashlar_status status = ashlar_space_map_linear(NULL, first, pages, world_frames(pages, 1), flags);
    if (status != ASHLAR_OK) {
        world_bail("kernel pages for a test", status);
    }
    return first;
}

static void world_unmap_kernel(ashlar_vpn first, size_t pages)
{
    ashlar_status status = ashlar_space_unmap(NULL, first, pages, NULL);
    if (status != ASHLAR_OK) {
        world_bail("kernel pages of a test", status);
    }
}
#endif

/* What the pool gives out next is full of what somebody has left there. */
__attribute__((unused)) static void world_dirty(void)
{
    ashlar_pfn frames[300];
    if (ashlar_frames_take_bulk(world.pool, frames, 300, 0) != ASHLAR_OK) {
        world_bail("frames to be dirtied", ASHLAR_NO_FRAMES);
    }
    for (size_t i = 0; i < 300; i++) {
        memset(sim_ram_frame(frames[i]), 0xa5, ASHLAR_PAGE_BYTES);
    }
    ashlar_frames_give_bulk(world.pool, frames, 300);
}

/* An access as code on this CPU makes it: faults go to the floors first. 0, or the last fault. */
__attribute__((unused)) static unsigned world_access(unsigned cpu, uintptr_t address, void *value, unsigned access)
{
    unsigned self = ashlar_port_cpu(), fault;
    world_sync();
    sim_set_cpu(cpu);
    for (unsigned tries = 0;; tries++) {
        fault = (access & SIM_WRITE) != 0 ? sim_store(cpu, address, value, sizeof(uint32_t), access & SIM_USER)
                                          : sim_load(cpu, address, value, sizeof(uint32_t), access & SIM_USER);
        if (fault == 0 || (fault & SIM_FAULT_CANONICAL) != 0 || tries == 4 ||
            !world_fault(address, fault & ~SIM_FAULT)) {
            break;
        }
    }
    sim_set_cpu(self);
    return fault;
}

/* How many of these kernel pages are not mapped. */
__attribute__((unused)) static size_t world_absent(ashlar_vpn first, size_t pages)
{
    size_t gone = 0;
    for (size_t i = 0; i < pages; i++) {
        struct ashlar_mapping mapping;
        gone += ashlar_space_query(NULL, first + i, &mapping) == ASHLAR_ABSENT;
    }
    return gone;
}

/* What a CPU reads there; 0xdead0000 and the error code if it faults. */
__attribute__((unused)) static uint32_t world_read(unsigned cpu, ashlar_vpn page, unsigned user)
{
    uint32_t value = 0;
    unsigned fault = world_access(cpu, world_address(page), &value, SIM_READ | user);
    return fault == 0 ? value : 0xdead0000u | (fault & 0xffffu);
}

__attribute__((unused)) static unsigned world_write(unsigned cpu, ashlar_vpn page, uint32_t value, unsigned user)
{
    return world_access(cpu, world_address(page), &value, SIM_WRITE | user);
}

/* The first word of a frame, by the machine's own way. */
__attribute__((unused)) static uint32_t *world_word(ashlar_pfn frame)
{
    return sim_ram_frame(frame);
}

#endif
