/* SPDX-License-Identifier: 0BSD */
/* pages.c - pages: taken, used, given back; and what is given back wrongly. */
#include "kva/world.h"

static void test_take(void)
{
    static const size_t sizes[] = {1, 2, 31, 32, 33, 64, 65, 200};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ashlar_vpn first;
        size_t before = world_free_frames();
        is_u(ashlar_kva_take(sizes[i], ASHLAR_MAP_WRITE, "pages", &first), ASHLAR_OK, "%s: take %zu pages", world.name,
             sizes[i]);
        is_u(world_usable(first, sizes[i]), sizes[i], "%s: all can be used on both CPUs", world.name);
        is_u(world_absent(first + sizes[i], 1), 1, "%s: a guard behind", world.name);
        struct ashlar_frames_stats stats;
        ashlar_frames_stats(world.pool, &stats);
        ok(stats.free_frames + sizes[i] <= before && stats.reserved_frames == 0, "%s: no promise is left", world.name);
        ashlar_kva_give(first);
        is_u(world_absent(first, sizes[i]), sizes[i], "%s: given back: gone at once", world.name);
        is_u(world_kva_stats().purge_pages, sizes[i] + 1u, "%s: and waiting", world.name);
        is_u(ashlar_kva_purge(), sizes[i] + 1u, "%s: purged", world.name);
        is_u(ashlar_kva_purge(), 0, "%s: once", world.name);
        world_ok("%zu pages", sizes[i]);
    }
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
    like(SIM_FATAL(ashlar_kva_give(pages + 1u)), "kva: no range begins at", "give of its second page");
    like(SIM_FATAL(ashlar_kva_give(5)), "kva: no range begins at", "give of a user page");
    ashlar_pfn frame;
    is_u(ashlar_space_unmap(NULL, pages + 1u, 1, &frame), ASHLAR_OK, "%s: unmap one of them", world.name);
    like(SIM_FATAL(ashlar_kva_give(pages)), "with 1 of its 3 pages missing", "give with a page missing");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_take();
        test_wrong_gives();
    }
    return done_testing();
}
