/* SPDX-License-Identifier: 0BSD */
/* The audit notices each invariant that is broken by hand; and maps of thousands of entries, in the worst of orders. */
#include "reference.h"
#include "tap.h"
#include <time.h>

#define MANY 20000u

static struct ashlar_memmap map;
static struct ashlar_memmap_entry storage[8];

static void begin(void)
{
    ashlar_memmap_init(&map, storage, 8, (ashlar_phys)1 << 32, NULL, NULL);
    ashlar_memmap_add(&map, 0x1000, 0x2000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(&map, 0x3000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    ashlar_memmap_add(&map, 0x4000, 0x1000, ASHLAR_MEMMAP_USABLE);
    if (ashlar_memmap_finalize(&map) != ASHLAR_OK || ashlar_memmap_audit(&map) != NULL) {
        ok(false, "a good map");
    }
}

static void test_broken(void)
{
    begin();
    is_str(ashlar_memmap_audit(&map), NULL, "nothing is broken");
    storage[1].type = 0;
    like(ashlar_memmap_audit(&map), "type", "type 0");
    storage[1].type = 10;
    like(ashlar_memmap_audit(&map), "type", "type 10");
    storage[1].type = ASHLAR_MEMMAP_USABLE;
    like(ashlar_memmap_audit(&map), "joined", "neighbours of one type");
    begin();
    storage[0].origin = 2;
    like(ashlar_memmap_audit(&map), "origin", "origin");
    begin();
    storage[2].length = 0;
    like(ashlar_memmap_audit(&map), "empty", "no length");
    begin();
    storage[0].base += 0x800;
    storage[0].length -= 0x800;
    like(ashlar_memmap_audit(&map), "frame boundaries", "base within a frame");
    begin();
    storage[2].length += 1;
    like(ashlar_memmap_audit(&map), "frame boundaries", "length within a frame");
    begin();
    storage[2].length = (ashlar_phys)1 << 32;
    like(ashlar_memmap_audit(&map), "limit", "an end above the limit");
    storage[2].base = ((ashlar_phys)1 << 32) + 0x1000;
    like(ashlar_memmap_audit(&map), "limit", "a base above the limit");
    begin();
    storage[0].base = 0;
    like(ashlar_memmap_audit(&map), "frame 0", "frame 0");
    begin();
    storage[2].base = 0x9f000;
    storage[2].length = 0x2000;
    like(ashlar_memmap_audit(&map), "640 KiB", "usable RAM beyond a PC's 640 KiB");
    storage[2].type = ASHLAR_MEMMAP_ACPI;
    like(ashlar_memmap_audit(&map), "640 KiB", "and what a reclaim would make so");
    map.is_pc = 0;
    is_str(ashlar_memmap_audit(&map), NULL, "elsewhere it is RAM as any other");
    begin();
    storage[0].length = 0x3000;
    like(ashlar_memmap_audit(&map), "overlap", "an overlap");
    begin();
    map.limit += 1;
    like(ashlar_memmap_audit(&map), "the physical limit is not", "a limit within a frame");
    begin();
    map.count = 9;
    like(ashlar_memmap_audit(&map), "more entries", "more entries than storage");
    map.count = 0;
    like(ashlar_memmap_audit(&map), "or none", "no entries");
    map.finalized = 0;
    like(ashlar_memmap_audit(&map), "not finalized", "not finalized");
}

/* Usable frames with a reserved one in each tenth, from the top downward. */
static void test_many(void)
{
    struct ashlar_memmap_entry *entries = calloc(2 * MANY, sizeof *entries);
    clock_t start = clock();
    ashlar_memmap_init(&map, entries, entries != NULL ? 2 * MANY : 0, 0, NULL, NULL);
    ashlar_memmap_set_pc(&map, 0);
    for (ashlar_phys i = MANY; i != 0; i--) {
        ashlar_memmap_add(&map, i * 0x1000, 0x1000, i % 10 == 0 ? ASHLAR_MEMMAP_RESERVED : ASHLAR_MEMMAP_USABLE);
    }
    is_u(ashlar_memmap_finalize(&map), ASHLAR_OK, "%u entries, highest first", MANY);
    is_u(map.count, MANY / 5, "joined to a fifth");
    is_u(ashlar_memmap_usable_frames(&map), MANY / 10 * 9, "no frame is lost");
    ok(clock() - start < 2 * CLOCKS_PER_SEC, "in less than two seconds");
    ashlar_memmap_init(&map, entries, entries != NULL ? 2 * MANY : 0, 0, NULL, NULL);
    for (ashlar_phys i = 0; i < MANY; i++) {
        ashlar_memmap_add(&map, 0x100000 + i * 0x1000, (2 * MANY - 2 * i) * 0x1000 - 0x1000,
                          i % 2 == 0 ? ASHLAR_MEMMAP_USABLE : ASHLAR_MEMMAP_RESERVED);
    }
    is_u(ashlar_memmap_finalize(&map), ASHLAR_OK, "as many, each around the next");
    is_u(map.count, 3, "the first and the last frame are usable, all between is reserved");
    free(entries);
}

static void test_texts(void)
{
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_USABLE), "usable", "usable");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_LOADER), "loader", "loader");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_ACPI), "acpi", "acpi");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_MODULE), "module", "module");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_KERNEL), "kernel", "kernel");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_FRAMEBUFFER), "framebuffer", "framebuffer");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_NVS), "nvs", "nvs");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_RESERVED), "reserved", "reserved");
    is_str(ashlar_memmap_type_text(ASHLAR_MEMMAP_BAD), "bad", "bad");
    is_str(ashlar_memmap_type_text(0), "unknown", "0");
    is_str(ashlar_memmap_type_text(10), "unknown", "10");
    like(ashlar_memmap_decision_text(ASHLAR_MEMMAP_IGNORED_EMPTY), "ignored", "the first decision");
    like(ashlar_memmap_decision_text(ASHLAR_MEMMAP_NOT_RAM), "RAM", "one in the middle");
    like(ashlar_memmap_decision_text(ASHLAR_MEMMAP_PC_HOLE), "640 KiB", "the last decision");
    is_str(ashlar_memmap_decision_text((ashlar_memmap_decision)(ASHLAR_MEMMAP_PC_HOLE + 1)), "unknown", "no decision");
}

int main(void)
{
    test_broken();
    test_many();
    test_texts();
    return done_testing();
}
