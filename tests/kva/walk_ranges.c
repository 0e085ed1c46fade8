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

/* [fault 125] The visitor may do what it likes: here each range is given back, and another one taken, while it is told of. */
struct busy {
    size_t count;
    unsigned locked; /* visits with a lock held, or interrupts off */
    bool order;
    ashlar_vpn last;
    ashlar_vpn taken[MOST];
};

static int give_and_take(void *context, const struct ashlar_place *place)
{
    struct busy *busy = context;
    busy->locked += ashlar_lock_held_name() != NULL || sim_interrupts_are_off();
    busy->order = busy->order && place->first > busy->last;
    busy->last = place->first;
    if (place->kind == ASHLAR_PLACE_RANGE && busy->count < MOST) {
        if (busy->count % 3u != 2u) {
            ashlar_kva_give(place->first);
        }
        if (ashlar_kva_take(1, 0, "more", &busy->taken[busy->count]) != ASHLAR_OK) {
            return 1;
        }
        busy->count++;
    }
    return busy->count == MOST;
}

static void test_busy_visitor(void)
{
    struct busy busy = {.order = true};
    ashlar_vpn first[6];
    for (unsigned i = 0; i < 6; i++) {
        is_u(ashlar_kva_take(20, 0, "given", &first[i]), ASHLAR_OK, "%s: a range", world.name);
    }
    ashlar_kva_walk_ranges(give_and_take, &busy);
    is_u(busy.locked, 0, "%s: [fault 125] no lock is held over a visitor", world.name);
    ok(busy.count >= 6 && busy.order, "%s: [fault 125] all were told of, in order, once", world.name);
    world_ok("a busy visitor");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_ranges();
        test_busy_visitor();
    }
    return done_testing();
}
