/* SPDX-License-Identifier: 0BSD */
/* space_explain.c - the floor's share of what an address is: image, user half, areas, tables. */
#include "space/world.h"

static void place_is(uintptr_t address, ashlar_place_kind kind, const char *name, size_t offset, int mapped)
{
    struct ashlar_place place;
    unsigned pins = sim_pins(), windows = sim_windows_open(0);
    memset(&place, 0xff, sizeof place);
    bool known = ashlar_space_explain(address, &place) != 0;
    bool same = known == (kind != ASHLAR_PLACE_FREE) && place.kind == kind && place.offset == offset &&
                place.mapped == mapped && strcmp(place.name, name) == 0;
    ok(same, "%s: %s + 0x%zx", world.name, name, offset);
    if (!same) {
        printf("#   known %d, kind %u, %s + 0x%zx, mapped %d\n", (int)known, (unsigned)place.kind, place.name,
               place.offset, place.mapped);
    }
    ok(sim_pins() == pins && sim_windows_open(0) == windows, "%s: nothing is left open", world.name);
}

static void test_places(void)
{
    const struct ashlar_space_layout *l = &world.layout;
    const struct ashlar_area *stacks = &world.areas[0], *backed = &world.areas[1], *carve = &world.areas[WORLD_AREAS];
    const char *nobody = "kernel space that nobody holds";
    place_is(0x18, ASHLAR_PLACE_NULL, "the null page", 0x18, 0);
    place_is(0x5000, ASHLAR_PLACE_USER, "user half", 0x5000, 0);
    place_is(world_address(ashlar_user_end() - 1u), ASHLAR_PLACE_USER, "user half", (ashlar_user_end() - 1u) * 4096u,
             0);
    place_is(world.image_address + 0x1234u, ASHLAR_PLACE_IMAGE, "kernel image", 0x1234, 1);
    place_is(world_address(stacks->first) + 3u, ASHLAR_PLACE_FIXED, "stacks", 3, 0);
    place_is(world_address(stacks->first + stacks->pages - 1u), ASHLAR_PLACE_FIXED, "stacks",
             (stacks->pages - 1u) * 4096u, 0);
    place_is(world_address(backed->first), ASHLAR_PLACE_FIXED, "descriptors", 0, 1);
    place_is(world_address(backed->first + WORLD_BACKED_PAGES), ASHLAR_PLACE_FIXED, "descriptors",
             WORLD_BACKED_PAGES * 4096u, 0);
    place_is(world_address(carve->first) + 4u, ASHLAR_PLACE_FIXED, "carve", 4, 1);
    place_is(world_address(carve->first - 1u) + 9u, ASHLAR_PLACE_FREE, nobody, 9, 0);
    place_is(world_address(backed->first + backed->pages), ASHLAR_PLACE_FREE, nobody, 0, 0);
    place_is(world_address(l->arena_first + 7u), ASHLAR_PLACE_FREE, nobody, 0, 0);
    if (l->array_pages != 0) {
        place_is(world_address(l->array_first + l->array_pages - 1u), ASHLAR_PLACE_FIXED, "page tables",
                 (l->array_pages - 1u) * 4096u, 1);
    } else {
        place_is(world_address(ashlar_user_end()), ASHLAR_PLACE_FREE, nobody, 0, 0);
    }
}

/* Whose they are it does not know; but that they are mapped. */
static void test_mapped(void)
{
    ashlar_vpn first = world_map_kernel(2, ASHLAR_MAP_WRITE);
    place_is(world_address(first + 1u) + 5u, ASHLAR_PLACE_FREE, "kernel space that nobody holds", 5, 1);
    place_is(world_address(first + 2u), ASHLAR_PLACE_FREE, "kernel space that nobody holds", 0, 0);
    world_unmap_kernel(first, 2);
    world_ok("mapped");
}

/* A name that nobody has given does not fault a second time. */
static void test_nameless(void)
{
    struct ashlar_area *stacks = &world.areas[0];
    const char *was = stacks->name;
    stacks->name = NULL;
    place_is(world_address(stacks->first) + 3u, ASHLAR_PLACE_FIXED, "without a name", 3, 0);
    stacks->name = was;
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_places();
        test_mapped();
        test_nameless();
        sim_set_context(ASHLAR_CONTEXT_NMI);
        test_places();
        sim_set_context(ASHLAR_CONTEXT_THREAD);
    }
    return done_testing();
}
