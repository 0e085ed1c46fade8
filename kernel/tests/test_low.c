/* SPDX-License-Identifier: 0BSD */
/* test_low.c - the floors from the map to address spaces, tested on the machine that they run. */
#include "cpu/trap.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "task/task.h"
#include "tests/ram.h"
#include "tests/tap.h"
#include "x86/window.h"
#include <ashlar/port.h>

#define LARGE_PAGE 0x4000u /* a multiple of any large page's size */
#define ORDERS_FRAMES 128u /* room for blocks of six orders, wherever the gaps are */
#define LARGE_FRAMES 2816u /* 11 MiB: room for a block of 4 MiB, and two of 2 */
#define RANGE_FRAMES 1280u /* 1,027 pages, with what they take beside */
#define PROBE_FRAMES 32u
#define IN_USE_MAX 1024u /* frames that the heap, stacks and lists hold while the tests run */

static struct ashlar_frames_stats frames_now(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(kernel_memory.frames, &stats);
    return stats;
}

static uint32_t type_at(ashlar_phys address)
{
    const struct ashlar_memmap *map = &kernel_memory.map;
    for (size_t i = 0; i < map->count; i++) {
        if (address - map->entries[i].base < map->entries[i].length) {
            return map->entries[i].type;
        }
    }
    return 0;
}

static void test_map(void)
{
    const struct ashlar_booted *booted = &kernel_memory.booted;
    const char *problem = ashlar_memmap_audit(&kernel_memory.map);
    ok(problem == NULL, "the map is sane: %s", problem != NULL ? problem : "nothing to say");
    ok(type_at(0) != ASHLAR_MEMMAP_USABLE, "[fault 19] frame 0 is not usable");
    is_number(type_at((uintptr_t)image_start - IMAGE_OFFSET), ASHLAR_MEMMAP_KERNEL,
              "[fault 13] the first page of the image is the kernel's");
    is_number(type_at((uintptr_t)image_end - IMAGE_OFFSET - 1), ASHLAR_MEMMAP_KERNEL, "and so is its last byte");
    is_number(type_at((ashlar_phys)booted->carve_first << ASHLAR_PAGE_SHIFT), ASHLAR_MEMMAP_KERNEL,
              "the carve is the kernel's");
    ok(ashlar_frames_state(kernel_memory.frames, 0) == ASHLAR_FRAME_FOREIGN, "the pool does not know frame 0");
    ok(ashlar_frames_state(kernel_memory.frames, 0x100) == ASHLAR_FRAME_FOREIGN, "nor the image's first frame");
    ok(ashlar_frames_state(kernel_memory.frames, booted->carve_first) == ASHLAR_FRAME_FOREIGN, "nor the carve's");
    is_number(frames_now().total_frames, booted->ram_frames - booted->carve_frames, "it has all the others");
}

static bool boot_parts_overlap(void)
{
    const struct ashlar_booted *booted = &kernel_memory.booted;
    for (unsigned a = 0; a < booted->parts; a++) {
        for (unsigned b = a + 1; b < booted->parts; b++) {
            uintptr_t first = booted->part[a].address;
            uintptr_t second = booted->part[b].address;
            if (first != 0 && second != 0 &&
                (second - first < booted->part[a].bytes || first - second < booted->part[b].bytes)) {
                return true;
            }
        }
    }
    return false;
}

static void test_boot(void)
{
    const struct ashlar_space_layout *layout = ashlar_space_layout();
    uint32_t word;
    ok(kernel_memory.booted.parts >= 3, "boot names the bookkeeping of at least three floors");
    ok(!boot_parts_overlap(), "their storage does not overlap");
    ok(layout->kernel_first % 1024 == 0, "kernel space begins at a top-level slot");
    ok(layout->arena_first >= layout->kernel_first && layout->arena_pages != 0, "the arena lies within kernel space");
    is_number(ashlar_x86_windows_open(0), 0, "no window was left open");
    bool is_low = (uintptr_t)image_start == 0x100000;
    ok(probe_read(0x100000, &word) == is_low, "nothing is mapped low any more, unless the image is");
    ok(!probe_read(16, &word) && !probe_read((uintptr_t)-16, &word), "neither are pointers just above NULL, or below");
    ok_audit("boot");
}

