/* SPDX-License-Identifier: 0BSD */
/* later.c - memory that comes after boot, in every format: plugged in, and reclaimed; as a whole, or not at all. */
#include "boot/world.h"

#include "boot/joining.h"
#include "space/direct.h"
#include <ashlar/kmalloc.h>

/* The source is compiled once more here: between the direct map and the pool another CPU may come. */
static ashlar_status add_and_join(ashlar_pfn first, size_t frames)
{
    ashlar_status status = ashlar_direct_add(first, frames);
    joining_now();
    return status;
}

#define ashlar_memory_add memory_add_joined
#define ashlar_memory_reclaim memory_reclaim_joined
#define ashlar_direct_add add_and_join
ashlar_status memory_add_joined(ashlar_pfn first, size_t frames, unsigned node);
ashlar_status memory_reclaim_joined(struct ashlar_memmap *map, ashlar_memmap_type type,
                                    const struct ashlar_memmap_entry *live, size_t live_count, size_t *frames);
/* NOLINTNEXTLINE(bugprone-suspicious-include): another build of it. */
#include "../../src/boot/later.c"
#undef ashlar_memory_add
#undef ashlar_memory_reclaim
#undef ashlar_direct_add

#define PLUGGED ((ashlar_pfn)(40u * MIB >> ASHLAR_PAGE_SHIFT))
#define PLUGGED_FRAMES PAGES_OF(6u * MIB)
#define MODULE ((ashlar_pfn)(16u * MIB >> ASHLAR_PAGE_SHIFT))
#define MODULE_FRAMES ((size_t)300)
#define OTHER_MODULE ((ashlar_pfn)(20u * MIB >> ASHLAR_PAGE_SHIFT))
#define LOW_FRAMES ((size_t)8)
#define OTHER_FRAMES ((size_t)16)

static void set_aside(ashlar_pfn first, size_t frames, ashlar_memmap_type type)
{
    ashlar_memmap_reserve(&world.map, (ashlar_phys)first << ASHLAR_PAGE_SHIFT, (ashlar_phys)frames << ASHLAR_PAGE_SHIFT,
                          type);
}

static void start(const struct world_format *format)
{
    prepare(format, 64u * MIB);
    set_aside(PLUGGED, PLUGGED_FRAMES, ASHLAR_MEMMAP_RESERVED);
    set_aside(MODULE, MODULE_FRAMES, ASHLAR_MEMMAP_MODULE);
    set_aside(OTHER_MODULE, OTHER_FRAMES, ASHLAR_MEMMAP_MODULE);
    up();
}

/* --- what is compared -------------------------------------------------------------- */

struct state {
    size_t total;
    size_t free;
    size_t heap_bytes;
    size_t entries;
    uint64_t map_sum;
};

static struct state state_now(void)
{
    struct ashlar_frames_stats frames;
    struct ashlar_heap_stats heap;
    (void)ashlar_heap_shrink(booted.heap, 0);
    (void)ashlar_kva_purge();
    ashlar_frames_stats(booted.frames, &frames);
    ashlar_heap_stats(booted.heap, &heap);
    struct state state = {frames.total_frames, frames.free_frames, heap.live_bytes, world.map.count, 0};
    for (size_t i = 0; i < world.map.count; i++) {
        const struct ashlar_memmap_entry *entry = &world.map.entries[i];
        state.map_sum = state.map_sum * 31u + entry->base * 7u + entry->length * 3u + entry->type;
    }
    return state;
}

static bool is_direct(ashlar_pfn frame)
{
    struct ashlar_mapping mapping = {0, 0, 0};
    ashlar_vpn page = ashlar_space_layout()->direct_first + frame;
    return ashlar_space_query(NULL, page, &mapping) == ASHLAR_OK && mapping.frame == frame;
}

