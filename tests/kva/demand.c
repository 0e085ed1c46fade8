/* SPDX-License-Identifier: 0BSD */
/* demand.c - kernel regions whose pages come, zeroed, when they are touched. */
#include "kva/world.h"

#include "space/leaves.h"
#include "tables/reach.h"

#define PAGES 1100u /* more than one table has */

static size_t free_now(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    return stats.free_frames;
}

static size_t promised(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    return stats.reserved_frames;
}

static void dirty_frames(void)
{
    static ashlar_pfn frames[64];
    if (ashlar_frames_take_bulk(world.pool, frames, 64, 0) != ASHLAR_OK) {
        world_bail("frames", ASHLAR_NO_FRAMES);
    }
    for (unsigned i = 0; i < 64; i++) {
        memset(sim_ram_frame(frames[i]), 0x5a, 4096);
    }
    ashlar_frames_give_bulk(world.pool, frames, 64);
}

static void test_pages_come(void)
{
    ashlar_vpn first;
    struct ashlar_space space;
    uint32_t value = 1;
    dirty_frames();
    size_t before = free_now() + world_stats().kernel_table_frames;
    is_u(ashlar_kva_take_demand(PAGES, ASHLAR_MAP_WRITE, "arena", &first), ASHLAR_OK, "%s: a region", world.name);
    is_u(promised(), PAGES, "%s: all its frames are promised", world.name);
    is_u(world_access(0, world_address(first + 3u) + 8u, &value, SIM_READ), 0, "%s: a page comes when read",
         world.name);
    is_u(value, 0, "%s: zeroed", world.name);
    struct sim_translation t;
    sim_mmu_inspect(0, world_address(first + 3u), &t);
    ok(t.fault == 0 && t.pat_index == 0 && t.writable && !t.user, "%s: as it was asked for", world.name);
    if (ASHLAR_DEBUG) {
        like(SIM_FATAL(ashlar_frames_give(world.pool, (ashlar_pfn)(t.physical >> 12), 0)), "still mapped",
             "its frame cannot be given");
        ashlar_lock_abandon_all();
    }
    value = 77;
    is_u(world_access(0, world_address(first + PAGES - 1u), &value, SIM_WRITE), 0, "%s: the last one, written",
         world.name);
    is_u(promised(), PAGES - 2u, "%s: two promises were used", world.name);
    if (ashlar_space_create(&space) != ASHLAR_OK) {
        world_bail("create", ASHLAR_NO_FRAMES);
    }
    sim_set_cpu(1);
    ashlar_space_switch(&space);
    is_u(world_read(1, first + PAGES - 1u, 0), 77, "%s: another space on another CPU sees it", world.name);
    value = 5;
    is_u(world_access(1, world_address(first + 4u), &value, SIM_WRITE), 0, "%s: and brings one itself", world.name);
    ashlar_space_switch(NULL);
    sim_set_cpu(0);
    is_u(world_read(0, first + 4u, 0), 5, "%s: that the first one sees", world.name);
    ok((world_access(0, world_address(first + PAGES), &value, SIM_READ) & SIM_FAULT) != 0,
       "%s: the guard behind brings nothing", world.name);
    ashlar_space_destroy(&space);
    ashlar_kva_give(first);
    is_u(promised(), 0, "%s: no promise is left", world.name);
    is_u(free_now() + world_stats().kernel_table_frames, before, "%s: and no frame, but for tables", world.name);
    world_ok("pages come");
}

