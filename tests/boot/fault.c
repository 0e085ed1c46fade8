/* SPDX-License-Identifier: 0BSD */
/* fault.c - which floor has an answer to a fault: demand regions, slots that a root lacks, pages that came meanwhile. */
#include "boot/world.h"

static struct ashlar_space space;

static void start(const struct world_format *format)
{
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    uint64_t bytes = wide ? UINT64_C(4) << (ashlar_slot_shift(format->paging) + ASHLAR_PAGE_SHIFT) : 3u * (uint64_t)GIB;
    prepare_space(format, 64u * MIB, bytes);
    boot.kernel_space_bytes = (size_t)bytes;
    boot.policy = ASHLAR_SHARING_LAZY;
    boot.heap_bytes = 48u * MIB;
    up();
    if (ashlar_space_create(&space) != ASHLAR_OK) {
        world_bail("create", ASHLAR_NO_FRAMES);
    }
    sim_set_cpu(1);
    ashlar_space_switch(&space);
    sim_set_cpu(0);
}

/* On CPU 1, as a handler calls it. */
static bool mends(uintptr_t address, unsigned error)
{
    sim_set_cpu(1);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    bool retry = ashlar_fault(address, error) != 0;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    sim_set_cpu(0);
    return retry;
}

static void test_demand(void)
{
    ashlar_vpn first;
    uint32_t value = 7;
    is_u(ashlar_kva_take_demand(2, ASHLAR_MAP_WRITE, "lazy", &first), ASHLAR_OK, "%s: a demand region", world.name);
    is_u(world_absent(first, 1), 1, "%s: nothing is there", world.name);
    ok(mends(world_address(first), 2), "%s: a write brings the page", world.name);
    is_u(world_absent(first, 1), 0, "%s: it is there", world.name);
    ok(mends(world_address(first), 2), "%s: whoever comes later tries again", world.name);
    is_u(world_access(1, world_address(first), &value, SIM_WRITE), 0, "%s: and can write", world.name);
    ok(!mends(world_address(first + 2u), 0), "%s: its guard is nobody's to mend", world.name);
    ashlar_kva_give(first);
    world_ok("demand");
}

/* The root in use lacks the whole slot. */
static void test_slot(void)
{
    size_t slot = (size_t)1 << ashlar_space_slot_shift();
    ashlar_vpn page = world_addresses(slot, slot);
    ashlar_vpn next = world_addresses(slot, slot);
    page = next != ASHLAR_PFN_NONE ? next : page; /* in the first one boot's self-test may have been */
    is_u(ashlar_kva_commit(page, 1, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: a page in a slot that nobody used", world.name);
    uint64_t pulls = world_stats().pulls;
    ok(mends(world_address(page), 0), "%s: it is brought in", world.name);
    is_u(world_stats().pulls, pulls + 1u, "%s: the slot, for this root", world.name);
    ok(!mends(world_address(page + 1u), 0), "%s: beside it is nothing", world.name);
    ashlar_kva_decommit(page, 1);
    ok(!mends(world_address(page), 0), "%s: nor there any more", world.name);
    world_ok("slot");
}

static void test_nobody(void)
{
    uintptr_t arena = world_address(world.layout.arena_first + world.layout.arena_pages - 7u);
    ok(!mends(0, 0), "%s: a null pointer", world.name);
    ok(!mends(0x5000, 6), "%s: a user page that is not mapped", world.name);
    ok(!mends(arena, 0) && !mends(arena, 2), "%s: addresses that nobody holds", world.name);
    ok(!mends(world.image_address, 3), "%s: a write to the image that is not allowed", world.name);
    world_ok("nobody's");
}

/* A handler may be installed before anything is laid out: there is nothing to mend, and nothing to tell. */
static void test_before(void)
{
    static const uintptr_t addresses[] = {0, 0x5000, (uintptr_t)0x12345678, ~(uintptr_t)0 >> 1,
                                          ~(uintptr_t)0 - 0x7ffffffu};
    char text[80];
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct ashlar_place place;
        memset(&place, 0xff, sizeof place);
        ok(ashlar_fault(addresses[i], 0) == 0 && ashlar_fault(addresses[i], 2) == 0, "0x%lx is nobody's to mend",
           (unsigned long)addresses[i]);
        ashlar_explain(addresses[i], &place);
        ok(place.kind == ASHLAR_PLACE_FREE && place.mapped == 0 && place.offset == 0, "nor anybody's to explain");
        is_str(place.name, "an address before boot has laid out any", "and told so");
        ashlar_explain_text(addresses[i], text, sizeof text);
        is_str(text, place.name, "in words as well");
    }
}

/* Laid out, but there are no ranges yet: what the tables know is told. */
static void test_without_ranges(void)
{
    char text[80];
    memset(&ashlar_kva, 0, sizeof ashlar_kva);
    ok(!mends(world.image_address, 3) && !mends(0x5000, 6), "%s: nothing to mend before there are ranges", world.name);
    ashlar_explain_text(world.image_address + 0x1234u, text, sizeof text);
    is_str(text, "kernel image + 0x1234", "but what lay laid is known");
}

int main(void)
{
    test_before();
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_slot();
        test_demand();
        test_nobody();
        test_without_ranges();
    }
    return done_testing();
}