/* Are so many of these mapped directly as can be? All of them, or none. */
static size_t direct_wrong(ashlar_pfn first, size_t frames, bool wanted)
{
    size_t wrong = 0;
    for (size_t i = 0; i < frames && ashlar_space_layout()->direct_pages != 0; i++) {
        wrong += is_direct(first + i) != wanted;
    }
    return wrong;
}

static size_t not_in_state(ashlar_pfn first, size_t frames, ashlar_frame_state wanted)
{
    size_t wrong = 0;
    for (size_t i = 0; i < frames; i++) {
        wrong += ashlar_frames_state(booted.frames, first + i) != wanted;
    }
    return wrong;
}

/* Page tables of the kernel half may stay. */
static void is_as_before(const struct state *before, const char *what)
{
    struct state now = state_now();
    struct ashlar_space_stats stats = world_stats();
    ok(now.total == before->total && now.heap_bytes == before->heap_bytes && now.entries == before->entries &&
           now.map_sum == before->map_sum,
       "%s: %s: all is as before", world.name, what);
    is_u(direct_wrong(PLUGGED, PLUGGED_FRAMES, false), 0, "%s: %s: nothing of it is mapped directly", world.name, what);
    ok(now.free + 8u + stats.kernel_table_frames >= before->free, "%s: %s: frames are back", world.name, what);
    world_ok("%s", what);
}

/* --- plugged in ---------------------------------------------------------------------- */

/* Each take fails in turn: of bookkeeping, and of tables for the direct map. */
static void check_each_failure(void)
{
    struct state before = state_now();
    ashlar_status status = ASHLAR_NO_FRAMES;
    unsigned failed = 0;
    for (uint64_t n = 1; n < 100 && status != ASHLAR_OK; n++) {
        ashlar_frames_fail_nth(booted.frames, n, 1);
        status = ashlar_memory_add(PLUGGED, PLUGGED_FRAMES, 0);
        ashlar_frames_fail_nth(booted.frames, 0, 0);
        if (status != ASHLAR_OK) {
            failed++;
            is_u(status, ASHLAR_NO_FRAMES, "%s: take %u fails", world.name, (unsigned)n);
            is_as_before(&before, "memory that could not come");
        }
    }
    ok(status == ASHLAR_OK && failed != 0, "%s: [fault 211] it comes in the end, after %u failures", world.name,
       failed);
    struct state after = state_now();
    is_u(after.total, before.total + PLUGGED_FRAMES, "%s: the pool has it", world.name);
    is_u(not_in_state(PLUGGED, PLUGGED_FRAMES, ASHLAR_FRAME_FREE), 0, "%s: all of it is free", world.name);
    is_u(direct_wrong(PLUGGED, PLUGGED_FRAMES, true), 0, "%s: [fault 211] and mapped where all RAM is", world.name);
}

