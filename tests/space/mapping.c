/* SPDX-License-Identifier: 0BSD */
/* mapping.c - map, unmap, protect, query, in small pages and large ones: what the floor says is what the MMU does. */
#include "space/world.h"

#define MAGIC 0x5eed0000u
#define PAGES_MAX ((1u << 18) + 16u) /* a page of 1 GiB, and some around it */

static ashlar_pfn frames[PAGES_MAX], given[PAGES_MAX];
static struct ashlar_space space, other;

static size_t level_pages(unsigned level)
{
    return (size_t)1 << ashlar_entry_shift(world.paging, level);
}

static unsigned large_level(void)
{
    return ashlar_paging_large_level(world.paging, WORLD_FEATURES);
}

static void mark(ashlar_pfn first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *world_word(first + i) = MAGIC ^ (uint32_t)(first + i);
    }
}

/* A world with both CPUs in one user space. */
static void start(const struct world_format *format, const struct world_options *options)
{
    world_start(format, options);
    if (ashlar_space_create(&space) != ASHLAR_OK || ashlar_space_create(&other) != ASHLAR_OK) {
        world_bail("create", ASHLAR_NO_FRAMES);
    }
    ashlar_space_switch(&space);
    sim_set_cpu(1);
    ashlar_space_switch(&space);
    sim_set_cpu(0);
}

static void finish(size_t free_before)
{
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        sim_set_cpu(cpu);
        ashlar_space_switch(NULL);
    }
    sim_set_cpu(0);
    is_u(space.table_frames, 0, "%s: no table is left", world.name);
    ashlar_space_destroy(&space);
    ashlar_space_destroy(&other);
    is_u(world_free_frames(), free_before + 2u, "%s: no frame is lost", world.name);
    world_ok("the spaces are gone");
}

/* Query and both CPUs agree that these frames are there, one after the other; step 0: one frame everywhere. */
static size_t disagree(struct ashlar_space *where, ashlar_vpn first, size_t pages, ashlar_pfn frame, unsigned flags)
{
    size_t wrong = 0;
    unsigned user = where != NULL ? SIM_USER : 0;
    size_t step = pages > 4096u ? 509u : 1u;
    for (size_t i = 0; i < pages; i += step) {
        struct ashlar_mapping m;
        bool good = ashlar_space_query(where, first + i, &m) == ASHLAR_OK && m.frame == frame + i &&
                    (m.flags & (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)) == (flags & (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER));
        uint32_t want = MAGIC ^ (uint32_t)(frame + i);
        good = good && world_read(0, first + i, user) == want && world_read(1, first + i, user) == want;
        bool writable = world_write(0, first + i, want, user) == 0;
        good = good && writable == ((flags & ASHLAR_MAP_WRITE) != 0);
        wrong += !good;
    }
    return wrong;
}

static size_t present(struct ashlar_space *where, ashlar_vpn first, size_t pages)
{
    size_t found = 0;
    unsigned user = where != NULL ? SIM_USER : 0;
    size_t step = pages > 4096u ? 509u : 1u;
    for (size_t i = 0; i < pages; i += step) {
        struct ashlar_mapping m;
        found += ashlar_space_query(where, first + i, &m) == ASHLAR_OK;
        found += world_read(0, first + i, user) >> 16 != 0xdeadu || world_read(1, first + i, user) >> 16 != 0xdeadu;
    }
    return found;
}

/* --- small pages -------------------------------------------------------------------- */