static void test_frames_orders(void)
{
    ashlar_pfn first[12];
    unsigned got = 0;
    bool aligned = true;
    if (!has_frames(ORDERS_FRAMES, "blocks of six orders")) {
        return;
    }
    size_t before = frames_now().free_frames;
    size_t sum = 0;
    while (got < 10 && ashlar_frames_take(kernel_memory.frames, got, &first[got]) == ASHLAR_OK) {
        aligned = aligned && first[got] % ((ashlar_pfn)1 << got) == 0;
        sum += (size_t)1 << got;
        got++;
    }
    ok(got >= 6, "blocks of %u orders can be taken", got);
    ok(aligned, "each is aligned to its size");
    is_number(before - frames_now().free_frames, sum, "the count of free frames says so");
    while (got > 0) {
        got--;
        ashlar_frames_give(kernel_memory.frames, first[got], got);
    }
    is_number(frames_now().free_frames, before, "and all of them came back");
}

static void test_frames_errors(void)
{
    ashlar_pfn frame = 12345;
    struct ashlar_frames_request low = {.order = 0, .limit_pfn = 1, .node = ASHLAR_FRAMES_ANY_NODE};
    struct ashlar_frames_range huge = {.frames = (size_t)1 << 20};
    is_number(ashlar_frames_take(kernel_memory.frames, 19, &frame), ASHLAR_BAD_ARGUMENT,
              "[fault 26] an order over the maximum");
    is_number(ashlar_frames_take_request(kernel_memory.frames, &low, &frame), ASHLAR_NO_FRAMES,
              "[fault 30] a limit that cannot be met");
    is_number(ashlar_frames_take_range(kernel_memory.frames, &huge, &frame), ASHLAR_NO_FRAMES,
              "[fault 29] no run of 4 GiB");
    is_number(frame, 12345, "outputs stay as they were");
    low.limit_pfn = 0x1000;
    if (ok(ashlar_frames_take_request(kernel_memory.frames, &low, &frame) == ASHLAR_OK, "a frame below 16 MiB")) {
        ok(frame < 0x1000, "it lies there");
        ashlar_frames_give(kernel_memory.frames, frame, 0);
    }
}

/* Exact counts: nobody else takes or gives meanwhile, and nothing waits for a flush. */
static void test_quietly(void (*test)(void))
{
    task_begin_quiet();
    memory_heap_shrink();
    test();
    task_end_quiet();
}

static void test_frames(void)
{
    test_quietly(test_frames_orders);
    test_quietly(test_frames_errors);
    ok_audit("taking and giving");
}

/* What the map has above 4 GiB, where the carve never lies. */
static size_t high_frames_of_map(void)
{
    size_t index = 0;
    size_t frames;
    size_t sum = 0;
    ashlar_pfn first;
    while (ashlar_memmap_next_usable(&kernel_memory.map, &index, &first, &frames)) {
        sum += first >= 0x100000 ? frames : 0;
    }
    return sum;
}

static void test_all_ram(void)
{
    struct ram_hoard hoard;
    size_t before = ram_accounted_frames();
    ashlar_pfn frame = 12345;
    if (!has_frames(PROBE_FRAMES, "all of the RAM") || !ok(ram_take_all(&hoard), "a list of all frames fits")) {
        return;
    }
    is_number(frames_now().free_frames, 0, "all frames are taken");
    is_number(hoard.twice, 0, "none of them twice");
    ok(ram_high_frames(&hoard) + IN_USE_MAX >= high_frames_of_map(),
       "all that lie above 4 GiB are among them, those in use apart");
    print("# %zu frames lie above 4 GiB\n", ram_high_frames(&hoard));
    is_number(ashlar_frames_take(kernel_memory.frames, 0, &frame), ASHLAR_NO_FRAMES, "[fault 27] one more is an error");
    print("# writing and reading %zu frames ", hoard.frames);
    ram_write(&hoard);
    uint64_t wrong = ram_verify(&hoard);
    print("\n");
    is_number(wrong, 0, "every word of them kept its value");
    ram_give_all(&hoard);
    is_number(ram_accounted_frames(), before, "[fault 27] all can be given back, the tables of the list apart");
}

