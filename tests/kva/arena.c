/* SPDX-License-Identifier: 0BSD */
/* arena.c - kernel addresses until there are none, and descriptors for them out of the pool. */
#include "kva/world.h"

#define MOST 40000u

static ashlar_vpn first[MOST];

static void start(const struct world_format *format)
{
    const struct world_options options = {.kernel_bytes = 128u * MIB, .site = WORLD_START};
    world_start(format, &options);
}

/* Single pages, one apart: each with a descriptor of its own. */
static void test_strip(const struct world_format *format)
{
    size_t count = 0;
    start(format);
    struct ashlar_kva_stats before = world_kva_stats();
    size_t free_frames = world_free_frames();
    while (count < 5000 && ashlar_kva_reserve(1, 1, "one", &first[count]) == ASHLAR_OK) {
        count++;
    }
    is_u(count, 5000, "%s: 5000 ranges", world.name);
    struct ashlar_kva_stats after = world_kva_stats();
    is_u(after.ranges - before.ranges, 5000, "%s: are counted", world.name);
    ok(after.strip_frames > before.strip_frames + 20u, "%s: their descriptors need frames", world.name);
    is_u(world_free_frames() + after.strip_frames, free_frames + before.strip_frames, "%s: and took no others",
         world.name);
    world_ok("many ranges");
    for (size_t i = 0; i < count; i += 2) {
        ashlar_kva_unreserve(first[i]);
    }
    for (size_t i = 1; i < count; i += 2) {
        ashlar_kva_unreserve(first[i]);
    }
    is_u(world_kva_stats().arena_free_pages, before.arena_free_pages, "%s: all addresses are free again", world.name);
    is_u(world_kva_stats().arena_largest_pages, before.arena_largest_pages, "%s: in one piece", world.name);
    world_ok("no ranges");
}

static void test_exhausted(const struct world_format *format)
{
    size_t count = 0;
    ashlar_vpn none = 77;
    ashlar_status status;
    start(format);
    size_t left = world_kva_stats().arena_free_pages;
    while ((status = ashlar_kva_reserve(1, 1, "one", &first[count])) == ASHLAR_OK && count + 1u < MOST) {
        count++;
    }
    is_u(status, ASHLAR_NO_ADDRESSES, "%s: [fault 60] addresses exhausted", world.name);
    ok(count > left / 2u, "%s: %zu of %zu pages, each with a descriptor", world.name, count, left);
    is_u(ashlar_kva_reserve(1, 1, "none", &none), ASHLAR_NO_ADDRESSES, "%s: [fault 60] again", world.name);
    is_u(ashlar_kva_take(1, ASHLAR_MAP_WRITE, "none", &none), ASHLAR_NO_ADDRESSES, "%s: [fault 60] nor pages",
         world.name);
    size_t free_frames = world_free_frames();
    is_u(ashlar_kva_take_demand(1, ASHLAR_MAP_WRITE, "none", &none), ASHLAR_NO_ADDRESSES,
         "%s: [fault 60] nor a demand region", world.name);
    is_u(ashlar_kva_take(1024, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "none", &none), ASHLAR_NO_ADDRESSES,
         "%s: [fault 60] nor large pages", world.name);
    uintptr_t interrupts = world_begin_alone(); /* who waits for no other purge */
    is_u(ashlar_kva_reserve(1, 1, "none", &none), ASHLAR_NO_ADDRESSES, "%s: [fault 60] alone, with interrupts off",
         world.name);
    is_u(ashlar_kva_take(1, ASHLAR_MAP_WRITE, "none", &none), ASHLAR_NO_ADDRESSES, "%s: [fault 60] nor pages",
         world.name);
    world_end_alone(interrupts);
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    ok(world_free_frames() == free_frames && stats.reserved_frames == 0, "%s: no frame stays taken, or promised",
       world.name);
    uintptr_t address = 77;
    is_u(ashlar_kva_map_mmio(0xfee00000u, 8, 0, "none", &address), ASHLAR_NO_ADDRESSES, "%s: [fault 60] nor a device",
         world.name);
    ok(none == 77 && address == 77, "%s: no output was touched", world.name);
    world_ok("exhausted");
    for (size_t i = 0; i < count; i++) {
        ashlar_kva_unreserve(first[i]);
    }
    is_u(world_kva_stats().arena_free_pages, left, "%s: all can be given back", world.name);
    world_ok("given back");
}

/* [fault 43] No frame for descriptors. */
static void test_no_frames(const struct world_format *format)
{
    size_t count = 0;
    ashlar_status status;
    start(format);
    ashlar_frames_fail_nth(world.pool, 1, 1);
    while ((status = ashlar_kva_reserve(1, 1, "one", &first[count])) == ASHLAR_OK && count < 5000) {
        count++;
    }
    ashlar_frames_fail_nth(world.pool, 0, 0);
    is_u(status, ASHLAR_NO_FRAMES, "%s: no frame for descriptors", world.name);
    world_ok("no descriptors");
    is_u(ashlar_kva_reserve(1, 1, "one", &first[count]), ASHLAR_OK, "%s: with one it goes on", world.name);
    for (size_t i = 0; i <= count; i++) {
        ashlar_kva_unreserve(first[i]);
    }
    world_ok("given back");
}

/* What waits for a purge, and what is kept ready, is asked for before no is said. */
static void test_short(const struct world_format *format)
{
    ashlar_vpn all, kept[40], waiting;
    start(format);
    for (unsigned i = 0; i < 40; i++) {
        is_u(ashlar_kva_take(3, ASHLAR_MAP_WRITE, "three", &kept[i]), ASHLAR_OK, "%s: three pages", world.name);
    }
    for (unsigned i = 0; i < 40; i++) {
        ashlar_kva_give(kept[i]);
    }
    (void)ashlar_kva_purge();
    ok(ashlar_kva.general.kept_count > 10, "%s: some are kept ready", world.name);
    is_u(ashlar_kva_take(100, ASHLAR_MAP_WRITE, "hundred", &waiting), ASHLAR_OK, "%s: a hundred", world.name);
    ashlar_kva_give(waiting);
    size_t pages = world.layout.arena_pages;
    is_u(ashlar_kva_reserve(pages, 1, "all", &all), ASHLAR_OK, "%s: all addresses in one range", world.name);
    is_u(all, world.layout.arena_first, "%s: from the first on", world.name);
    is_u(ashlar_kva.general.kept_count, 0, "%s: none is kept any more", world.name);
    ashlar_kva_unreserve(all);
    world_ok("short of addresses");
}

static void test_stacks(const struct world_format *format)
{
    uintptr_t top[200];
    size_t count = 0;
    start(format);
    while (count < 200 && ashlar_kva_take_stack(4, "stack", &top[count]) == ASHLAR_OK) {
        count++;
    }
    is_u(count, 128, "%s: as many stacks as the arena was made for", world.name);
    uintptr_t none = 77;
    is_u(ashlar_kva_take_stack(4, "stack", &none), ASHLAR_NO_ADDRESSES, "%s: [fault 60] and no more", world.name);
    is_u(none, 77, "%s: no output was touched", world.name);
    for (size_t i = 0; i < count; i++) {
        ashlar_kva_give_stack(top[i]);
    }
    is_u(ashlar_kva_take_stack(700, "large", &none), ASHLAR_OK, "%s: one large instead", world.name);
    ashlar_kva_give_stack(none);
    world_ok("stacks");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_strip(format);
        test_exhausted(format);
        test_no_frames(format);
        test_short(format);
        test_stacks(format);
    }
    return done_testing();
}
