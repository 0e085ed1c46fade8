/* SPDX-License-Identifier: 0BSD */
/* The fault catalogue's numbers 1 to 19, as far as a map goes: what comes out, and what is reported on the way. 13 and 14
 * are about reservations; that boot and the adapters make them is shown by their tests. */
#include "reference.h"
#include "tap.h"

#define STORAGE 64u

static struct ashlar_memmap map;
static struct ashlar_memmap_entry storage[STORAGE];
static struct ashlar_memmap_event events[STORAGE];
static size_t event_count;

static void note(void *context, const struct ashlar_memmap_event *event)
{
    (void)context;
    if (event_count < STORAGE) {
        events[event_count++] = *event;
    }
}

static void begin(ashlar_phys limit)
{
    event_count = 0;
    ashlar_memmap_init(&map, storage, STORAGE, limit, note, NULL);
}

static void add(ashlar_phys base, ashlar_phys length, uint32_t type)
{
    ashlar_memmap_add(&map, base, length, type);
}

/* finalize, and the audit. */
static void finalize(const char *name)
{
    is_u(ashlar_memmap_finalize(&map), ASHLAR_OK, "%s: finalized", name);
    is_str(ashlar_memmap_audit(&map), NULL, name);
}

static bool is_entry(size_t index, ashlar_phys base, ashlar_phys length, uint32_t type)
{
    const struct ashlar_memmap_entry *entry = &map.entries[index];
    return index < map.count && entry->base == base && entry->length == length && entry->type == type;
}

static bool was_told(ashlar_memmap_decision decision, ashlar_phys base, ashlar_phys length, uint32_t type)
{
    for (size_t i = 0; i < event_count; i++) {
        if (events[i].decision == decision && events[i].base == base && events[i].length == length &&
            events[i].type == type) {
            return true;
        }
    }
    return false;
}

static void is_bad(const char *part, const char *name)
{
    is_u(ashlar_memmap_finalize(&map), ASHLAR_BAD_MAP, "%s: the map is bad", name);
    like(ashlar_memmap_problem(&map), part, name);
    ok(!map.finalized, "%s: and not finalized", name);
}

static void test_unusable(void)
{
    begin(0);
    is_bad("empty", "[fault 1] no entries");
    begin(0);
    add(0x1000, 0, ASHLAR_MEMMAP_USABLE);
    is_bad("empty", "[fault 1] only empty entries");
    begin(0x100000);
    add(0x100000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_bad("below 0x100000", "[fault 1] nothing below the limit");
    begin(0);
    add(0, 0x9fc00, ASHLAR_MEMMAP_ACPI);
    add(0x100000, 0x1000, 77);
    is_bad("no usable RAM: all of its 2 entries", "[fault 2] no usable RAM");
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0, (ashlar_phys)1 << 32, ASHLAR_MEMMAP_RESERVED);
    is_bad("all of its usable RAM reserved", "[fault 3] all reserved");
    begin(0);
    add(0, 0x1fff, ASHLAR_MEMMAP_USABLE);
    add(0x100001, 0x1ffe, ASHLAR_MEMMAP_USABLE);
    is_bad("no whole usable frame", "[fault 2] [fault 18] only frame 0 and parts of frames");
}

static void test_order(void)
{
    begin(0);
    add(0x300000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x500000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 4] unsorted");
    ok(map.count == 3 && is_entry(0, 0x100000, 0x100000, ASHLAR_MEMMAP_USABLE) &&
           is_entry(1, 0x300000, 0x100000, ASHLAR_MEMMAP_USABLE) &&
           is_entry(2, 0x500000, 0x1000, ASHLAR_MEMMAP_RESERVED),
       "[fault 4] in order, unchanged");
    is_u(event_count, 0, "nothing to report");
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 5] duplicates");
    ok(map.count == 1 && is_entry(0, 0x100000, 0x100000, ASHLAR_MEMMAP_USABLE), "[fault 5] one is left");
    ok(event_count == 1 && events[0].entries == 3, "it says that three were joined");
}

