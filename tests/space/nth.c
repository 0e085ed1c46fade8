/* SPDX-License-Identifier: 0BSD */
/* nth.c - each take of a frame fails in turn: mapping, splitting, making spaces. */
#include "space/each_take.h"

static struct ashlar_space fresh;
static ashlar_pfn out[4096];

static size_t top_pages(void)
{
    return (size_t)1 << ashlar_slot_shift(world.paging);
}

static ashlar_status map_far(void)
{
    for (size_t i = 0; i < 6; i++) {
        out[i] = run + 10u - i;
    }
    return ashlar_space_map(&space, top_pages() - 3u, 6, out, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
}

static void unmap_far(void)
{
    (void)!ashlar_space_unmap(&space, top_pages() - 3u, 6, out);
}

static ashlar_status map_large(void)
{
    return ashlar_space_map_linear(&space, 8u * whole - 2u, whole + 4u, run + whole - 2u,
                                   ASHLAR_MAP_WRITE | ASHLAR_MAP_USER | ASHLAR_MAP_LARGE);
}

static void unmap_large(void)
{
    (void)!ashlar_space_unmap(&space, 8u * whole - 2u, whole + 4u, out);
}

static void make_large(void)
{
    (void)!ashlar_space_map_linear(&space, 8u * whole, 2u * whole < 2048u ? 2u * whole : whole, run,
                                   ASHLAR_MAP_WRITE | ASHLAR_MAP_USER | ASHLAR_MAP_LARGE);
}

static void drop_large(void)
{
    (void)!ashlar_space_unmap(&space, 8u * whole, 2u * whole < 2048u ? 2u * whole : whole, out);
}

static ashlar_status split_protect(void)
{
    return ashlar_space_protect(&space, 8u * whole + 3u, 4, ASHLAR_MAP_READ | ASHLAR_MAP_USER);
}

static ashlar_status split_unmap(void)
{
    return ashlar_space_unmap(&space, 8u * whole + whole - 3u, 3, out);
}

static void remap(void)
{
    (void)!ashlar_space_map_linear(&space, 8u * whole + whole - 3u, 3, run + whole - 3u,
                                   ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
}

static void nothing(void)
{
}

static ashlar_status map_kernel(void)
{
    return ashlar_space_map_linear(NULL, range + whole - 2u, 4, run, ASHLAR_MAP_WRITE);
}

static void unmap_kernel(void)
{
    (void)!ashlar_space_unmap(NULL, range + whole - 2u, 4, out);
}

static ashlar_status create(void)
{
    return ashlar_space_create(&fresh);
}

static void destroy(void)
{
    ashlar_space_destroy(&fresh);
}

static const struct operation operations[] = {
    {"[fault 43] map across two top-level slots", map_far, unmap_far, NULL, NULL, 2},
    {"[fault 43] map linear, small and large", map_large, unmap_large, NULL, NULL, 2},
    {"[fault 44] protect a part of a large page", split_protect, nothing, make_large, drop_large, 1},
    {"[fault 44] unmap a part of a large page", split_unmap, remap, make_large, drop_large, 1},
    {"[fault 43] map kernel pages across two tables", map_kernel, unmap_kernel, NULL, NULL, 0},
    {"create a space", create, destroy, NULL, NULL, 1},
};

int main(void)
{
    test_operations(operations, sizeof operations / sizeof operations[0]);
    return done_testing();
}
