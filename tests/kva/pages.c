/* SPDX-License-Identifier: 0BSD */
/* backing.c - pages, stacks, demand regions and device memory: taken, used, given back; purges and magazines. */
#include "kva/world.h"

static void start(const struct world_format *format)
{
    world_start_usual(format);
}

static size_t usable(ashlar_vpn first, size_t pages, uint32_t word)
{
    size_t good = 0;
    for (size_t i = 0; i < pages; i++) {
        good += world_write((unsigned)i % 2u, first + i, word + (uint32_t)i, 0) == 0;
    }
    for (size_t i = 0; i < pages; i++) {
        good += world_read(1u - (unsigned)i % 2u, first + i, 0) == word + i;
    }
    return good / 2u;
}

static void test_take(void)
{
    static const size_t sizes[] = {1, 2, 31, 32, 33, 64, 65, 200};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ashlar_vpn first;
        size_t before = world_free_frames();
        is_u(ashlar_kva_take(sizes[i], ASHLAR_MAP_WRITE, "pages", &first), ASHLAR_OK, "%s: take %zu pages",
             world.name, sizes[i]);
        is_u(usable(first, sizes[i], 7), sizes[i], "%s: all can be used on both CPUs", world.name);
        is_u(world_absent(first + sizes[i], 1), 1, "%s: a guard behind", world.name);
        struct ashlar_frames_stats stats;
        ashlar_frames_stats(world.pool, &stats);
        ok(stats.free_frames + sizes[i] <= before && stats.reserved_frames == 0, "%s: no promise is left", world.name);
        ashlar_kva_give(first);
        is_u(world_absent(first, sizes[i]), sizes[i], "%s: given back: gone at once", world.name);
        is_u(world_stats().purge_pages, sizes[i] + 1u, "%s: and waiting", world.name);
        is_u(ashlar_kva_purge(), sizes[i] + 1u, "%s: purged", world.name);
        is_u(ashlar_kva_purge(), 0, "%s: once", world.name);
        world_ok("%zu pages", sizes[i]);
    }
}

