/* SPDX-License-Identifier: 0BSD */
/* walk_ranges.c - what is told of ranges: in order of address, until the visitor has had enough. */
#include "kva/world.h"

#define MOST 32u

struct told {
    size_t count;
    size_t stop_at;
    struct {
        ashlar_vpn first;
        size_t pages;
        const char *name;
        ashlar_place_kind kind;
    } run[MOST];
};

static int tell_range(void *context, const struct ashlar_place *place)
{
    struct told *told = context;
    if (told->count < MOST) {
        told->run[told->count].first = place->first;
        told->run[told->count].pages = place->pages;
        told->run[told->count].name = place->name;
        told->run[told->count].kind = place->kind;
    }
    return ++told->count == told->stop_at;
}

static void test_ranges(void)
{
    struct told told = {0};
    ashlar_vpn a, b;
    uintptr_t top;
    is_u(ashlar_kva_reserve(5, 1, "a", &a), ASHLAR_OK, "%s: a", world.name);
    is_u(ashlar_kva_take(5, 0, "b", &b), ASHLAR_OK, "%s: b", world.name);
    is_u(ashlar_kva_take_stack(2, "c", &top), ASHLAR_OK, "%s: c", world.name);
    ashlar_kva_walk_ranges(tell_range, &told);
    is_u(told.count, 3, "%s: three ranges", world.name);
    bool order = told.run[0].first < told.run[1].first && told.run[1].first < told.run[2].first;
    ok(order, "%s: in order of address", world.name);
    is_str(told.run[2].name, "c", "the stack is last");
    ok(told.run[2].kind == ASHLAR_PLACE_STACK && told.run[2].pages == 2 && told.run[2].first == world_page(top) - 2u,
       "%s: its pages, guards left out", world.name);
    told = (struct told){.stop_at = 1};
    ashlar_kva_walk_ranges(tell_range, &told);
    is_u(told.count, 1, "%s: no further than the visitor wants", world.name);
    ashlar_kva_unreserve(a);
    ashlar_kva_give(b);
    ashlar_kva_give_stack(top);
    world_ok("ranges");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_ranges();
    }
    return done_testing();
}