static void test_overlaps(void)
{
    begin(0);
    add(0x180000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 6] overlap of one type");
    ok(map.count == 1 && is_entry(0, 0x100000, 0x180000, ASHLAR_MEMMAP_USABLE), "[fault 6] joined");
    ok(was_told(ASHLAR_MEMMAP_MERGED, 0x100000, 0x180000, ASHLAR_MEMMAP_USABLE), "and told");
    begin(0);
    add(0x100800, 0x800, ASHLAR_MEMMAP_USABLE);
    add(0x100000, 0x800, ASHLAR_MEMMAP_USABLE);
    add(0x101000, 0x1800, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 6] neighbours are joined before they are rounded");
    ok(map.count == 1 && is_entry(0, 0x100000, 0x2000, ASHLAR_MEMMAP_USABLE), "so that no frame is lost between them");
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x140000, 0x10000, ASHLAR_MEMMAP_RESERVED);
    add(0x148000, 0x10000, ASHLAR_MEMMAP_BAD);
    finalize("[fault 7] usable overlaps reserved");
    ok(map.count == 4 && is_entry(0, 0x100000, 0x40000, ASHLAR_MEMMAP_USABLE) &&
           is_entry(1, 0x140000, 0x8000, ASHLAR_MEMMAP_RESERVED) && is_entry(2, 0x148000, 0x10000, ASHLAR_MEMMAP_BAD) &&
           is_entry(3, 0x158000, 0xa8000, ASHLAR_MEMMAP_USABLE),
       "[fault 7] the most restrictive wins");
    ok(was_told(ASHLAR_MEMMAP_OVERRIDDEN, 0x140000, 0x8000, ASHLAR_MEMMAP_USABLE) &&
           events[0].winner == ASHLAR_MEMMAP_RESERVED,
       "it says who lost what to whom");
    ok(was_told(ASHLAR_MEMMAP_OVERRIDDEN, 0x148000, 0x8000, ASHLAR_MEMMAP_RESERVED), "reserved lost to bad, too");
}

static void test_clamps(void)
{
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x140000, 0, ASHLAR_MEMMAP_RESERVED);
    finalize("[fault 8] zero length");
    ok(map.count == 1 && was_told(ASHLAR_MEMMAP_IGNORED_EMPTY, 0x140000, 0, ASHLAR_MEMMAP_RESERVED),
       "ignored, and told");
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0xfffffffffffff000u, 0x102000, ASHLAR_MEMMAP_RESERVED);
    finalize("[fault 9] a wrap");
    ok(map.count == 1 && was_told(ASHLAR_MEMMAP_CLAMPED_WRAP, 0xfffffffffffff000u, 0x102000, ASHLAR_MEMMAP_RESERVED),
       "does not reach around to low memory, and is told");
    ok(was_told(ASHLAR_MEMMAP_CLAMPED_WIDTH, 0xfffffffffffff000u, 0x1000, ASHLAR_MEMMAP_RESERVED),
       "what is above the limit is told without what wraps");
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0xfffffffffffff000u, 0x1001, ASHLAR_MEMMAP_RESERVED);
    finalize("[fault 9] a wrap by one byte");
    ok(was_told(ASHLAR_MEMMAP_CLAMPED_WRAP, 0xfffffffffffff000u, 0x1001, ASHLAR_MEMMAP_RESERVED), "is told, too");
    begin(0);
    add(0xfffffffffffff000u, 0x1000, ASHLAR_MEMMAP_RESERVED);
    add(0x100000, 0xfffffffffff00000u, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 9] up to 2^64 and not beyond");
    ok(!was_told(ASHLAR_MEMMAP_CLAMPED_WRAP, 0xfffffffffffff000u, 0x1000, ASHLAR_MEMMAP_RESERVED), "is no wrap");
    is_u(map.entries[0].base + map.entries[0].length, map.limit, "[fault 10] usable RAM ends at the limit");
    begin((ashlar_phys)1 << 36);
    add(0xfffff0000, 0x20000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 10] across the CPU's width");
    ok(map.count == 1 && is_entry(0, 0xfffff0000, 0x10000, ASHLAR_MEMMAP_USABLE) &&
           was_told(ASHLAR_MEMMAP_CLAMPED_WIDTH, 0x1000000000, 0x10000, ASHLAR_MEMMAP_USABLE),
       "[fault 10] cut there, and told");
    begin((ashlar_phys)1 << 32);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add((ashlar_phys)1 << 32, 0x40000000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 11] above 4 GiB without PAE");
    ok(map.count == 1 && was_told(ASHLAR_MEMMAP_CLAMPED_WIDTH, (ashlar_phys)1 << 32, 0x40000000, ASHLAR_MEMMAP_USABLE),
       "dropped, and told");
}