static void test_ram(void)
{
    test_quietly(test_all_ram);
    ok_audit("all of it");
}

static ashlar_vpn last_page(void)
{
    return ((ashlar_vpn)1 << (image_mode()->address_bits - ASHLAR_PAGE_SHIFT)) - 1;
}

static void test_space_errors(struct ashlar_space *space, ashlar_vpn kernel_page)
{
    ashlar_pfn frame = frames_now().total_frames / 2;
    struct ashlar_mapping mapping;
    is_number(ashlar_space_map(NULL, kernel_page, 1, &frame, ASHLAR_MAP_WRITE), ASHLAR_EXISTS,
              "[fault 34] mapping over a mapping");
    is_number(ashlar_space_unmap(space, 0x500, 1, NULL), ASHLAR_ABSENT, "[fault 35] unmapping a hole");
    is_number(ashlar_space_map(space, last_page() - 1, 4, &frame, ASHLAR_MAP_USER), ASHLAR_BAD_ARGUMENT,
              "[fault 37] a range that wraps");
    is_number(ashlar_space_map(space, ashlar_space_layout()->kernel_first, 1, &frame, ASHLAR_MAP_USER), ASHLAR_REFUSED,
              "[fault 40] a user mapping in the kernel half");
    is_number(ashlar_space_map(space, 0x500, 1, &frame, ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER),
              ASHLAR_REFUSED, "[fault 41] writable and executable");
    is_number(ashlar_space_map(space, 0x500, 0, &frame, ASHLAR_MAP_USER), ASHLAR_BAD_ARGUMENT, "[fault 57] zero pages");
    is_number(ashlar_space_query(space, 0x500, &mapping), ASHLAR_ABSENT, "nothing of that was mapped");
}