/* Frames in any order, through map; some pages of them, then all. */
static void test_small(ashlar_vpn first, size_t pages, const char *what)
{
    ashlar_pfn run = world_frames(pages, 1);
    size_t wrong = 0;
    mark(run, pages);
    for (size_t i = 0; i < pages; i++) {
        frames[i] = run + (i ^ (i + 1u < pages || pages % 2 == 0 ? 1u : 0u)) % pages;
    }
    is_u(ashlar_space_map(&space, first, pages, frames, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: map %s",
         world.name, what);
    for (size_t i = 0; i < pages; i++) {
        wrong += disagree(&space, first + i, 1, frames[i], ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
    }
    is_u(wrong, 0, "%s: %s are there on both CPUs", world.name, what);
    is_u(present(&other, first, 0), 0, "%s: and nowhere else", world.name);
    is_u(space.mapped_pages, pages, "%s: they are counted", world.name);
    is_u(ashlar_space_protect(&space, first, pages, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK, "%s: protect them",
         world.name);
    for (size_t i = 0; i < pages; i++) {
        wrong += disagree(&space, first + i, 1, frames[i], ASHLAR_MAP_USER);
    }
    is_u(wrong, 0, "%s: they cannot be written any more", world.name);
    world_ok("%s mapped and protected", what);
    is_u(ashlar_space_unmap(&space, first, pages, given), ASHLAR_OK, "%s: unmap them", world.name);
    ok(memcmp(frames, given, pages * sizeof frames[0]) == 0, "%s: the same frames come back in order", world.name);
    is_u(present(&space, first, pages), 0, "%s: nothing is left of them", world.name);
    is_u(space.table_frames + space.mapped_pages, 0, "%s: nor of their tables", world.name);
    world_give_frames(run, pages);
    world_ok("%s unmapped", what);
}

static void test_smalls(const struct world_format *format)
{
    const struct world_options none = {0};
    world_start(format, &none);
    size_t before = world_free_frames() - 2u;
    start(format, &none);
    size_t table = level_pages(2);
    ashlar_vpn last = ashlar_user_end() - 1u;
    test_small(5, 1, "one page");
    test_small(0, 1, "the first page of the user half");
    test_small(last, 1, "its last page");
    test_small(last - 40u, 41, "its last 41 pages");
    test_small(table - 3u, 6, "pages across two tables");
    test_small(7u * table - 1u, table + 2u, "a whole table and a page on either side");
    if (ashlar_paging_levels(world.paging) > 2) {
        test_small(level_pages(3) - 2u, 4, "pages across two directories");
    }
    if (world_is_64()) {
        test_small(level_pages(4) - 2u, 4, "pages across two tables of level 3");
    }
    finish(before);
}

/* --- large pages ---------------------------------------------------------------------- */

static void expect_size(struct ashlar_space *where, ashlar_vpn page, size_t pages, const char *what)
{
    struct ashlar_mapping m = {0, 0, 0};
    struct sim_translation t;
    ashlar_status status = ashlar_space_query(where, page, &m);
    sim_mmu_inspect(0, world_address(page), &t);
    ok(status == ASHLAR_OK && m.page_pages == pages && t.fault == 0 && t.page_bytes == pages * 4096u,
       "%s: %s is a page of %zu frames, says the MMU, too", world.name, what, pages);
}

/* Pages of this level in the middle, smaller ones around them. */
static void test_large(struct ashlar_space *where, ashlar_vpn base, unsigned level)
{
    size_t whole = level_pages(level), pages = whole + 10u;
    const unsigned flags = ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE | (where != NULL ? ASHLAR_MAP_USER : 0u);
    ashlar_pfn run = world_frames(3u * whole, whole) + whole - 5u;
    ashlar_vpn first = base + whole - 5u;
    unsigned expect = where != NULL ? ASHLAR_MAP_WRITE | ASHLAR_MAP_USER : ASHLAR_MAP_WRITE;
    for (size_t i = 0; i<pages; i += pages> 4096u ? 509u : 1u) {
        mark(run + i, 1);
    }
    mark(run + pages - 1u, 1);
    is_u(ashlar_space_map_linear(where, first, pages, run, flags), ASHLAR_OK, "%s: map linear, level %u", world.name,
         level);
    is_u(disagree(where, first, pages, run, expect), 0, "%s: all frames are there", world.name);
    expect_size(where, first + 4u, 1, "the last before");
    expect_size(where, first + 5u, whole, "the large one");
    expect_size(where, first + 5u + whole, 1, "the first behind");
    world_ok("a large page of level %u", level);
    is_u(ashlar_space_unmap(where, first, pages, given), ASHLAR_OK, "%s: unmap", world.name);
    is_u(present(where, first, pages), 0, "%s: nothing is left", world.name);
    world_ok("a large page of level %u is gone", level);
    world_give_frames(run - (whole - 5u), 3u * whole);
}

/* Changing a part of a large page splits it there, and nowhere else. */
static void test_split(struct ashlar_space *where, ashlar_vpn base, unsigned level, size_t at, size_t count)
{
    size_t whole = level_pages(level);
    ashlar_pfn run = world_frames(2u * whole, whole);
    unsigned user = where != NULL ? ASHLAR_MAP_USER : 0;
    for (size_t i = 0; i<2u * whole; i += 2u * whole> 4096u ? 509u : 1u) {
        mark(run + i, 1);
    }
    mark(run + at, count);
    is_u(ashlar_space_map_linear(where, base, 2u * whole, run, ASHLAR_MAP_WRITE | user | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: two large pages of level %u", world.name, level);
    is_u(disagree(where, base, 2u * whole, run, ASHLAR_MAP_WRITE | user), 0, "%s: used by both CPUs", world.name);
    is_u(ashlar_space_protect(where, base + at, count, user != 0 ? user | ASHLAR_MAP_READ : 0), ASHLAR_OK,
         "%s: protect %zu pages from %zu on", world.name, count, at);
    is_u(disagree(where, base + at, count, run + at, user), 0, "%s: they are read-only", world.name);
    size_t wrong = 0;
    for (size_t i = 0; i<2u * whole; i += 2u * whole> 4096u ? 509u : 1u) {
        wrong += i - at >= count && disagree(where, base + i, 1, run + i, ASHLAR_MAP_WRITE | user) != 0;
    }
    is_u(wrong, 0, "%s: all others are as before", world.name);
    world_ok("split of level %u at %zu", level, at);
    is_u(ashlar_space_unmap(where, base + at, count, given), ASHLAR_OK, "%s: unmap these", world.name);
    ok(given[0] == run + at && given[count - 1u] == run + at + count - 1u, "%s: their frames come back", world.name);
    is_u(present(where, base + at, count), 0, "%s: they are gone", world.name);
    world_ok("a part is gone");
    is_u(at != 0 ? ashlar_space_unmap(where, base, at, NULL) : ASHLAR_OK, ASHLAR_OK, "%s: unmap those before",
         world.name);
    is_u(ashlar_space_unmap(where, base + at + count, 2u * whole - at - count, NULL), ASHLAR_OK, "%s: and those behind",
         world.name);
    world_give_frames(run + at, count);
    world_ok("and the rest, to the pool");
}

static void test_larges_in(struct ashlar_space *where, ashlar_vpn base, unsigned level)
{
    size_t whole = level_pages(level);
    test_large(where, base, level);
    test_split(where, base, level, 0, 1);
    test_split(where, base, level, whole - 1u, 1);
    test_split(where, base, level, whole - 1u, 2);
    test_split(where, base, level, whole / 2u + 3u, 40);
    test_split(where, base, level, whole, 3);
}

static void test_larges(const struct world_format *format)
{
    const struct world_options options = {.ram_bytes = 128u * MIB};
    world_start(format, &options);
    size_t before = world_free_frames() - 2u;
    start(format, &options);
    test_larges_in(&space, 4u * level_pages(2), 2);
    test_larges_in(&space, ashlar_user_end() - 4u * level_pages(2), 2);
    finish(before);
}

/* Kernel pages: of level 2 wherever that is not the root. */
static void test_kernel_larges(const struct world_format *format)
{
    const struct world_options options = {.ram_bytes = 128u * MIB};
    ashlar_vpn first;
    start(format, &options);
    size_t whole = level_pages(2);
    first = world_addresses(4u * whole, whole);
    ashlar_pfn run = world_frames(whole, whole);
    is_u(ashlar_space_map_linear(NULL, first, whole, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: map a large page for the kernel", world.name);
    mark(run, whole);
    expect_size(NULL, first, ashlar_paging_levels(world.paging) == 2 ? 1u : whole, "the kernel's");
    is_u(disagree(NULL, first, whole, run, ASHLAR_MAP_WRITE), 0, "%s: in use", world.name);
    is_u(ashlar_space_unmap(NULL, first, whole, NULL), ASHLAR_OK, "%s: unmap it", world.name);
    world_ok("a large page of the kernel half");
    if (ashlar_paging_levels(world.paging) > 2) {
        test_larges_in(NULL, first, 2);
    }
    world_ok("the addresses are free");
}

/* Pages of 1 GiB; the machine needs RAM for three of them. */
static void test_gib(const struct world_format *format)
{
    const struct world_options options = {.ram_bytes = (uint64_t)8 << 30, .unwatched = true};
    if (ashlar_paging_virtual_bits(format->paging) == 32) {
        return;
    }
    start(format, &options);
    is_u(large_level(), 3, "%s: pages of 1 GiB", world.name);
    test_large(&space, 8u * level_pages(3), 3);
    test_split(&space, 8u * level_pages(3), 3, level_pages(3) - 1u, 1);
    test_split(&space, 8u * level_pages(3), 3, level_pages(3) - 700u, 1000);
}

/* Without the CPU's feature, or where the caller does not ask, pages are smaller. */
static void test_no_large(const struct world_format *format)
{
    const struct world_options options = {.features = ASHLAR_FEATURE_NX | ASHLAR_FEATURE_GLOBAL};
    start(format, &options);
    size_t whole = level_pages(2);
    ashlar_pfn run = world_frames(2u * whole, whole);
    const unsigned flags = ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE;
    is_u(ashlar_space_map_linear(&space, whole, whole, run, flags), ASHLAR_OK, "%s: map linear", world.name);
    expect_size(&space, whole, ashlar_paging_levels(world.paging) == 2 ? 1u : whole, "without features");
    is_u(ashlar_space_map_linear(&space, 2u * whole, whole, run + whole, ASHLAR_MAP_WRITE), ASHLAR_OK,
         "%s: map linear, not large", world.name);
    expect_size(&space, 2u * whole, 1, "not asked for");
    world_ok("no large pages");
    is_u(ashlar_space_unmap(&space, whole, 2u * whole, NULL), ASHLAR_OK, "%s: unmap both kinds at once", world.name);
    is_u(ashlar_space_map_linear(&space, whole, whole, run = world_frames(whole + 1u, whole) + 1u, flags), ASHLAR_OK,
         "%s: frames that do not lie as the pages do", world.name);
    expect_size(&space, whole, 1, "one that is out of step");
    is_u(ashlar_space_unmap(&space, whole, whole, NULL), ASHLAR_OK, "%s: unmap them", world.name);
    world_ok("out of step");
}

/* --- flags --------------------------------------------------------------------------------- */

static void test_flags(const struct world_format *format)
{
    static const unsigned caching[] = {ASHLAR_MAP_CACHE_WB, ASHLAR_MAP_CACHE_WT, ASHLAR_MAP_CACHE_UC,
                                       ASHLAR_MAP_CACHE_WC};
    static const unsigned pat[] = {0, 1, 3, 4};
    const struct world_options none = {0};
    bool has_nx = format->sim != SIM_TWO_LEVEL;
    start(format, &none);
    ashlar_pfn frame = world_frames(1, 1);
    for (unsigned i = 0; i < 8; i++) {
        unsigned flags = caching[i % 4u] | ASHLAR_MAP_USER | (i < 4 ? ASHLAR_MAP_WRITE : ASHLAR_MAP_EXEC);
        struct ashlar_mapping m = {0, 0, 0};
        struct sim_translation t;
        is_u(ashlar_space_map(&space, 9, 1, &frame, flags), ASHLAR_OK, "%s: map with flags 0x%x", world.name, flags);
        is_u(ashlar_space_query(&space, 9, &m), ASHLAR_OK, "%s: query", world.name);
        sim_mmu_inspect(0, world_address(9), &t);
        is_u(m.flags, flags | ASHLAR_MAP_READ, "%s: [fault 122] query tells them, with NX or without", world.name);
        ok(t.fault == 0 && t.writable == (i < 4) && t.user && !t.global && t.pat_index == pat[i % 4u] &&
               t.executable == (i >= 4 || !has_nx),
           "%s: and the MMU", world.name);
        is_u(ashlar_space_unmap(&space, 9, 1, given), ASHLAR_OK, "%s: unmap", world.name);
    }
    world_ok("flags");
}

/* More tables become empty at once than are given back in one go. */
static void test_many_tables(const struct world_format *format)
{
    const struct world_options none = {0};
    const ashlar_pfn device = 0x80000;
    start(format, &none);
    size_t whole = level_pages(2), pages = 37u * whole, wrong = 0;
    ashlar_vpn first = 3u * whole + 7u;
    size_t before = world_free_frames();
    is_u(ashlar_space_map_linear(&space, first, pages, device, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: a device of %zu pages", world.name, pages);
    ok(world_free_frames() <= before - 38u, "%s: has 38 tables of level 1, at least", world.name);
    world_ok("many tables");
    is_u(ashlar_space_unmap(&space, first, pages, given), ASHLAR_OK, "%s: unmap", world.name);
    for (size_t i = 0; i < pages; i++) {
        wrong += given[i] != device + i;
    }
    is_u(wrong, 0, "%s: every frame comes back, in its place", world.name);
    is_u(world_free_frames(), before, "%s: and every table, once", world.name);
    world_ok("no table");
}

/* Permissions go both ways, and the caching type stays. */
static void test_protect(const struct world_format *format)
{
    const struct world_options none = {0};
    struct ashlar_mapping m = {0, 0, 0};
    start(format, &none);
    ashlar_pfn frame = world_frames(1, 1);
    mark(frame, 1);
    is_u(ashlar_space_map(&space, 9, 1, &frame, ASHLAR_MAP_READ | ASHLAR_MAP_USER | ASHLAR_MAP_CACHE_WT), ASHLAR_OK,
         "%s: a page to read", world.name);
    is_u(world_write(0, 9, 1, SIM_USER), SIM_FAULT | SIM_PRESENT | SIM_WRITE | SIM_USER, "%s: only", world.name);
    is_u(ashlar_space_protect(&space, 9, 1, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: more permission",
         world.name);
    is_u(world_write(1, 9, MAGIC ^ (uint32_t)frame, SIM_USER), 0, "%s: it can be written", world.name);
    is_u(ashlar_space_query(&space, 9, &m), ASHLAR_OK, "%s: query", world.name);
    is_u(m.flags & ASHLAR_MAP_CACHE_MASK, ASHLAR_MAP_CACHE_WT, "%s: the caching type stayed", world.name);
    struct sim_translation t;
    sim_mmu_inspect(0, world_address(9), &t);
    ok(t.dirty && t.accessed, "%s: so did accessed and dirty", world.name);
    is_u(ashlar_space_protect(&space, 9, 1, ASHLAR_MAP_EXEC | ASHLAR_MAP_USER), ASHLAR_OK, "%s: execute instead",
         world.name);
    sim_mmu_inspect(0, world_address(9), &t);
    ok(t.executable && !t.writable && t.dirty, "%s: no loss of dirty", world.name);
    is_u(ashlar_space_unmap(&space, 9, 1, NULL), ASHLAR_OK, "%s: unmap", world.name);
    world_ok("protect");
}

static bool is_large(ashlar_vpn page)
{
    struct ashlar_mapping m = {0, 0, 0};
    is_u(ashlar_space_query(&space, page, &m), ASHLAR_OK, "%s: query", world.name);
    return m.page_pages > 1;
}

/* Where a page may not be known in two sizes there is no large one that could be split. */
static void test_one_page_size(const struct world_format *format)
{
    const struct world_options none = {0};
    const ashlar_pfn device = 0x80000;
    start(format, &none);
    size_t whole = level_pages(2);
    is_u(ashlar_space_map_linear(&space, whole, whole, device, ASHLAR_MAP_EXEC | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: map", world.name);
    ok(!is_large(whole), "%s: no executable page is large [fault 119]", world.name);
    is_u(ashlar_space_unmap(&space, whole, whole, given), ASHLAR_OK, "%s: unmap", world.name);
    is_u(ashlar_space_map_linear(&space, whole, whole, device, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: map", world.name);
    ok(is_large(whole), "%s: one that can be written is", world.name);
    is_u(ashlar_space_protect(&space, whole, whole, ASHLAR_MAP_EXEC), ASHLAR_REFUSED,
         "%s: and does not become executable [fault 119]", world.name);
    is_u(ashlar_space_protect(&space, whole + 1u, 2, ASHLAR_MAP_EXEC), ASHLAR_REFUSED, "%s: nor a part of it",
         world.name);
    is_u(ashlar_space_protect(&space, whole, whole, 0), ASHLAR_OK, "%s: but less may be allowed", world.name);
    ok(is_large(whole), "%s: it is large still", world.name);
    is_u(ashlar_space_unmap(&space, whole, whole, given), ASHLAR_OK, "%s: unmap", world.name);
    ashlar_half.options.features |= ASHLAR_FEATURE_ONE_PAGE_SIZE;
    is_u(ashlar_space_map_linear(&space, whole, whole, device, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: map", world.name);
    ok(!is_large(whole), "%s: none is, on a CPU that says so [fault 119]", world.name);
    is_u(ashlar_space_unmap(&space, whole, whole, given), ASHLAR_OK, "%s: unmap", world.name);
    world_ok("one size");
}

/* [fault 56] The kernel's own read-only pages. */
static void test_kernel_read_only(const struct world_format *format)
{
    const struct world_options none = {0};
    start(format, &none);
    ashlar_vpn first = world_map_kernel(2, ASHLAR_MAP_WRITE);
    is_u(world_write(0, first, 5, 0) | world_write(1, first + 1u, 6, 0), 0, "%s: they can be written", world.name);
    is_u(ashlar_space_protect(NULL, first, 2, 0), ASHLAR_OK, "%s: protect them", world.name);
    is_u(world_write(0, first, 7, 0), SIM_FAULT | SIM_PRESENT | SIM_WRITE,
         "%s: [fault 56] a write to a read-only kernel page faults", world.name);
    is_u(world_write(1, first + 1u, 7, 0), SIM_FAULT | SIM_PRESENT | SIM_WRITE, "%s: on the other CPU as well",
         world.name);
    is_u(world_read(1, first, 0), 5, "%s: nothing was written", world.name);
    is_u(world_read(0, first, SIM_USER), 0xdead0000u | SIM_PRESENT | SIM_USER, "%s: not the user's to read",
         world.name);
    world_unmap_kernel(first, 2);
    world_ok("read-only kernel pages");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_smalls(format);
        test_larges(format);
        test_kernel_larges(format);
        test_gib(format);
        test_no_large(format);
        test_flags(format);
        test_many_tables(format);
        test_protect(format);
        test_one_page_size(format);
        test_kernel_read_only(format);
    }
    return done_testing();
}