static void test_limits(void)
{
    const bool is_wide = sizeof(uintptr_t) == 8;
    begin(0);
    is_u(map.limit, is_wide ? (ashlar_phys)1 << 52 : ((ashlar_phys)1 << 44) - 4096, "[fault 10] the widest limit");
    begin(~(ashlar_phys)0);
    is_u(map.limit, is_wide ? (ashlar_phys)1 << 52 : ((ashlar_phys)1 << 44) - 4096, "no limit is wider");
    begin(0x12345678);
    is_u(map.limit, 0x12345000, "a limit is rounded down to a frame");
    add(0, 0x20000000, ASHLAR_MEMMAP_USABLE);
    finalize("a limit within a frame");
    is_u(ashlar_memmap_end_pfn(&map), 0x12345, "no frame of which a part is above");
}

static void test_rounding(void)
{
    begin(0);
    add(0x100234, 0x3000, ASHLAR_MEMMAP_USABLE);
    add(0x103234, 0x100, ASHLAR_MEMMAP_RESERVED);
    add(0x105800, 0x100, ASHLAR_MEMMAP_RESERVED);
    finalize("[fault 12] edges inside a page");
    ok(map.count == 3 && is_entry(0, 0x101000, 0x2000, ASHLAR_MEMMAP_USABLE), "[fault 12] usable inward");
    ok(is_entry(1, 0x103000, 0x1000, ASHLAR_MEMMAP_RESERVED) && is_entry(2, 0x105000, 0x1000, ASHLAR_MEMMAP_RESERVED),
       "reserved outward");
    ok(was_told(ASHLAR_MEMMAP_ROUNDED, 0x100234, 0xdcc, ASHLAR_MEMMAP_USABLE) &&
           was_told(ASHLAR_MEMMAP_ROUNDED, 0x103000, 0x234, ASHLAR_MEMMAP_USABLE),
       "what is lost is told");
    ok(was_told(ASHLAR_MEMMAP_ROUNDED, 0x103000, 0x1000, ASHLAR_MEMMAP_RESERVED), "and what is gained");
    begin(0);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_reserve(&map, 0x101800, 0x100, ASHLAR_MEMMAP_LOADER);
    ashlar_memmap_reserve(&map, 0x101a00, 0x100, ASHLAR_MEMMAP_MODULE);
    ashlar_memmap_reserve(&map, 0x101c00, 0x100, ASHLAR_MEMMAP_LOADER);
    finalize("[fault 12] several in one page");
    ok(map.count == 3 && is_entry(1, 0x101000, 0x1000, ASHLAR_MEMMAP_MODULE), "the most restrictive takes the frame");
}

