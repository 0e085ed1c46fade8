/* SPDX-License-Identifier: 0BSD */
/* mmio.c - device memory: uncached, at its own address, of any alignment. */
#include "kva/world.h"

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

static void test_device_edges(void)
{
    uintptr_t address = 4711;
    size_t ranges = world_kva_stats().ranges;
    is_u(ashlar_kva_map_mmio(0xb8010, 0, ASHLAR_MAP_WRITE, "none", &address), ASHLAR_BAD_ARGUMENT,
         "%s: [fault 57] a device of no bytes", world.name);
    is_u(ashlar_kva_map_mmio(~(ashlar_phys)0 - 10u, 100, ASHLAR_MAP_WRITE, "wraps", &address), ASHLAR_BAD_ARGUMENT,
         "%s: [fault 37] a device that wraps", world.name);
    is_u(address, 4711, "%s: the output stays as it was", world.name);
    is_u(world_kva_stats().ranges, ranges, "%s: no range is left", world.name);
    world_ok("devices at the edge");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_mmio();
        test_mmio_sizes();
        test_device_edges();
    }
    return done_testing();
}