/* What no address or frame of this mode is. */
static void test_space_limits(struct ashlar_space *space)
{
    ashlar_pfn frame = frames_now().total_frames / 2;
    ashlar_pfn beyond = ASHLAR_PFN_NONE - 1;
    ashlar_vpn first;
    is_number(ashlar_kva_reserve(1, 3, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 36] an alignment of 3 pages");
    is_number(ashlar_space_map(space, last_page() + 1, 1, &frame, ASHLAR_MAP_USER), ASHLAR_BAD_ARGUMENT,
              "[fault 38] a page that the format does not have");
    if (image_mode()->levels > 3) {
        ashlar_pfn frames[2] = {frame, frame};
        is_number(ashlar_space_map(space, last_page() / 2, 2, frames, ASHLAR_MAP_USER), ASHLAR_BAD_ARGUMENT,
                  "[fault 39] across the hole between the halves");
    }
    is_number(ashlar_space_map(space, 0x500, 1, &beyond, ASHLAR_MAP_USER), ASHLAR_BAD_ARGUMENT,
              "[fault 42] a frame beyond the CPU's width");
    is_number(ashlar_kva_reserve(ashlar_space_layout()->kernel_pages, 1, "all", &first), ASHLAR_NO_ADDRESSES,
              "[fault 60] all addresses of the kernel and more");
}

/* No frame is left while a table is wanted. */
static ashlar_status without_frames(ashlar_status (*call)(struct ashlar_space *space), struct ashlar_space *space)
{
    ashlar_frames_fail_nth(kernel_memory.frames, 1, 1);
    ashlar_status status = call(space);
    ashlar_frames_fail_nth(kernel_memory.frames, 0, 0);
    return status;
}

static ashlar_status map_far(struct ashlar_space *space)
{
    ashlar_pfn frame = frames_now().total_frames / 2;
    return ashlar_space_map(space, 0x20000, 1, &frame, ASHLAR_MAP_USER);
}

static ashlar_status protect_part(struct ashlar_space *space)
{
    return ashlar_space_protect(space, LARGE_PAGE + 3, 1, ASHLAR_MAP_READ | ASHLAR_MAP_USER);
}

static void test_space_shortage(struct ashlar_space *space)
{
    struct ashlar_mapping mapping;
    ashlar_pfn frame;
    unsigned order = image_mode()->entry_bytes == 4 ? 10 : 9;
    size_t before = frames_now().free_frames;
    is_number(without_frames(map_far, space), ASHLAR_NO_FRAMES, "[fault 43] no frame for a table");
    is_number(frames_now().free_frames, before, "[fault 43] no table is lost");
    if (!has_frames(LARGE_FRAMES, "a large page") ||
        !ok(ashlar_frames_take(kernel_memory.frames, order, &frame) == ASHLAR_OK, "frames for a large page")) {
        return;
    }
    is_number(ashlar_space_map_linear(space, LARGE_PAGE, (size_t)1 << order, frame,
                                      ASHLAR_MAP_WRITE | ASHLAR_MAP_USER | ASHLAR_MAP_LARGE),
              ASHLAR_OK, "a large page");
    is_number(ashlar_space_map(space, LARGE_PAGE + 3, 1, &frame, ASHLAR_MAP_USER), ASHLAR_EXISTS,
              "[fault 45] a page within it");
    is_number(without_frames(protect_part, space), ASHLAR_NO_FRAMES, "[fault 44] no frame to split it");
    ok(ashlar_space_query(space, LARGE_PAGE + 3, &mapping) == ASHLAR_OK && mapping.frame == frame + 3 &&
           mapping.page_pages == (size_t)1 << order && (mapping.flags & ASHLAR_MAP_WRITE) != 0,
       "[fault 44] it is as it was");
    is_number(ashlar_space_unmap(space, LARGE_PAGE, (size_t)1 << order, NULL), ASHLAR_OK, "unmap it");
    is_number(frames_now().free_frames, before, "all of it came back");
}

static void test_space_user(ashlar_vpn kernel_page)
{
    struct ashlar_space space;
    struct ashlar_mapping mapping;
    ashlar_pfn frame;
    size_t before = frames_now().free_frames;
    if (!has_frames(PROBE_FRAMES, "an address space") ||
        !ok(ashlar_space_create(&space) == ASHLAR_OK, "an address space") ||
        !ok(ashlar_frames_take(kernel_memory.frames, 0, &frame) == ASHLAR_OK, "a frame")) {
        return;
    }
    is_number(ashlar_space_map(&space, 0x400, 1, &frame, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "map it");
    is_number(ashlar_space_query(&space, 0x400, &mapping), ASHLAR_OK, "ask for it");
    is_number(mapping.frame, frame, "it is the frame");
    is_number(ashlar_space_protect(&space, 0x400, 1, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
              "make it read-only");
    test_space_errors(&space, kernel_page);
    test_space_limits(&space);
    test_space_shortage(&space);
    is_number(ashlar_space_unmap(&space, 0x400, 1, NULL), ASHLAR_OK, "unmap it");
    ashlar_space_destroy(&space);
    is_number(frames_now().free_frames, before, "nothing was kept");
}

static void test_space_kernel(void)
{
    ashlar_vpn first;
    uintptr_t top;
    struct ashlar_place place;
    if (!ok(ashlar_kva_take(8, ASHLAR_MAP_WRITE, "a test's range", &first) == ASHLAR_OK, "8 pages")) {
        return;
    }
    uint32_t *words = ashlar_port_pointer(address_of_page(first));
    memset(words, 0x5a, 8 * ASHLAR_PAGE_BYTES);
    ok(words[8191] == 0x5a5a5a5a, "can be written to the last word");
    ashlar_explain((uintptr_t)&words[100], &place);
    ok(place.kind == ASHLAR_PLACE_RANGE && text_equal(place.name, "a test's range"), "and know whose they are");
    test_space_user(first);
    ashlar_kva_give(first);
    if (ok(ashlar_kva_take_stack(4, "a test's stack", &top) == ASHLAR_OK, "a stack")) {
        memset(ashlar_port_pointer(top - 4 * ASHLAR_PAGE_BYTES), 0, 4 * ASHLAR_PAGE_BYTES);
        ashlar_explain(top - 4 * ASHLAR_PAGE_BYTES - 24, &place);
        ok(place.kind == ASHLAR_PLACE_GUARD && text_equal(place.name, "a test's stack"), "has a guard below it");
        is_number(place.offset, 24, "which knows how far below");
        ashlar_kva_give_stack(top);
    }
}

/* Which pages are in large ones; 0 if one is not there. */
static size_t count_large(ashlar_vpn first, size_t pages)
{
    size_t large = 0;
    for (size_t i = 0; i < pages; i++) {
        struct ashlar_mapping mapping;
        if (ashlar_space_query(NULL, first + i, &mapping) != ASHLAR_OK) {
            return 0;
        }
        large += mapping.page_pages > 1;
    }
    return large;
}

static void test_large_words(volatile uint32_t *words, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        words[i] = (uint32_t)i * 2654435761u;
    }
    for (size_t i = 0; i < count; i++) {
        wrong += words[i] != (uint32_t)i * 2654435761u;
    }
    is_number(wrong, 0, "each of its words keeps its value");
}

/* Two large pages and a few small ones, in a format that has them; taken apart and given back. */
static void test_space_large(void)
{
    static bool has_split; /* the table that this took stays, and so do small pages there */
    const size_t whole = 512;
    const size_t wanted = 2 * whole + 3;
    ashlar_vpn first;
    struct ashlar_place place;
    if (!has_frames(image_mode()->levels > 2 ? LARGE_FRAMES : RANGE_FRAMES, "a range of 1,027 pages")) {
        return;
    }
    size_t before = ram_accounted_frames();
    bool expected = image_mode()->levels > 2 && frames_now().free_2mib_blocks > 2;
    if (!ok(ashlar_kva_take(wanted, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "a test's large range", &first) == ASHLAR_OK,
            "%zu pages, in large ones where they fit", wanted)) {
        return;
    }
    /* Large pages begin at their multiples, wherever the range does. */
    ashlar_vpn from = (first + whole - 1) & ~(ashlar_vpn)(whole - 1);
    size_t large = expected ? ((first + wanted) & ~(ashlar_vpn)(whole - 1)) - from : 0;
    size_t got = count_large(first, wanted);
    ok(got == large || (has_split && got + whole == large), "as many as fit: %zu of %zu, what was split before apart",
       got, large);
    size_t splits = count_large(from, 1) * whole;
    test_large_words(ashlar_port_pointer(address_of_page(first)), wanted * (ASHLAR_PAGE_BYTES / sizeof(uint32_t)));
    ashlar_explain(address_of_page(first + wanted) + 8, &place);
    ok(place.kind == ASHLAR_PLACE_GUARD && text_equal(place.name, "a test's large range"), "a guard lies behind");
    is_number(ashlar_space_protect(NULL, from + 5, 1, 0), ASHLAR_OK, "one page is made read-only");
    has_split = has_split || splits != 0;
    is_number(count_large(first, wanted), got - splits, "what it was a part of is small pages now");
    ok_audit("splitting");
    volatile uint32_t *word = ashlar_port_pointer(address_of_page(from + 6));
    ok(*word == (uint32_t)((from + 6 - first) * 1024) * 2654435761u, "of the same contents");
    ashlar_kva_give(first);
    is_number(ram_accounted_frames(), before, "the frames are free again, tables apart");
    ok_audit("giving it back");
}

/* The loader's text page at 0xB8000 is memory of a device on any PC. */
static void test_space_device(void)
{
    uintptr_t address;
    ashlar_status status =
        ashlar_kva_map_mmio(0xb8010, 100, ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC, "text screen", &address);
    if (ok(status == ASHLAR_OK, "device memory is mapped")) {
        is_number(address % ASHLAR_PAGE_BYTES, 0x10, "the address points at the byte that was asked for");
        ashlar_kva_unmap_mmio(address);
    }
}

static void test_space(void)
{
    test_quietly(test_space_kernel);
    test_space_large();
    test_space_device();
    ok_audit("all of it");
}

const struct test tests_low[] = {
    {"map", "the firmware's map: page 0, the image, the carve", test_map},
    {"boot", "where boot put things", test_boot},
    {"frames", "frames: orders, limits, errors", test_frames},
    {"ram", "every word of every frame", test_ram},
    {"space", "address spaces, ranges, stacks, devices", test_space},
    {NULL, NULL, NULL},
};
