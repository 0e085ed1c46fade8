/* SPDX-License-Identifier: 0BSD */
/* walk_mappings.c - what is told of mappings: runs of equal pages, in order, until the visitor has had enough. */
#include "space/world.h"

#define MOST 32u

struct told {
    size_t count;
    size_t stop_at;
    struct {
        ashlar_vpn first;
        size_t pages;
        struct ashlar_mapping mapping;
    } run[MOST];
};

static struct ashlar_space space;

static int tell(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    struct told *told = context;
    if (told->count < MOST) {
        told->run[told->count].first = first;
        told->run[told->count].pages = pages;
        told->run[told->count].mapping = *mapping;
    }
    return ++told->count == told->stop_at;
}

static void expect(const struct told *told, size_t at, ashlar_vpn first, size_t pages, size_t page_pages)
{
    ok(told->run[at].first == first && told->run[at].pages == pages && told->run[at].mapping.page_pages == page_pages,
       "%s: run %zu", world.name, at);
}

static void test_mappings(void)
{
    struct told told = {0};
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_vpn last = ashlar_user_end() - 1u;
    ashlar_pfn run = world_frames(whole, whole), frames[2] = {run + 9u, run + 3u};
    ashlar_space_walk_mappings(&space, tell, &told);
    is_u(told.count, 0, "%s: an empty space has nothing to tell", world.name);
    is_u(ashlar_space_map_linear(&space, whole - 2u, 4, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: across two tables", world.name);
    is_u(ashlar_space_map_linear(&space, whole + 2u, 3, run, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: others behind", world.name);
    is_u(ashlar_space_map(&space, whole + 5u, 2, frames, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: and others alike", world.name);
    is_u(ashlar_space_map_linear(&space, 4u * whole, whole, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: a large page", world.name);
    is_u(ashlar_space_map_linear(&space, 5u * whole, 1, run, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: a small one behind it",
         world.name);
    is_u(ashlar_space_map_linear(&space, last, 1, run, 0), ASHLAR_OK, "%s: the last page", world.name);
    ashlar_space_walk_mappings(&space, tell, &told);
    is_u(told.count, 5, "%s: five runs", world.name);
    expect(&told, 0, whole - 2u, 4, 1);
    expect(&told, 1, whole + 2u, 5, 1);
    expect(&told, 2, 4u * whole, whole, whole);
    expect(&told, 3, 5u * whole, 1, 1);
    expect(&told, 4, last, 1, 1);
    is_u(told.run[0].mapping.frame, run, "%s: its first frame", world.name);
    is_u(told.run[1].mapping.flags & (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_MAP_USER, "%s: its flags",
         world.name);
    told = (struct told){.stop_at = 2};
    ashlar_space_walk_mappings(&space, tell, &told);
    is_u(told.count, 2, "%s: no further than the visitor wants", world.name);
    told = (struct told){.stop_at = 5};
    ashlar_space_walk_mappings(&space, tell, &told);
    is_u(told.count, 5, "%s: the last is told once", world.name);
    world_ok("mappings");
}

/* The kernel half: the carve is one run, kernel pages another. */
static void test_kernel(void)
{
    struct told told = {0};
    const struct ashlar_area *carve_area = &world.areas[WORLD_AREAS];
    ashlar_vpn first = world_map_kernel(3, ASHLAR_MAP_WRITE);
    ashlar_space_walk_mappings(NULL, tell, &told);
    bool range = false, carve = false;
    for (size_t i = 0; i < told.count && i < MOST; i++) {
        range = range || (told.run[i].first == first && told.run[i].pages == 3);
        carve = carve || (told.run[i].first == carve_area->first && told.run[i].pages == carve_area->pages);
    }
    ok(range, "%s: the kernel's pages", world.name);
    ok(carve, "%s: and the carve", world.name);
    world_unmap_kernel(first, 3);
    world_ok("kernel");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        if (ashlar_space_create(&space) != ASHLAR_OK) {
            world_bail("create", ASHLAR_NO_FRAMES);
        }
        test_mappings();
        test_kernel();
    }
    return done_testing();
}