static void check_refused(void)
{
    struct state before = state_now();
    ashlar_pfn limit = (ashlar_pfn)((uint64_t)1 << (world.format->physical_bits - ASHLAR_PAGE_SHIFT));
    is_u(ashlar_memory_add(PLUGGED, 0, 0), ASHLAR_BAD_ARGUMENT, "%s: no frames", world.name);
    is_u(ashlar_memory_add(0, 1, 0), ASHLAR_BAD_ARGUMENT, "%s: frame 0", world.name);
    is_u(ashlar_memory_add(limit - 1u, 2, 0), ASHLAR_BAD_ARGUMENT, "%s: more than the CPU can address", world.name);
    is_u(ashlar_memory_add(limit, 1, 0), ASHLAR_BAD_ARGUMENT, "%s: all beyond it", world.name);
    is_u(ashlar_memory_add(PLUGGED, 1, ASHLAR_FRAMES_ANY_NODE), ASHLAR_BAD_ARGUMENT, "%s: no such node", world.name);
    is_u(ashlar_memory_add(LOADER_FRAME - 1u, 1, 0), ASHLAR_EXISTS, "%s: a frame that is RAM already", world.name);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    is_u(ashlar_memory_add(PLUGGED, PLUGGED_FRAMES, 0), ASHLAR_MAY_NOT_WAIT, "%s: in an interrupt", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_as_before(&before, "what cannot be added");
}

/* A part of it is there: the pool says so, after the direct map has been told. */
static void check_overlap(void)
{
    struct state before = state_now();
    is_u(ashlar_memory_add(PLUGGED - 1u, 1, 0), ASHLAR_EXISTS, "%s: the frame before it", world.name);
    is_u(ashlar_memory_add(PLUGGED + PLUGGED_FRAMES - 1u, 2, 0), ASHLAR_EXISTS, "%s: its last frame, and one more",
         world.name);
    struct state now = state_now();
    ok(now.total == before.total && now.heap_bytes == before.heap_bytes, "%s: nothing has come", world.name);
    world_ok("overlaps");
}

static void add_for_nobody(void)
{
    is_u(memory_add_joined(PLUGGED, PLUGGED_FRAMES, ASHLAR_FRAMES_ANY_NODE), ASHLAR_BAD_ARGUMENT,
         "%s: no such node, with interrupts off and alone", world.name);
}

/* Whoever could not add has to take the mapping back, for which a second CPU would have to be asked. */
static void check_joining(void)
{
    struct state before = state_now();
    world_leave();
    is_str(joining_run(add_for_nobody), NULL, "[fault 212] a CPU joins in the middle: it waits");
    world_join();
    is_as_before(&before, "memory of a node that is not there");
}

/* Whatever the pool hands out can be opened, and what is written stays. */
static void check_use(void)
{
    ashlar_pfn block;
    struct ashlar_frames_range range = {.frames = PLUGGED_FRAMES,
                                        .from_pfn = PLUGGED,
                                        .limit_pfn = PLUGGED + PLUGGED_FRAMES};
    is_u(ashlar_frames_take_range(booted.frames, &range, &block), ASHLAR_OK, "%s: all of it at once", world.name);
    is_u(block, PLUGGED, "%s: from its first frame", world.name);
    size_t wrong = 0;
    for (size_t i = 0; i < PLUGGED_FRAMES; i += 97) {
        ashlar_port_pin();
        uint32_t *window = ashlar_port_open_frame(block + i);
        window[5] = (uint32_t)i;
        wrong += window[5] != i;
        ashlar_port_close_frame(window);
        ashlar_port_unpin();
    }
    is_u(wrong, 0, "%s: it is memory", world.name);
    ashlar_frames_give_range(booted.frames, block, PLUGGED_FRAMES);
    world_ok("use");
}

/* --- reclaimed ------------------------------------------------------------------------ */

static void check_live(void)
{
    const struct ashlar_memmap_entry live = {.base = ((ashlar_phys)MODULE << ASHLAR_PAGE_SHIFT) + 5000, .length = 10};
    struct state before = state_now();
    size_t frames = 77;
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, &live, 1, &frames), ASHLAR_REFUSED,
         "%s: a module that is still read", world.name);
    is_u(frames, 0, "%s: nothing came", world.name);
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_KERNEL, NULL, 0, &frames), ASHLAR_BAD_ARGUMENT,
         "%s: what is never given back", world.name);
    static const unsigned contexts[] = {ASHLAR_CONTEXT_INTERRUPT, ASHLAR_CONTEXT_NMI, ASHLAR_CONTEXT_NO_SLEEP};
    for (unsigned i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        static ashlar_status status;
        status = ASHLAR_OK;
        sim_set_context(contexts[i]);
        is_str(SIM_FATAL(status = ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, NULL, 0, &frames)), NULL,
               "[fault 216] memory is reclaimed where it cannot be: no fatal report");
        sim_set_context(ASHLAR_CONTEXT_THREAD);
        is_u(status, ASHLAR_MAY_NOT_WAIT, "%s: [fault 216] but a refusal", world.name);
    }
    struct state now = state_now();
    ok(now.total == before.total && now.map_sum == before.map_sum, "%s: the map is as before", world.name);
}