static void test_region(void)
{
    ashlar_vpn first;
    struct ashlar_frames_stats stats;
    static const char zeros[ASHLAR_PAGE_BYTES];
    size_t before = world_free_frames();
    world_dirty();
    is_u(ashlar_kva_take_demand(20, ASHLAR_MAP_WRITE, "region", &first), ASHLAR_OK, "%s: a demand region", world.name);
    is_u(world_absent(first, 20), 20, "%s: nothing is there", world.name);
    ashlar_frames_stats(world.pool, &stats);
    is_u(stats.reserved_frames, 20, "%s: all is promised", world.name);
    is_u(world_read(1, first + 7u, 0), 0, "%s: a page comes zeroed", world.name);
    struct ashlar_mapping m = {0, 0, 0};
    is_u(ashlar_space_query(NULL, first + 7u, &m), ASHLAR_OK, "%s: and is there", world.name);
    is_u(memcmp(sim_ram_frame(m.frame), zeros, sizeof zeros), 0, "%s: all of it", world.name);
    is_u(world_write(0, first + 7u, 5, 0), 0, "%s: once", world.name);
    is_u(world_read(1, first + 7u, 0), 5, "%s: for both CPUs", world.name);
    is_u(world_write(0, first + 19u, 5, 0), 0, "%s: the last one", world.name);
    is_u(world_read(0, first + 20u, 0), 0xdead0000u, "%s: and no further", world.name);
    ashlar_frames_stats(world.pool, &stats);
    is_u(stats.reserved_frames, 18, "%s: two promises were kept", world.name);
    ashlar_frames_fail_nth(world.pool, 1, 1);
    is_u(world_write(1, first, 5, 0), 0, "%s: with no memory as well", world.name);
    ashlar_frames_fail_nth(world.pool, 0, 0);
    is_u(world_write(0, first + 3u, 5, SIM_USER), SIM_FAULT | SIM_WRITE | SIM_USER, "%s: not for users", world.name);
    ashlar_kva_give(first);
    ashlar_frames_stats(world.pool, &stats);
    is_u(stats.reserved_frames, 0, "%s: no promise is left", world.name);
    is_u(world_read(0, first + 7u, 0), 0xdead0000u, "%s: it is gone", world.name);
    ok(world_free_frames() + 3u >= before, "%s: so are its frames", world.name);
    is_u(ashlar_kva_take_demand(3, 0, "read only", &first), ASHLAR_OK, "%s: one to read", world.name);
    is_u(world_read(0, first, 0), 0, "%s: zeros", world.name);
    is_u(world_write(0, first, 1, 0), SIM_FAULT | SIM_PRESENT | SIM_WRITE, "%s: only", world.name);
    ashlar_kva_give(first);
    world_ok("demand");
}

static void test_refused(void)
{
    ashlar_vpn first = 4711;
    size_t all = free_now();
    is_u(ashlar_kva_take_demand(all + 1u, ASHLAR_MAP_WRITE, "too much", &first), ASHLAR_NO_FRAMES,
         "%s: more than there are frames", world.name);
    is_u(ashlar_kva_take_demand(1, ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC, "w+x", &first), ASHLAR_REFUSED,
         "%s: [fault 41] writable and executable", world.name);
    is_u(ashlar_kva_take_demand(1, ASHLAR_MAP_USER, "user", &first), ASHLAR_REFUSED, "%s: the user's", world.name);
    is_u(ashlar_kva_take_demand(0, 0, "none", &first), ASHLAR_BAD_ARGUMENT, "%s: no pages", world.name);
    is_u(first, 4711, "%s: the output stays as it was", world.name);
    is_u(promised(), 0, "%s: nothing is promised", world.name);
    world_ok("refused");
}

/* With no free frame left at all, the promised ones still come. */
static void test_promise_holds(void)
{
    static ashlar_pfn hoard[65536];
    size_t count = 0;
    ashlar_vpn first;
    uint32_t value = 9;
    if (ashlar_kva_take_demand(20, ASHLAR_MAP_WRITE, "promised", &first) != ASHLAR_OK) {
        world_bail("demand", ASHLAR_NO_FRAMES);
    }
    struct ashlar_frames_request greedy = {0, 0, ASHLAR_FRAMES_ANY_NODE, ASHLAR_FRAMES_MAY_USE_RESERVE};
    while (count < 65536 && ashlar_frames_take_request(world.pool, &greedy, &hoard[count]) == ASHLAR_OK) {
        count++;
    }
    unsigned failed = 0;
    for (unsigned i = 0; i < 20; i++) {
        failed += world_access(0, world_address(first + i), &value, SIM_WRITE) != 0;
    }
    is_u(failed, 0, "%s: each promised page comes although no frame is free", world.name);
    ashlar_frames_give_bulk(world.pool, hoard, count);
    ashlar_kva_give(first);
    world_ok("promise");
}