static void test_commit(void)
{
    ashlar_vpn first;
    size_t before = world_free_frames();
    is_u(ashlar_kva_reserve(100, 1, "range", &first), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit(first + 10u, 40, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    is_u(usable(first + 10u, 40, 9), 40, "%s: all of it", world.name);
    is_u(world_absent(first, 10) + world_absent(first + 50u, 50), 60, "%s: and no more", world.name);
    is_u(ashlar_kva_commit(first + 49u, 2, ASHLAR_MAP_WRITE), ASHLAR_EXISTS, "%s: [fault 34] over what is there",
         world.name);
    like(SIM_FATAL(ashlar_kva_decommit(first + 40u, 11)), "decommit of 11 pages", "decommit of a hole");
    ashlar_kva_decommit(first + 20u, 10);
    is_u(world_absent(first + 20u, 10), 10, "%s: a part of it decommitted", world.name);
    ashlar_kva_decommit(first + 10u, 10);
    ashlar_kva_decommit(first + 30u, 20);
    ashlar_kva_unreserve(first);
    ok(world_free_frames() + 4u >= before, "%s: the frames are back", world.name);
    world_ok("commit");
}

static void test_stacks(void)
{
    uintptr_t top[4];
    for (unsigned i = 0; i < 4; i++) {
        is_u(ashlar_kva_take_stack(i + 1u, "stack", &top[i]), ASHLAR_OK, "%s: a stack of %u", world.name, i + 1u);
        ashlar_vpn low = ashlar_address_page(top[i]) - (i + 1u);
        is_u(usable(low, i + 1u, 3), i + 1u, "%s: can be used", world.name);
        is_u(world_absent(low - 1u, 1) + world_absent(low + i + 1u, 1), 2, "%s: guards on both sides", world.name);
        ok(low - world.layout.stacks_first < world.layout.stacks_pages, "%s: where stacks are", world.name);
    }
    is_u(world_stats().stacks, 4, "%s: four stacks", world.name);
    for (unsigned i = 0; i < 4; i++) {
        ashlar_kva_give_stack(top[i]);
    }
    like(SIM_FATAL(ashlar_kva_give_stack(top[0])), "was given back already", "a stack given back twice");
    (void)ashlar_kva_purge();
    like(SIM_FATAL(ashlar_kva_give_stack(top[3])), "was given back already", "also while it is kept ready");
    is_u(world_stats().stacks, 0, "%s: none", world.name);
    uintptr_t again;
    is_u(ashlar_kva_take_stack(4, "again", &again), ASHLAR_OK, "%s: another of the same size", world.name);
    is_u(again, top[3], "%s: is the one that was kept ready", world.name);
    ashlar_kva_give_stack(again);
    (void)ashlar_kva_purge();
    (void)ashlar_magazines_empty(&ashlar_half.stacks);
    like(SIM_FATAL(ashlar_kva_give_stack(top[0])), "is the top of no stack", "and when its addresses are free");
    world_ok("stacks");
}

static void test_demand(void)
{
    ashlar_vpn first;
    struct ashlar_frames_stats stats;
    static const char zeros[ASHLAR_PAGE_BYTES];
    size_t before = world_free_frames();
    world_dirty();
    is_u(ashlar_kva_take_demand(20, ASHLAR_MAP_WRITE, "region", &first), ASHLAR_OK, "%s: a demand region",
         world.name);
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

static void test_mmio(void)
{
    struct sim_translation t;
    uintptr_t address;
    is_u(ashlar_kva_map_mmio(0xfebf0ffcu, 8, ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC, "device", &address), ASHLAR_OK,
         "%s: registers across two pages", world.name);
    for (unsigned i = 0; i < 2; i++) {
        sim_mmu_inspect(0, address + i * 4u, &t);
        ok(t.fault == 0 && t.physical == 0xfebf0ffcu + i * 4u && t.pat_index == 3 && t.writable && !t.user,
           "%s: uncached, at their own address", world.name);
    }
    size_t before = world_free_frames();
    ashlar_kva_unmap_mmio(address);
    is_u(world_free_frames(), before, "%s: no frame comes of it", world.name);
    sim_mmu_inspect(0, address, &t);
    ok(t.fault != 0, "%s: gone", world.name);
    like(SIM_FATAL(ashlar_kva_unmap_mmio(address)), "no range begins at", "unmapped twice");
    world_ok("device memory");
}

/* A device has the pages that its bytes touch. */
static void test_mmio_sizes(void)
{
    static const struct {
        unsigned offset;
        size_t bytes;
        size_t pages;
    } devices[] = {{0, 1, 1}, {0, 4096, 1}, {0, 4097, 2}, {4095, 1, 1}, {4095, 2, 2}, {4095, 4097, 2}, {4095, 4098, 3}};
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        uintptr_t address;
        is_u(ashlar_kva_map_mmio(0xfebf0000u + devices[i].offset, devices[i].bytes, 0, "device", &address), ASHLAR_OK,
             "%s: %zu bytes", world.name, devices[i].bytes);
        ashlar_vpn first = ashlar_paging_page(world.paging, address);
        is_u(world_absent(first, devices[i].pages + 1u), 1, "%s: %zu pages and a guard", world.name, devices[i].pages);
        ashlar_kva_unmap_mmio(address);
    }
    world_ok("sizes of devices");
}

static void test_wrong_gives(void)
{
    ashlar_vpn pages, range;
    uintptr_t device;
    is_u(ashlar_kva_take(3, ASHLAR_MAP_WRITE, "three", &pages), ASHLAR_OK, "%s: pages", world.name);
    is_u(ashlar_kva_reserve(3, 1, "numbers", &range), ASHLAR_OK, "%s: addresses", world.name);
    is_u(ashlar_kva_map_mmio(0xfee00000u, 4096, 0, "device", &device), ASHLAR_OK, "%s: a device", world.name);
    like(SIM_FATAL(ashlar_kva_give(range)), "range numbers at", "give of what is only reserved");
    like(SIM_FATAL(ashlar_kva_unreserve(pages)), "is a range of pages, given back as a reserved range",
         "unreserve of pages");
    like(SIM_FATAL(ashlar_kva_unmap_mmio(world_address(pages))), "given back as a device mapping",
         "unmap of pages as a device");
    like(SIM_FATAL(ashlar_kva_give(pages + 1u)), "no range begins at", "give of its second page");
    like(SIM_FATAL(ashlar_kva_give(5)), "no range begins at", "give of a user page");
    ashlar_pfn frame;
    is_u(ashlar_space_unmap(NULL, pages + 1u, 1, &frame), ASHLAR_OK, "%s: unmap one of them", world.name);
    like(SIM_FATAL(ashlar_kva_give(pages)), "with 1 of its 3 pages missing", "give with a page missing");
}

static void test_purge(const struct world_format *format)
{
    ashlar_vpn first;
    start(format);
    size_t limit = ashlar_half.purge_pages;
    uint64_t purges = world_stats().purges;
    size_t given = 0;
    ok(limit >= 200 && limit <= 8192, "%s: a share of RAM waits", world.name);
    while (given + 11u < limit) {
        is_u(ashlar_kva_take(10, ASHLAR_MAP_WRITE, "ten", &first), ASHLAR_OK, "%s: ten pages", world.name);
        ashlar_kva_give(first);
        given += 11u;
    }
    is_u(world_stats().purges, purges, "%s: nothing is flushed before", world.name);
    is_u(world_stats().purge_pages, given, "%s: all of them wait", world.name);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    is_u(ashlar_kva_take(10, ASHLAR_MAP_WRITE, "ten", &first), ASHLAR_OK, "%s: ten more", world.name);
    ashlar_kva_give(first);
    is_u(world_stats().purges, purges, "%s: an interrupt does not purge", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_u(ashlar_kva_take(1, ASHLAR_MAP_WRITE, "one", &first), ASHLAR_OK, "%s: and one", world.name);
    ashlar_kva_give(first);
    is_u(world_stats().purges, purges + 1u, "%s: the next thread does, once", world.name);
    is_u(world_stats().purge_pages, 0, "%s: all of it", world.name);
    world_ok("purge");
}

/* What waits is used before there is none. */
static void test_short(const struct world_format *format)
{
    static ashlar_pfn hoard[65536];
    const struct ashlar_frames_request last = {0, 0, ASHLAR_FRAMES_ANY_NODE, ASHLAR_FRAMES_MAY_USE_RESERVE};
    ashlar_vpn first;
    size_t count = 0;
    start(format);
    is_u(ashlar_kva_take(50, ASHLAR_MAP_WRITE, "fifty", &first), ASHLAR_OK, "%s: fifty pages", world.name);
    while (ashlar_frames_take(world.pool, 0, &hoard[count]) == ASHLAR_OK) {
        count++;
    }
    ashlar_vpn more = 77;
    is_u(ashlar_kva_take(40, ASHLAR_MAP_WRITE, "more", &more), ASHLAR_NO_FRAMES, "%s: no frame is free", world.name);
    is_u(more, 77, "%s: no output was touched", world.name);
    ok(world_free_frames() != 0 && ashlar_kva_take(1, ASHLAR_MAP_WRITE, "more", &more) == ASHLAR_NO_FRAMES,
       "%s: %zu are kept back for others", world.name, world_free_frames());
    ashlar_kva_give(first);
    is_u(ashlar_kva_take(40, ASHLAR_MAP_WRITE, "more", &more), ASHLAR_OK, "%s: those that waited are", world.name);
    struct ashlar_space space;
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space, with a frame of those that are left", world.name);
    ashlar_pfn frame;
    while (ashlar_frames_take_request(world.pool, &last, &frame) == ASHLAR_OK) {
        hoard[count++] = frame;
    }
    is_u(ashlar_space_map(&space, 5, 1, hoard, 0), ASHLAR_NO_FRAMES, "%s: no frame for its tables", world.name);
    ashlar_kva_give(more);
    is_u(ashlar_space_map(&space, 5, 1, hoard, 0), ASHLAR_OK, "%s: there are those that wait", world.name);
    is_u(ashlar_space_unmap(&space, 5, 1, &frame), ASHLAR_OK, "%s: unmap", world.name);
    ashlar_space_destroy(&space);
    ashlar_frames_give_bulk(world.pool, hoard, count);
    world_ok("short of frames");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_take();
        test_commit();
        test_stacks();
        test_demand();
        test_mmio();
        test_mmio_sizes();
        test_wrong_gives();
        test_purge(format);
        test_short(format);
    }
    return done_testing();
}