static void check_reclaim(void)
{
    struct state before = state_now();
    size_t frames = 0;
    ashlar_frames_fail_nth(booted.frames, 1, 1);
    ashlar_heap_fail_nth(booted.heap, 1);
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, NULL, 0, &frames), ASHLAR_NO_FRAMES,
         "%s: modules, with no memory for their bookkeeping", world.name);
    ashlar_heap_fail_nth(booted.heap, 0);
    ashlar_frames_fail_nth(booted.frames, 0, 0);
    is_u(frames, 0, "%s: none came", world.name);
    struct state now = state_now();
    ok(now.total == before.total && now.map_sum == before.map_sum && now.entries == before.entries,
       "%s: [fault 211] and the map says so", world.name);
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, NULL, 0, &frames), ASHLAR_OK, "%s: modules",
         world.name);
    is_u(frames, MODULE_FRAMES + OTHER_FRAMES, "%s: both came", world.name);
    is_u(not_in_state(MODULE, MODULE_FRAMES, ASHLAR_FRAME_FREE), 0, "%s: one is free", world.name);
    is_u(not_in_state(OTHER_MODULE, OTHER_FRAMES, ASHLAR_FRAME_FREE), 0, "%s: and the other", world.name);
    is_u(direct_wrong(MODULE, MODULE_FRAMES, true), 0, "%s: [fault 211] mapped where all RAM is", world.name);
    is_u(state_now().total, before.total + frames, "%s: the pool has them", world.name);
    is_str(ashlar_memmap_audit(&world.map), NULL, "the map is sound");
    world_ok("reclaim");
}

/* A run of the loader's from frame 0 on, as firmware leaves it: that frame is never used, the others are. */
static void check_from_zero(const struct world_format *format, size_t spare_entries)
{
    size_t frames = 0;
    prepare(format, 64u * MIB);
    set_aside(0, LOW_FRAMES, ASHLAR_MEMMAP_MODULE);
    set_aside(OTHER_MODULE, OTHER_FRAMES, ASHLAR_MEMMAP_MODULE);
    up();
    struct state before = state_now();
    world.map.capacity = world.map.count + spare_entries;
    ashlar_frames_fail_nth(booted.frames, 1, 1);
    ashlar_heap_fail_nth(booted.heap, 1);
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, NULL, 0, &frames),
         spare_entries != 0 ? ASHLAR_NO_FRAMES : ASHLAR_NO_STORAGE, "%s: from frame 0 on, and it fails", world.name);
    ashlar_heap_fail_nth(booted.heap, 0);
    ashlar_frames_fail_nth(booted.frames, 0, 0);
    struct state now = state_now();
    ok(frames == 0 && now.map_sum == before.map_sum && now.entries == before.entries && now.total == before.total,
       "%s: [fault 214] all is as before", world.name);
    world.map.capacity = before.entries + 1u;
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, NULL, 0, &frames), ASHLAR_OK, "%s: it comes",
         world.name);
    is_u(frames, LOW_FRAMES - 1u + OTHER_FRAMES, "%s: [fault 214] but for frame 0", world.name);
    is_u(not_in_state(1, LOW_FRAMES - 1u, ASHLAR_FRAME_FREE), 0, "%s: the others are free", world.name);
    is_u(not_in_state(0, 1, ASHLAR_FRAME_FOREIGN), 0, "%s: and that one is not", world.name);
    is_u(ashlar_memory_reclaim(&world.map, ASHLAR_MEMMAP_MODULE, NULL, 0, &frames), ASHLAR_OK, "%s: once more",
         world.name);
    is_u(frames, 0, "%s: nothing is left", world.name);
    is_str(ashlar_memmap_audit(&world.map), NULL, "the map is sound");
    world_ok("from frame 0");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        check_refused();
        check_joining();
        check_each_failure();
        check_overlap();
        check_use();
        check_live();
        check_reclaim();
        check_from_zero(format, 0);
        check_from_zero(format, 1);
    }
    return done_testing();
}