/* Another CPU has made the entry busy, and not yet stored the page: try again. */
static void test_busy(void)
{
    ashlar_vpn first;
    struct ashlar_spot spot;
    if (ashlar_kva_take_demand(2, ASHLAR_MAP_WRITE, "busy", &first) != ASHLAR_OK) {
        world_bail("demand", ASHLAR_NO_FRAMES);
    }
    ashlar_port_pin();
    ashlar_spot_find(NULL, first, 1, &spot);
    uint64_t entry = spot.entry;
    uintptr_t note = ashlar_entry_note_of(world.paging, entry) | (uintptr_t)1 << 28;
    ashlar_entry_note(world.paging, spot.table, spot.index, note);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_kva_fault(world_address(first), 2), "%s: a fault on a busy page is to be tried again", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_u(ashlar_entry_load(world.paging, spot.table, spot.index), ashlar_entry_encode_note(world.paging, note),
         "%s: the entry is left to the other CPU", world.name);
    is_u(promised(), 2, "%s: no frame was taken", world.name);
    sim_set_context(ASHLAR_CONTEXT_NMI);
    int mended = 0;
    const char *message = SIM_FATAL(mended = ashlar_kva_fault(world_address(first), 2));
    if (message != NULL) {
        ashlar_port_pin(); /* a report ends them all */
    }
    ok(mended == 0 && (message != NULL) == ASHLAR_DEBUG,
       "%s: [fault 130] in an NMI it is not: it may be what this very CPU is bringing", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_entry_store(world.paging, spot.table, spot.index, entry);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
    ashlar_kva_give(first);
    world_ok("busy");
}

/* A device interrupts the CPU that is bringing a page, wherever its interrupts are on; the handler touches the page. */
static struct {
    ashlar_vpn page;
    unsigned came;
    unsigned stuck;
    bool inside;
} device;

static void interrupt_here(void)
{
    unsigned turns = 0;
    if (device.inside || sim_interrupts_are_off()) {
        return;
    }
    device.inside = true;
    device.came++;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    while (turns < 100u && !ashlar_leaf_is_mapped(device.page) &&
           ashlar_kva_fault(world_address(device.page), 2) != 0) {
        turns++;
    }
    device.stuck += turns == 100u;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    device.inside = false;
}

static void test_interrupted(void)
{
    if (ashlar_kva_take_demand(2, ASHLAR_MAP_WRITE, "interrupted", &device.page) != ASHLAR_OK) {
        world_bail("demand", ASHLAR_NO_FRAMES);
    }
    sim_before_open(interrupt_here);
    ashlar_port_close_frame(ashlar_port_open_frame(IMAGE_FRAME));
    ok(device.came == 1 && ashlar_leaf_is_mapped(device.page), "%s: a handler brings a page itself", world.name);
    device.page++;
    ok(ashlar_kva_fault(world_address(device.page), 2) && ashlar_leaf_is_mapped(device.page),
       "%s: so does a thread, while devices interrupt", world.name);
    sim_before_open(NULL);
    is_u(device.stuck, 0, "%s: [fault 130] no handler tries for ever to reach what its own CPU is bringing",
         world.name);
    is_u(promised(), 0, "%s: a frame for each", world.name);
    ashlar_kva_give(device.page - 1u);
    memset(&device, 0, sizeof device);
    world_ok("interrupted");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_pages_come();
        test_region();
        test_refused();
        test_promise_holds();
        test_busy();
        test_interrupted();
    }
    return done_testing();
}
