/* SPDX-License-Identifier: 0BSD */
/* kva_explain.c - the floor's share of what an address is: ranges, guards, stacks, and addresses for them. */
#include "kva/world.h"

#include "kva/magazine.h"

static bool place_of(uintptr_t address, struct ashlar_place *place)
{
    unsigned pins = sim_pins(), windows = sim_windows_open(0);
    memset(place, 0xff, sizeof *place);
    bool known = ashlar_kva_explain(address, place) != 0;
    ok(sim_pins() == pins && sim_windows_open(0) == windows, "%s: nothing is left open", world.name);
    return known;
}

static void place_is(uintptr_t address, ashlar_place_kind kind, const char *name, size_t offset, int mapped)
{
    struct ashlar_place place;
    bool known = place_of(address, &place);
    bool same = known && place.kind == kind && place.offset == offset && place.mapped == mapped &&
                strcmp(place.name, name) == 0;
    ok(same, "%s: place of kind %u, offset 0x%zx", world.name, (unsigned)kind, offset);
    if (!same) {
        printf("#   known %d, kind %u, %s, offset 0x%zx, mapped %d\n", (int)known, (unsigned)place.kind, place.name,
               place.offset, place.mapped);
    }
}

static void test_guards(void)
{
    const char *given = "a range that was given back", *free = "kernel space that nobody holds";
    uintptr_t top;
    ashlar_vpn first;
    is_u(ashlar_kva_take_stack(4, "worker3", &top), ASHLAR_OK, "%s: a stack", world.name);
    is_u(ashlar_kva_take(2, ASHLAR_MAP_WRITE, "buffer", &first), ASHLAR_OK, "%s: a range", world.name);
    uintptr_t low = top - 4u * 4096u, pages = world_address(first);
    place_is(low - 24u, ASHLAR_PLACE_GUARD, "worker3", 24, 0);
    place_is(low - 4096u, ASHLAR_PLACE_GUARD, "worker3", 4096, 0);
    place_is(top + 8u, ASHLAR_PLACE_GUARD, "worker3", 8, 0);
    place_is(low, ASHLAR_PLACE_STACK, "worker3", 0, 1);
    place_is(pages + 4097u, ASHLAR_PLACE_RANGE, "buffer", 4097, 1);
    place_is(pages + 8192u + 7u, ASHLAR_PLACE_GUARD, "buffer", 7, 0);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    uintptr_t held = ashlar_lock_take(&ashlar_kva.general.lock);
    place_is(pages + 8192u, ASHLAR_PLACE_GUARD, "buffer", 0, 0);
    ashlar_lock_give(&ashlar_kva.general.lock, held);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_kva_give_stack(top);
    ashlar_kva_give(first);
    place_is(pages, ASHLAR_PLACE_FREE, given, 0, 0);
    (void)ashlar_kva_purge();
    place_is(low, ASHLAR_PLACE_FREE, given, 0, 0);
    (void)ashlar_magazines_empty(&ashlar_kva.general);
    (void)ashlar_magazines_empty(&ashlar_kva.stacks);
    place_is(low, ASHLAR_PLACE_FREE, free, 0, 0);
    place_is(pages + 8192u + 3u, ASHLAR_PLACE_FREE, free, 3, 0);
    world_ok("guards");
}

static void test_ranges(void)
{
    ashlar_vpn first;
    is_u(ashlar_kva_reserve(4, 1, NULL, &first), ASHLAR_OK, "%s: reserve without a name", world.name);
    place_is(world_address(first + 3u) + 1u, ASHLAR_PLACE_RANGE, "without a name", 3u * 4096u + 1u, 0);
    ashlar_kva_unreserve(first);
    is_u(ashlar_kva_take_demand(4, ASHLAR_MAP_WRITE, "lazy", &first), ASHLAR_OK, "%s: a demand region", world.name);
    place_is(world_address(first + 2u), ASHLAR_PLACE_RANGE, "lazy", 8192, 0);
    is_u(world_read(0, first + 2u, 0), 0, "%s: a page of it comes", world.name);
    place_is(world_address(first + 2u), ASHLAR_PLACE_RANGE, "lazy", 8192, 1);
    place_is(world_address(first + 4u), ASHLAR_PLACE_GUARD, "lazy", 0, 0);
    ashlar_kva_give(first);
    world_ok("ranges");
}

/* place_of fills it with ones before it asks. */
static bool is_untouched(const struct ashlar_place *place)
{
    const unsigned char *bytes = (const unsigned char *)place;
    size_t i = 0;
    while (i < sizeof *place && bytes[i] == 0xff) {
        i++;
    }
    return i == sizeof *place;
}

/* It says so, and writes nothing. */
static void test_elsewhere(void)
{
    const struct ashlar_kva_layout *k = ashlar_kva_layout();
    const uintptr_t addresses[] = {0,
                                   0x5000,
                                   world.image_address,
                                   world_address(k->strip_first),
                                   world_address(k->arena_first + k->arena_pages),
                                   world_address(k->stacks_first - 1u),
                                   world_address(k->stacks_first + k->stacks_pages)};
    struct ashlar_place place;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        bool known = place_of(addresses[i], &place);
        ok(!known && is_untouched(&place), "%s: %p is for the floor below to tell", world.name, (void *)addresses[i]);
    }
    place_is(world_address(k->arena_first + k->arena_pages - 1u), ASHLAR_PLACE_FREE, "kernel space that nobody holds",
             0, 0);
    place_is(world_address(k->stacks_first + k->stacks_pages - 1u), ASHLAR_PLACE_FREE, "kernel space that nobody holds",
             0, 0);
}

/* Names where a low image has its strings: none of them is taken for a link, nor a link for one of them. */
static void test_low_names(const struct world_format *format)
{
    static const uintptr_t names[] = {0x1000, 0x100123, 0x2ffffe, 0x3fffff, 0};
    const struct world_options options = {.site = WORLD_LOW};
    ashlar_vpn first[2];
    struct ashlar_place place;
    world_start(format, &options);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < 2; j++) { /* the second time from a magazine */
            const char *name = (const char *)names[i];
            is_u(ashlar_kva_take(2, ASHLAR_MAP_WRITE, name, &first[j]), ASHLAR_OK, "%s: a range", world.name);
            ok(place_of(world_address(first[j]), &place) && place.kind == ASHLAR_PLACE_RANGE,
               "%s: [fault 188] named at 0x%lx, it is taken", world.name, (unsigned long)names[i]);
            ok(names[i] != 0 ? place.name == name : strcmp(place.name, "without a name") == 0, "%s: by its name",
               world.name);
            ashlar_kva_give(first[j]);
            place_is(world_address(first[j]), ASHLAR_PLACE_FREE, "a range that was given back", 0, 0);
            (void)ashlar_kva_purge();
            place_is(world_address(first[j]), ASHLAR_PLACE_FREE, "a range that was given back", 0, 0);
        }
    }
    world_ok("names of a low image");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_guards();
        test_ranges();
        test_elsewhere();
        test_low_names(format);
    }
    return done_testing();
}
