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

/* Large pages of the kernel half that have no table put aside. Tables of the kernel half stay: each time another place. */
static size_t place, large_count;
static ashlar_vpn large;

static void make_kernel_large(void)
{
    struct ashlar_mapping m = {0, 0, 0};
    place = (place + 1u) % (4096u / whole);
    large = range + place * whole;
    (void)!ashlar_space_map_linear(NULL, large, whole, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE);
    large_count += ashlar_space_query(NULL, large, &m) == ASHLAR_OK && m.page_pages == whole;
}

static void drop_kernel_large(void)
{
    (void)!ashlar_space_unmap(NULL, large, whole, out);
}

static ashlar_status split_kernel_protect(void)
{
    return ashlar_space_protect(NULL, large + 3u, 4, 0);
}

static ashlar_status split_kernel_unmap(void)
{
    return ashlar_space_unmap(NULL, large + whole - 3u, 3, out);
}

static void remap_kernel(void)
{
    (void)!ashlar_space_map_linear(NULL, large + whole - 3u, 3, run + whole - 3u, ASHLAR_MAP_WRITE);
}

static ashlar_status map_over_kernel_large(void)
{
    return ashlar_space_map_linear(NULL, large + 5u, 1, run, 0) == ASHLAR_EXISTS &&
                   ashlar_space_map_linear(NULL, large, whole, run, ASHLAR_MAP_LARGE) == ASHLAR_EXISTS
               ? ASHLAR_OK
               : ASHLAR_REFUSED;
}

static void visit_nothing(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    (void)context;
    (void)page;
    (void)frame;
    (void)pages;
}

static ashlar_status clear_part_by_visitor(void)
{
    return ashlar_space_clear(&space, 8u * whole + 3u, whole - 6u, visit_nothing, NULL);
}

static void remap_middle(void)
{
    (void)!ashlar_space_map_linear(&space, 8u * whole + 3u, whole - 6u, run + 3u, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
}

static ashlar_status begin_cursor(void)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_cursor_begin(&cursor, &space, top_pages() - 3u, 6, ASHLAR_INTENT_MAP);
    if (status == ASHLAR_OK) {
        ashlar_cursor_map(&cursor, out, 6, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
        ashlar_cursor_end(&cursor);
    }
    return status;
}

static void make_list(void)
{
    for (size_t i = 0; i < 6; i++) {
        out[i] = run + 10u - i;
    }
}

static ashlar_status begin_cursor_at_large(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_status status = ashlar_cursor_begin(&cursor, &space, 8u * whole + 5u, 7, ASHLAR_INTENT_CHANGE);
    if (status == ASHLAR_OK) {
        ashlar_gather_init(&gather, &space);
        ashlar_cursor_protect(&cursor, 7, ASHLAR_MAP_READ | ASHLAR_MAP_USER, &gather);
        ashlar_cursor_end(&cursor);
        ashlar_gather_finish(&gather);
    }
    return status;
}

/* A device of a gigabyte, in as large pages as there are: a part of one that is split twice. */
#define GIB_PAGES ((size_t)1 << 18)

static void make_gib(void)
{
    (void)!ashlar_space_map_linear(&space, GIB_PAGES, GIB_PAGES, GIB_PAGES,
                                   ASHLAR_MAP_WRITE | ASHLAR_MAP_USER | ASHLAR_MAP_LARGE);
}

static void drop_gib(void)
{
    (void)!ashlar_space_clear(&space, GIB_PAGES, GIB_PAGES, visit_nothing, NULL);
}

static ashlar_status split_gib(void)
{
    return ashlar_space_protect(&space, GIB_PAGES + whole + 3u, GIB_PAGES / 2u, ASHLAR_MAP_READ | ASHLAR_MAP_USER);
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
    {"[fault 44] protect a part of a large page of the kernel's", split_kernel_protect, nothing, make_kernel_large,
     drop_kernel_large, 0},
    {"[fault 44] unmap a part of one", split_kernel_unmap, remap_kernel, make_kernel_large, drop_kernel_large, 0},
    {"[fault 45] map over one", map_over_kernel_large, nothing, make_kernel_large, drop_kernel_large, 0},
    {"[fault 44] clear the middle of a large page", clear_part_by_visitor, remap_middle, make_large, drop_large, 1},
    {"[fault 44] protect the middle of a gigabyte", split_gib, nothing, make_gib, drop_gib, 2},
    {"[fault 43] a cursor across two top-level slots", begin_cursor, unmap_far, make_list, nothing, 2},
    {"[fault 44] a cursor on a part of a large page", begin_cursor_at_large, nothing, make_large, drop_large, 1},
    {"create a space", create, destroy, NULL, NULL, 1},
};

int main(void)
{
    test_operations(operations, sizeof operations / sizeof operations[0]);
    ok(large_count > 0, "the kernel's pages were large where tables allow it: %zu times", large_count);
    return done_testing();
}
