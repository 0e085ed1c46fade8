/* SPDX-License-Identifier: 0BSD */
/* direct.c - the direct map's place and tables, asked beforehand; and large pages of the kernel half. */
#include "space/world.h"

/* 64-bit: all RAM has an address, if kernel space is large enough. */
static void test_room(void)
{
    struct ashlar_space_options options = world.options;
    size_t without = 0, with = 0;
    is_u(ashlar_space_footprint_frames(&options, &without), ASHLAR_OK, "%s: without a direct map", world.name);
    options.map = &world.map;
    is_u(ashlar_space_footprint_frames(&options, &with), ASHLAR_OK, "%s: with one", world.name);
    if (!world_is_64()) {
        is_u(with, without, "%s: 32-bit formats have none", world.name);
        return;
    }
    ok(with > without && with < without + 16u, "%s: which takes a few tables: %zu", world.name, with - without);
    options.features &= ~(ASHLAR_FEATURE_GIB | ASHLAR_FEATURE_LARGE);
    options.home_first = options.image_first = ashlar_paging_last_page(world.paging) - HOME_PAGES + 1u;
    options.kernel_first = options.image_first - PAGES_OF(GIB) - 16384u;
    options.kernel_first -= options.kernel_first % 1024u;
    is_u(ashlar_space_footprint_frames(&options, &with), ASHLAR_OK, "%s: kernel space of a GiB and 64 MiB", world.name);
    options.kernel_first = options.image_first - PAGES_OF(GIB) / 2u;
    is_u(ashlar_space_footprint_frames(&options, &with), ASHLAR_BAD_ARGUMENT,
         "%s: no room for the direct map in half a GiB", world.name);
}

/* A large page that is a slot of the root would have to be written into every root: small ones are used. */
static void test_large_in_kernel(void)
{
    size_t large = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    struct ashlar_mapping mapping = {0, 0, 0};
    ashlar_vpn first = world_addresses(large, large);
    ashlar_pfn frame = world_frames(large, large);
    is_u(ashlar_space_map_linear(NULL, first, large, frame, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: a large page's worth in the kernel half", world.name);
    is_u(ashlar_space_query(NULL, first + 1u, &mapping), ASHLAR_OK, "%s: it is there", world.name);
    is_u(mapping.page_pages, ashlar_paging_levels(world.paging) == 2 ? 1u : large,
         "%s: in a large page, unless that is a slot of the root", world.name);
    is_u(mapping.frame, frame + 1u, "%s: the frame is right", world.name);
    static ashlar_pfn frames[1024];
    is_u(ashlar_space_unmap(NULL, first, large, frames), ASHLAR_OK, "%s: and goes again", world.name);
    world_give_frames(frame, large);
    world_ok("large page in the kernel half");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_room();
        test_large_in_kernel();
    }
    return done_testing();
}