static void test_reservations(void)
{
    begin(0);
    add(0x100000, 0x700000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_reserve(&map, 0x100000, 0x81234, ASHLAR_MEMMAP_KERNEL);
    ashlar_memmap_reserve(&map, 0x200000, 0x100000, ASHLAR_MEMMAP_MODULE);
    ashlar_memmap_reserve(&map, 0x500010, 0x20, ASHLAR_MEMMAP_LOADER);
    finalize("[fault 13] [fault 14] image, modules and boot information inside usable RAM");
    ok(is_entry(0, 0x100000, 0x82000, ASHLAR_MEMMAP_KERNEL) && map.entries[0].origin == 1,
       "[fault 13] the image is kept");
    ok(is_entry(2, 0x200000, 0x100000, ASHLAR_MEMMAP_MODULE) && is_entry(4, 0x500000, 0x1000, ASHLAR_MEMMAP_LOADER),
       "[fault 14] so are a module and the boot information");
    ok(map.count == 6 && map.entries[1].origin == 0 && map.entries[5].origin == 0, "what is between is the firmware's");
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_reserve(&map, 0x1ff800, 0x1000, ASHLAR_MEMMAP_LOADER);
    ashlar_memmap_reserve(&map, 0x400000, 0x1000, ASHLAR_MEMMAP_MODULE);
    finalize("[fault 14] reservations outside of RAM");
    ok(map.count == 4 && is_entry(1, 0x1ff000, 0x1000, ASHLAR_MEMMAP_LOADER) &&
           is_entry(2, 0x200000, 0x1000, ASHLAR_MEMMAP_RESERVED) &&
           is_entry(3, 0x400000, 0x1000, ASHLAR_MEMMAP_RESERVED),
       "where the firmware lists no RAM, nothing can be reclaimed later");
    ok(was_told(ASHLAR_MEMMAP_NOT_RAM, 0x400000, 0x1000, ASHLAR_MEMMAP_MODULE), "that is told");
}

/* Frames that several share: who is told to have taken them, and whose they are. */
static void test_shared_frames(void)
{
    begin(0);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    add(0x101000, 0x2000, ASHLAR_MEMMAP_LOADER);
    ashlar_memmap_reserve(&map, 0x103100, 0x100, ASHLAR_MEMMAP_LOADER);
    finalize("the firmware's, then ours in the next frame");
    ok(is_entry(1, 0x101000, 0x3000, ASHLAR_MEMMAP_LOADER) && map.entries[1].origin == 1, "joined, and reserved by us");
    begin(0);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_reserve(&map, 0x103100, 0x100, ASHLAR_MEMMAP_LOADER);
    add(0x103300, 0x100, ASHLAR_MEMMAP_LOADER);
    finalize("ours and the firmware's in one frame");
    ok(is_entry(1, 0x103000, 0x1000, ASHLAR_MEMMAP_LOADER) && map.entries[1].origin == 1, "reserved by us");
    begin(0);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_reserve(&map, 0x103000, 0x800, ASHLAR_MEMMAP_LOADER);
    add(0x103800, 0x800, ASHLAR_MEMMAP_RESERVED);
    finalize("ours, and the firmware's of a more restrictive type");
    ok(is_entry(1, 0x103000, 0x1000, ASHLAR_MEMMAP_RESERVED) && map.entries[1].origin == 0, "is the firmware's");
    ok(was_told(ASHLAR_MEMMAP_ROUNDED, 0x103000, 0x1000, ASHLAR_MEMMAP_RESERVED), "which took the frame");
    begin(0);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    add(0x200000, 0x800, ASHLAR_MEMMAP_RESERVED);
    ashlar_memmap_reserve(&map, 0x200800, 0x800, ASHLAR_MEMMAP_LOADER);
    finalize("reserved, and what becomes reserved");
    ok(is_entry(1, 0x200000, 0x1000, ASHLAR_MEMMAP_RESERVED) && event_count == 1 &&
           was_told(ASHLAR_MEMMAP_NOT_RAM, 0x200800, 0x800, ASHLAR_MEMMAP_LOADER),
       "nothing had to be rounded");
    begin(0);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    add(0x200800, 0x1800, ASHLAR_MEMMAP_ACPI);
    finalize("ACPI tables from within a frame on, behind a hole");
    ok(is_entry(1, 0x200000, 0x1000, ASHLAR_MEMMAP_RESERVED) && is_entry(2, 0x201000, 0x1000, ASHLAR_MEMMAP_ACPI),
       "only the frame that is all RAM can be reclaimed");
    ok(was_told(ASHLAR_MEMMAP_NOT_RAM, 0x200000, 0x1000, ASHLAR_MEMMAP_ACPI), "that is told");
}

static void test_types(void)
{
    static const uint32_t unknown[] = {0, 10, 4711, 0xffffffff};
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    for (size_t i = 0; i < 4; i++) {
        add(0x110000 + i * 0x10000, 0x1000, unknown[i]);
    }
    finalize("[fault 15] unknown types");
    is_u(map.count, 9, "[fault 15] each stands apart");
    for (size_t i = 0; i < 4; i++) {
        ok(is_entry(2 * i + 1, 0x110000 + i * 0x10000, 0x1000, ASHLAR_MEMMAP_RESERVED) &&
               was_told(ASHLAR_MEMMAP_UNKNOWN_TYPE, 0x110000 + i * 0x10000, 0x1000, unknown[i]),
           "[fault 15] %u is taken as reserved, and told", unknown[i]);
    }
    is_u(ashlar_memmap_type_of_e820(1), ASHLAR_MEMMAP_USABLE, "E820: usable");
    is_u(ashlar_memmap_type_of_e820(2), ASHLAR_MEMMAP_RESERVED, "E820: reserved");
    is_u(ashlar_memmap_type_of_e820(3), ASHLAR_MEMMAP_ACPI, "E820: ACPI");
    is_u(ashlar_memmap_type_of_e820(4), ASHLAR_MEMMAP_NVS, "E820: NVS");
    is_u(ashlar_memmap_type_of_e820(5), ASHLAR_MEMMAP_BAD, "E820: bad");
    is_u(ashlar_memmap_type_of_e820(0), ASHLAR_MEMMAP_FOREIGN, "E820: 0 is unknown");
    is_u(ashlar_memmap_type_of_e820(6), ASHLAR_MEMMAP_FOREIGN + 6, "so is 6");
    ok(ashlar_memmap_type_of_e820(0xffffff01u) > ASHLAR_MEMMAP_BAD, "and no number wraps into a known type");
}

static void test_storage(void)
{
    ashlar_memmap_init(&map, storage, 4, 0, NULL, NULL);
    for (ashlar_phys i = 1; i <= 9; i++) {
        add(i << 20, 0x1000, ASHLAR_MEMMAP_USABLE);
    }
    is_u(map.wanted, 9, "[fault 16] those that do not fit are counted");
    is_u(ashlar_memmap_finalize(&map), ASHLAR_NO_STORAGE, "[fault 16] more entries than storage");
    like(ashlar_memmap_problem(&map), "has 9 entries and storage for 4: give it 18", "[fault 16] with the counts");
    ok(!map.finalized && map.wanted == 18, "not finalized, and says what will do");
    ashlar_memmap_init(&map, storage, 3, 0, NULL, NULL);
    add(0x100000, 0x10000, ASHLAR_MEMMAP_USABLE);
    add(0x104000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    add(0x108000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    is_u(ashlar_memmap_finalize(&map), ASHLAR_NO_STORAGE, "[fault 16] as many as fit, but they split");
    like(ashlar_memmap_problem(&map), "storage of 3 holds: give it 5", "[fault 16] with the count that will do");
    is_u(map.count, 0, "nothing is left that could be mistaken for a map");
}

static void test_room(void)
{
    ashlar_pfn first = 1234;
    begin(0);
    add(0x100000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0x300000, 0x100000, ASHLAR_MEMMAP_USABLE);
    finalize("two times 1 MiB");
    is_u(ashlar_memmap_carve(&map, 257, 1, 0, &first), ASHLAR_NO_FRAMES, "[fault 17] what fits nowhere");
    like(ashlar_memmap_problem(&map), "257 frames (1028 KiB)", "[fault 17] with the size");
    ok(first == 1234 && map.count == 2, "and nothing has changed");
}

static void test_fragments(void)
{
    begin(0);
    for (ashlar_phys i = 1; i <= 20; i++) {
        add(i * 0x2000, 0x1000, ASHLAR_MEMMAP_USABLE);
    }
    finalize("[fault 18] fragments of one page");
    is_u(ashlar_memmap_usable_frames(&map), 20, "[fault 18] each is a frame");
    is_u(ashlar_memmap_end_pfn(&map), 41, "the last one ends the map");
    begin(0);
    add(0, 0x9fc00, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 19] frame 0");
    ok(is_entry(0, 0x1000, 0x9e000, ASHLAR_MEMMAP_USABLE), "[fault 19] is not usable");
    ok(was_told(ASHLAR_MEMMAP_PAGE_ZERO, 0, 0x1000, ASHLAR_MEMMAP_USABLE), "that is told");
    begin(0);
    add(0, 0x1000, ASHLAR_MEMMAP_USABLE);
    add(0x5000, 0x1000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 19] frame 0 alone");
    ok(map.count == 1 && is_entry(0, 0x5000, 0x1000, ASHLAR_MEMMAP_USABLE), "leaves no empty entry");
    begin(0);
    add(0, 0x9f000, ASHLAR_MEMMAP_LOADER);
    add(0x100000, 0x1000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 19] frame 0 of the loader");
    is_u(ashlar_memmap_reclaim(&map, 0, 0x9f000, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK, "reclaimed");
    ok(is_entry(0, 0, 0x1000, ASHLAR_MEMMAP_LOADER) && is_entry(1, 0x1000, 0x9e000, ASHLAR_MEMMAP_USABLE),
       "[fault 19] all but frame 0");
}

/* Public reports: a machine that lists all of its first MiB, and one with ACPI tables below 1 MiB. */
static void test_hole(void)
{
    begin(0);
    add(0, 0x4000000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 200] 640 KiB to 1 MiB, listed as usable");
    ok(map.count == 2 && is_entry(0, 0x1000, 0x9f000, ASHLAR_MEMMAP_USABLE) &&
           is_entry(1, 0x100000, 0x3f00000, ASHLAR_MEMMAP_USABLE),
       "[fault 200] is not");
    ok(was_told(ASHLAR_MEMMAP_PC_HOLE, 0xa0000, 0x60000, ASHLAR_MEMMAP_USABLE), "[fault 200] and that is told");
    begin(0);
    add(0, 0x9fc00, ASHLAR_MEMMAP_USABLE);
    add(0xe0000, 0x21000, ASHLAR_MEMMAP_ACPI);
    add(0x101000, 0x1000, ASHLAR_MEMMAP_USABLE);
    finalize("[fault 200] ACPI tables across 1 MiB");
    ok(is_entry(1, 0xe0000, 0x20000, ASHLAR_MEMMAP_RESERVED) && is_entry(2, 0x100000, 0x1000, ASHLAR_MEMMAP_ACPI),
       "[fault 200] what lies below is never reclaimed");
    ok(was_told(ASHLAR_MEMMAP_PC_HOLE, 0xe0000, 0x20000, ASHLAR_MEMMAP_ACPI), "[fault 200] and that is told");
    begin(0);
    add(0xa0000, 0x60000, ASHLAR_MEMMAP_USABLE);
    is_bad("640 KiB to 1 MiB", "[fault 200] no other RAM");
    begin(0);
    ashlar_memmap_set_pc(&map, 0);
    add(0x90000, 0x100000, ASHLAR_MEMMAP_USABLE);
    add(0xa0000, 0x1000, ASHLAR_MEMMAP_LOADER);
    finalize("no PC");
    is_u(ashlar_memmap_usable_frames(&map), 0xff, "[fault 200] turned off, the map holds there, too");
    is_u(ashlar_memmap_reclaim(&map, 0xa0000, 0x1000, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK,
         "and can be reclaimed");
    is_u(ashlar_memmap_usable_frames(&map), 0x100, "all of it");
}

/* --- storage sized from what a loader gives --------------------------------------------------------------------- */

struct loader {
    unsigned entries; /* of acpi, on every other frame from 2 MiB on */
    unsigned calls;
    ashlar_phys reserved;
    ashlar_phys reserved_bytes; /* 0: a frame */
    ashlar_phys top;
};

static ashlar_status fill(void *context, struct ashlar_memmap *filled)
{
    struct loader *loader = context;
    loader->calls++;
    for (unsigned i = 0; i < loader->entries; i++) {
        ashlar_memmap_add(filled, 0x200000 + i * UINT64_C(0x2000), 0x1000, ASHLAR_MEMMAP_ACPI);
    }
    ashlar_memmap_add(filled, 0x9f000, 0, ASHLAR_MEMMAP_RESERVED);
    ashlar_memmap_reserve(filled, loader->reserved, loader->reserved_bytes != 0 ? loader->reserved_bytes : 0x1000,
                          ASHLAR_MEMMAP_LOADER);
    ashlar_memmap_add(filled, 0, loader->top, ASHLAR_MEMMAP_USABLE);
    return loader->calls == 3 && loader->reserved == 0 ? ASHLAR_BAD_MAP : ASHLAR_OK;
}

static void test_find_storage(void)
{
    struct loader loader = {.entries = 1000, .reserved = 0x104000, .top = 0x4000000};
    ashlar_phys base = 1;
    size_t entries = 0;
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x100000, 0x4000000, &base, &entries), ASHLAR_OK,
         "[fault 201] 1,003 entries: storage is found");
    is_u(entries, 4 * (1003 + 24), "[fault 201] for four times as many, and what boot adds");
    is_u(base, 0x105000, "[fault 201] above what a loader left");
    struct ashlar_memmap_entry *many = calloc(entries, sizeof *many);
    ashlar_memmap_init(&map, many, many != NULL ? entries : 0, 0, NULL, NULL);
    is_u(fill(&loader, &map), ASHLAR_OK, "filled");
    ashlar_memmap_reserve(&map, base, entries * sizeof *many, ASHLAR_MEMMAP_KERNEL);
    finalize("[fault 201] it");
    ok(map.count > 2000, "[fault 201] has %zu entries", map.count);
    free(many);
    loader.entries = 5;
    is_u(ashlar_memmap_find_storage(fill, &loader, 0, 0x4000000, &base, &entries), ASHLAR_OK, "from frame 0 on");
    is_u(base, 0x1000, "frame 0 is not taken");
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x9ffff, 0x4000000, &base, &entries), ASHLAR_OK, "from 640 KiB on");
    is_u(base, 0x100000, "nor is a PC's hole");
}

static void test_no_storage(void)
{
    struct loader loader = {.entries = 5, .reserved = 0x104000, .top = 0x105000};
    ashlar_phys base = 1;
    size_t entries = 0;
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x103001, 0x4000000, &base, &entries), ASHLAR_NO_FRAMES,
         "[fault 201] RAM ends below the loader's own");
    ok(base == 1 && entries == 4 * (8 + 24), "[fault 201] how many are wanted is said all the same");
    loader.top = 0x4000000;
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x103000, 0x104fff, &base, &entries), ASHLAR_OK,
         "[fault 201] room for one frame");
    is_u(base, 0x103000, "[fault 201] is enough for these");
    loader.reserved = 0x103000;
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x103000, 0x104000, &base, &entries), ASHLAR_NO_FRAMES,
         "[fault 201] which is taken");
    loader = (struct loader){.entries = 5, .top = 0x4000000};
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x201000, 0x4000000, &base, &entries), ASHLAR_OK,
         "between two tables there is room for one frame");
    is_u(base, 0x201000, "which does");
    loader.calls = 0;
    loader.entries = 200;
    is_u(ashlar_memmap_find_storage(fill, &loader, 0x200000, 0x4000000, &base, &entries), ASHLAR_BAD_MAP,
         "[fault 201] a loader that fails in the middle ends it");
    loader.top = ~(ashlar_phys)0;
    loader.reserved = ~(ashlar_phys)0 - 0xffff;
    loader.reserved_bytes = 0x20000;
    is_u(ashlar_memmap_find_storage(fill, &loader, loader.reserved, ~(ashlar_phys)0, &base, &entries), ASHLAR_NO_FRAMES,
         "a reservation up to the end of all addresses");
    is_u(ashlar_memmap_find_storage(fill, &loader, ~(ashlar_phys)0, ~(ashlar_phys)0, &base, &entries), ASHLAR_NO_FRAMES,
         "nothing lies above that");
}

int main(void)
{
    test_unusable();
    test_order();
    test_overlaps();
    test_clamps();
    test_limits();
    test_rounding();
    test_reservations();
    test_shared_frames();
    test_types();
    test_storage();
    test_room();
    test_fragments();
    test_hole();
    test_find_storage();
    test_no_storage();
    return done_testing();
}
