/* SPDX-License-Identifier: 0BSD */
/* kva_large.c - kernel ranges in large pages: where they appear and where not, taken apart with no memory left, given back
 * as the blocks that they were; and what each allocation that fails leaves behind. */
#include "kva/world.h"

#define HOARD 20000u

static ashlar_pfn hoard[HOARD];
static size_t hoarded;
static size_t whole; /* pages of a large page; 512 under two-level paging, too, where there are none */
static bool has_large;

static void start(const struct world_format *format)
{
    world_start_usual(format);
    has_large = ashlar_paging_entry_bytes(world.paging) == 8;
    whole = 512u;
    hoarded = 0;
}

static size_t whole_blocks(void)
{
    struct ashlar_frames_stats stats;
    (void)ashlar_kva_purge();
    ashlar_frames_stats(world.pool, &stats);
    return stats.free_2mib_blocks;
}

/* Everything that is free, and all that keeps tables and descriptors apart from it. */
static size_t frames_and_reserves(void)
{
    size_t free_frames = world_free_frames();
    struct ashlar_space_stats stats = world_stats();
    return free_frames + stats.kernel_table_frames + world_kva_stats().strip_frames + stats.large_pages;
}

static void hoard_order(unsigned order, size_t leave)
{
    const struct ashlar_frames_request last = {order, 0, ASHLAR_FRAMES_ANY_NODE, ASHLAR_FRAMES_MAY_USE_RESERVE};
    size_t first = hoarded;
    while (hoarded < HOARD && ashlar_frames_take_request(world.pool, &last, &hoard[hoarded]) == ASHLAR_OK) {
        hoarded++;
    }
    for (; leave != 0 && hoarded > first; leave--) {
        ashlar_frames_give(world.pool, hoard[--hoarded], order);
    }
}

/* One frame of each 2 MiB: not one block is whole any more. */
static void break_blocks(void)
{
    for (size_t i = 0; whole_blocks() != 0 && i < HOARD; i++) {
        ashlar_pfn block;
        if (ashlar_frames_take(world.pool, 9, &block) != ASHLAR_OK) {
            return;
        }
        ashlar_frames_note_range(world.pool, block, 512);
        hoard[hoarded++] = block;
        for (ashlar_pfn frame = block + 1u; frame < block + 512u; frame++) {
            ashlar_frames_give(world.pool, frame, 0);
        }
    }
}

static void give_hoard(void)
{
    ashlar_frames_give_bulk(world.pool, hoard, hoarded);
    hoarded = 0;
}

/* How many of these pages are in large ones, 0 if one is not mapped, or wrongly. */
static size_t in_large(ashlar_vpn first, size_t pages)
{
    size_t large = 0;
    for (size_t i = 0; i < pages; i++) {
        struct ashlar_mapping m = {0, 0, 0};
        if (ashlar_space_query(NULL, first + i, &m) != ASHLAR_OK || (m.flags & ASHLAR_MAP_WRITE) == 0) {
            return 0;
        }
        if (m.page_pages != 1) {
            if (m.page_pages != whole || ((m.frame ^ (first + i)) & (whole - 1u)) != 0) {
                return 0;
            }
            large++;
        }
    }
    return large;
}

static size_t expect_large(size_t pages)
{
    return has_large ? pages : 0;
}

/* --- take and give ------------------------------------------------------------------------- */

static void test_take(void)
{
    const size_t sizes[] = {1, whole - 1u, whole, whole + 1u, 2u * whole, 3u * whole - 1u};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ashlar_vpn first;
        size_t pages = sizes[i], blocks = whole_blocks(), before = frames_and_reserves();
        size_t large = expect_large(pages / whole * whole);
        is_u(ashlar_kva_take(pages, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &first), ASHLAR_OK,
             "%s: take %zu pages", world.name, pages);
        is_u(in_large(first, pages), large, "%s: large where they fit", world.name);
        is_u(world_stats().large_pages, large / whole, "%s: counted", world.name);
        is_u(world_usable(first, pages), pages, "%s: all can be used on both CPUs", world.name);
        is_u(world_absent(first + pages, 1), 1, "%s: a guard behind", world.name);
        struct ashlar_place place;
        (void)ashlar_kva_explain(world_address(first + pages) + 5u, &place);
        ok(place.kind == ASHLAR_PLACE_GUARD && place.offset == 5 && place.first == first,
           "%s: which is known for what it is", world.name);
        is_str(world_audit(), NULL, "sound while it is held");
        uintptr_t interrupts = world_begin_alone(); /* who does not purge, however much waits */
        ashlar_kva_give(first);
        world_end_alone(interrupts);
        is_u(world_absent(first, pages), pages, "%s: given back: gone at once", world.name);
        is_str(world_audit(), NULL, "sound while it waits");
        is_u(world_stats().large_pages, large / whole, "%s: a block waits as a block", world.name);
        is_u(ashlar_kva_purge(), pages + 1u, "%s: purged", world.name);
        is_u(world_stats().large_pages, 0, "%s: none is left", world.name);
        is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
        ok(whole_blocks() + (pages % whole != 0) + 1u >= blocks, "%s: and the blocks are whole", world.name);
        world_ok("%zu pages", pages);
    }
}

/* What is moved is small pages at its new place; the rest of a large page stays where it was. */
static void test_move(void)
{
    ashlar_vpn first;
    size_t before = frames_and_reserves();
    is_u(ashlar_kva_reserve(8u * whole, whole, "range", &first), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit_large(first, 2u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    is_u(world_stats().large_pages, expect_large(2), "%s: two large ones", world.name);
    is_u(ashlar_kva_move(first + 4u * whole + 3u, first + whole / 2u, whole + 10u, ASHLAR_MAP_WRITE), ASHLAR_OK,
         "%s: moved, an end of one and the start of another", world.name);
    is_u(world_usable(first, whole / 2u) + world_usable(first + 4u * whole + 3u, whole + 10u), whole / 2u + whole + 10u,
         "%s: all is there", world.name);
    is_u(world_absent(first + whole / 2u, whole + 10u), whole + 10u, "%s: and nowhere else", world.name);
    is_u(world_stats().large_pages, 0, "%s: no large page is left", world.name);
    ashlar_kva_decommit(first, whole / 2u);
    ashlar_kva_decommit(first + whole + whole / 2u + 10u, whole / 2u - 10u);
    ashlar_kva_decommit(first + 4u * whole + 3u, whole + 10u);
    is_u(ashlar_kva_commit_large(first + 6u * whole, whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    is_u(ashlar_kva_move(first + 2u * whole, first + 6u * whole, whole, ASHLAR_MAP_WRITE), ASHLAR_OK,
         "%s: a whole large page moved", world.name);
    is_u(world_usable(first + 2u * whole, whole), whole, "%s: it is there, in small ones", world.name);
    ashlar_kva_decommit(first + 2u * whole, whole);
    ashlar_kva_unreserve(first);
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("moves");
}

static void test_unasked(void)
{
    ashlar_vpn first;
    is_u(ashlar_kva_take(2u * whole, ASHLAR_MAP_WRITE, "small", &first), ASHLAR_OK, "%s: not asked for", world.name);
    is_u(world_absent(first, 2u * whole), 0, "%s: all pages are there", world.name);
    is_u(in_large(first, 2u * whole) + world_stats().large_pages, 0, "%s: and none is large", world.name);
    ashlar_kva_give(first);
    (void)ashlar_kva_purge();
    world_ok("unasked");
}

static void test_flags(void)
{
    ashlar_vpn first = 7;
    const unsigned large = ASHLAR_MAP_LARGE;
    is_u(ashlar_kva_take(whole, large | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC, "bad", &first), ASHLAR_REFUSED,
         "%s: [fault 41] writable and executable", world.name);
    is_u(ashlar_kva_take(whole, large | ASHLAR_MAP_USER, "bad", &first), ASHLAR_REFUSED, "%s: a user's", world.name);
    is_u(ashlar_kva_take(whole, large | 0x8000u, "bad", &first), ASHLAR_BAD_ARGUMENT, "%s: unknown", world.name);
    is_u(ashlar_kva_take(0, large, "bad", &first), ASHLAR_BAD_ARGUMENT, "%s: [fault 57] no pages", world.name);
    is_u(ashlar_kva_take(~(size_t)0, large, "bad", &first), ASHLAR_BAD_ARGUMENT, "%s: too many", world.name);
    is_u(ashlar_kva_take(world.layout.kernel_pages + 1u, large, "bad", &first), ASHLAR_BAD_ARGUMENT, "%s: one too many",
         world.name);
    ok(ashlar_kva_take(world.layout.kernel_pages, large, "bad", &first) != ASHLAR_BAD_ARGUMENT,
       "%s: as many as kernel space has, but there are not", world.name);
    is_u(ashlar_kva_take(world.layout.arena_pages + 1u, large, "bad", &first),
         has_large ? ASHLAR_NO_ADDRESSES : ASHLAR_NO_FRAMES, "%s: more than there is", world.name);
    is_u(first, 7, "%s: no output was touched", world.name);
    is_u(ashlar_kva_take(whole, large | ASHLAR_MAP_CACHE_WC, "frame buffer", &first), ASHLAR_OK, "%s: combining",
         world.name);
    struct ashlar_mapping m = {0, 0, 0};
    is_u(ashlar_space_query(NULL, first + 9u, &m), ASHLAR_OK, "%s: query", world.name);
    is_u(m.flags & (ASHLAR_MAP_CACHE_MASK | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC),
         ASHLAR_MAP_CACHE_WC | (ashlar_paging_entry_bytes(world.paging) == 4 ? ASHLAR_MAP_EXEC : 0u),
         "%s: as it was asked for", world.name);
    is_u(ashlar_space_protect(NULL, first + 3u, 5, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: a part writable", world.name);
    is_u(ashlar_space_query(NULL, first + 4u, &m), ASHLAR_OK, "%s: query", world.name);
    ok((m.flags & (ASHLAR_MAP_CACHE_MASK | ASHLAR_MAP_WRITE)) == (ASHLAR_MAP_CACHE_WC | ASHLAR_MAP_WRITE) &&
           m.page_pages == 1,
       "%s: a small page now, of the same caching", world.name);
    ashlar_kva_give(first);
    world_ok("flags");
}

/* Without a block that is free, single frames do; with a few, those first. */
static void test_no_blocks(const struct world_format *format)
{
    ashlar_vpn first;
    start(format);
    size_t before = frames_and_reserves();
    break_blocks();
    is_u(ashlar_kva_take(2u * whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "no block", &first), ASHLAR_OK,
         "%s: no block is whole", world.name);
    is_u(in_large(first, 2u * whole), 0, "%s: nothing is large", world.name);
    is_u(world_usable(first, 2u * whole), 2u * whole, "%s: all of it is there", world.name);
    is_u(world_stats().large_pages, 0, "%s: nothing is kept", world.name);
    ashlar_kva_give(first);
    give_hoard();
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("no blocks");
    break_blocks();
    ashlar_frames_give(world.pool, hoard[--hoarded], 0);
    is_u(whole_blocks(), 1, "%s: one block", world.name);
    is_u(ashlar_kva_reserve(4u * whole, whole, "range", &first), ASHLAR_OK, "%s: fresh addresses", world.name);
    first += 2u * whole; /* where no table is from before */
    is_u(ashlar_kva_commit_large(first, 2u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: for two", world.name);
    is_u(in_large(first, 2u * whole), expect_large(whole), "%s: one is large", world.name);
    is_u(world_usable(first, 2u * whole), 2u * whole, "%s: all of it is there", world.name);
    is_str(world_audit(), NULL, "sound");
    ashlar_kva_decommit(first, 2u * whole);
    ashlar_kva_unreserve(first - 2u * whole);
    is_u(whole_blocks(), 1, "%s: the block is one again", world.name);
    give_hoard();
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("one block");
}

/* --- commit and decommit ---------------------------------------------------------------------- */

static void test_commit(const struct world_format *format)
{
    ashlar_vpn range;
    start(format);
    size_t before = frames_and_reserves();
    is_u(ashlar_kva_reserve(4u * whole, whole, "range", &range), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit_large(range + 3u, 2u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: across", world.name);
    is_u(in_large(range + 3u, 2u * whole), expect_large(whole), "%s: the one that is whole is large", world.name);
    is_u(in_large(range + whole, whole), expect_large(whole), "%s: that one", world.name);
    is_u(ashlar_kva_commit_large(range, 4, ASHLAR_MAP_WRITE), ASHLAR_EXISTS, "%s: [fault 34] over pages", world.name);
    is_u(ashlar_kva_commit_large(range + whole, whole, ASHLAR_MAP_WRITE), ASHLAR_EXISTS,
         "%s: [fault 34] over a large page", world.name);
    is_u(ashlar_kva_commit_large(range + 3u * whole, 0, ASHLAR_MAP_WRITE), ASHLAR_BAD_ARGUMENT, "%s: no pages",
         world.name);
    is_u(ashlar_kva_commit_large(range + 3u * whole, 1, ASHLAR_MAP_USER), ASHLAR_REFUSED, "%s: a user's", world.name);
    is_u(ashlar_kva_commit_large(5, 1, ASHLAR_MAP_WRITE), ASHLAR_REFUSED, "%s: in the user half", world.name);
    like(SIM_FATAL(ashlar_kva_decommit(range + 3u * whole - 2u, whole)), "decommit of", "decommit of a hole");
    ashlar_kva_decommit(range + 3u, 2u * whole);
    is_u(world_absent(range, 4u * whole), 4u * whole, "%s: nothing is there", world.name);
    is_u(ashlar_kva_commit_large(range, 4u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: all of it", world.name);
    is_u(in_large(range, 4u * whole), expect_large(2u * whole), "%s: small where there are tables", world.name);
    is_u(world_usable(range, 4u * whole), 4u * whole, "%s: all of it is there", world.name);
    ashlar_kva_decommit(range, 4u * whole);
    ashlar_kva_unreserve(range);
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("commit");
}

/* With not one frame left a large page can be taken apart, in each way that there is. */
enum way { FRONT, BACK, MIDDLE, TWO, PROTECT, UNMAP, WAYS };

static const char *const way_names[WAYS] = {
    "its front", "its end", "its middle", "the ends of two", "protect", "unmap",
};

static void take_apart(enum way way, ashlar_vpn first)
{
    static ashlar_pfn frames[8];
    if (way == FRONT) {
        ashlar_kva_decommit(first, 5);
    } else if (way == BACK) {
        ashlar_kva_decommit(first + whole - 5u, 5);
    } else if (way == MIDDLE) {
        ashlar_kva_decommit(first + 7u, 5);
    } else if (way == TWO) {
        ashlar_kva_decommit(first + whole - 3u, 5);
    } else if (way == PROTECT) {
        is_u(ashlar_space_protect(NULL, first + 7u, 5, 0), ASHLAR_OK, "%s: protected", world.name);
        ok(world_write(0, first + 7u, 1, 0) != 0 && world_write(1, first + 12u, 1, 0) == 0, "%s: just these",
           world.name);
        is_u(ashlar_space_protect(NULL, first + 7u, 5, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: and back", world.name);
        ashlar_kva_decommit(first + 7u, 5);
    } else {
        is_u(ashlar_space_unmap(NULL, first + 7u, 5, frames), ASHLAR_OK, "%s: unmapped", world.name);
        ashlar_frames_give_bulk(world.pool, frames, 5);
    }
}

/* Whatever is still there, in as many calls as there are holes, and a few more. */
static void decommit_rest(ashlar_vpn page, size_t pages)
{
    for (ashlar_vpn end = page + pages; page < end;) {
        size_t count = 0;
        while (page + count < end && count < 300u && world_absent(page + count, 1) == 0) {
            count++;
        }
        if (count != 0) {
            ashlar_kva_decommit(page, count);
        }
        page += count + (count == 0);
    }
}

static void test_apart(const struct world_format *format, enum way way)
{
    static const size_t offsets[WAYS] = {[BACK] = 1};
    ashlar_vpn range;
    start(format);
    size_t before = frames_and_reserves();
    is_u(ashlar_kva_reserve(3u * whole, whole, "range", &range), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit_large(range, 2u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    (void)world_usable(range, 2u * whole);
    hoard_order(0, 0);
    is_u(world_free_frames(), 0, "%s: not one frame is free", world.name);
    take_apart(way, range);
    size_t left = expect_large(way == TWO ? 0 : whole);
    is_u(world_stats().large_pages, left / whole, "%s: %s: what was cut is small", world.name, way_names[way]);
    is_u(world_absent(range, 2u * whole), 5, "%s: just that is gone", world.name);
    is_u(world_free_frames(), 5, "%s: its frames are free", world.name);
    size_t first = way == FRONT ? 5u : offsets[way];
    is_u(world_read(1, range + first, 0), 7u + first, "%s: the rest keeps its words", world.name);
    is_u(world_read(0, range + 2u * whole - 1u, 0), 7u + 2u * whole - 1u, "%s: to the end", world.name);
    is_str(world_audit(), NULL, "sound");
    hoard_order(0, 0);
    decommit_rest(range, 2u * whole);
    ashlar_kva_unreserve(range);
    give_hoard();
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("%s", way_names[way]);
}

/* A whole large page goes as a block, and so does its table. */
static void test_whole(void)
{
    ashlar_vpn range;
    size_t blocks = whole_blocks();
    is_u(ashlar_kva_reserve(2u * whole, whole, "range", &range), ASHLAR_OK, "%s: reserve", world.name);
    is_u(ashlar_kva_commit_large(range, 2u * whole, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: commit", world.name);
    is_u(whole_blocks(), blocks - 2u, "%s: two blocks", world.name);
    size_t free_frames = world_free_frames();
    ashlar_kva_decommit(range, whole);
    ok(whole_blocks() == blocks - 1u || !has_large, "%s: one is back", world.name);
    is_u(world_free_frames(), free_frames + whole + (has_large ? 1u : 0u), "%s: and its table", world.name);
    ashlar_kva_decommit(range + whole, whole);
    ashlar_kva_unreserve(range);
    is_u(whole_blocks(), blocks, "%s: both are", world.name);
    world_ok("whole pages");
}

/* --- many that wait ----------------------------------------------------------------------------- */

static void test_purge(void)
{
    ashlar_vpn first[8], small[8];
    uint64_t purges = world_kva_stats().purges;
    size_t before = frames_and_reserves();
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < 3; i++) {
            is_u(ashlar_kva_take(whole + i, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &first[i]), ASHLAR_OK,
                 "%s: large", world.name);
            is_u(ashlar_kva_take(1u + i, ASHLAR_MAP_WRITE, "small", &small[i]), ASHLAR_OK, "%s: small", world.name);
            is_u(world_usable(first[i], whole + i) + world_usable(small[i], 1u + i), whole + 2u * i + 1u, "%s: used",
                 world.name);
        }
        for (unsigned i = 0; i < 3; i++) {
            ashlar_kva_give(small[i]);
            ashlar_kva_give(first[i]);
        }
        is_str(world_audit(), NULL, "sound");
    }
    ok(world_kva_stats().purges > purges, "%s: purged on the way", world.name);
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    like(SIM_FATAL(ashlar_kva_give(first[0])), "no range begins at", "given back twice, and purged");
    world_ok("many that wait");
}

/* What waits is used before there is none, as blocks. */
static void test_short(const struct world_format *format)
{
    ashlar_vpn first, again = 7;
    start(format);
    size_t before = frames_and_reserves();
    is_u(ashlar_kva_take(3u * whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "three", &first), ASHLAR_OK, "%s: three",
         world.name);
    hoard_order(0, 0);
    is_u(ashlar_kva_take(whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "more", &again), ASHLAR_NO_FRAMES,
         "%s: no frame is free", world.name);
    is_u(again, 7, "%s: no output was touched", world.name);
    uintptr_t interrupts = world_begin_alone(); /* who does not purge */
    ashlar_kva_give(first);
    world_end_alone(interrupts);
    is_u(ashlar_kva_take(2u * whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "two", &again), ASHLAR_OK,
         "%s: those that wait are", world.name);
    is_u(in_large(again, 2u * whole), expect_large(2u * whole), "%s: as blocks", world.name);
    ashlar_kva_give(again);
    give_hoard();
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("short of frames");
}

/* With no aligned addresses left, any are taken, in small pages. */
static void test_no_addresses(const struct world_format *format)
{
    ashlar_vpn most, first;
    start(format);
    size_t before = frames_and_reserves();
    is_u(ashlar_kva_reserve(world_kva_stats().arena_largest_pages - whole - 100u, 1, "most", &most), ASHLAR_OK,
         "%s: all but a few addresses", world.name);
    is_u(ashlar_kva_take(whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "unaligned", &first), ASHLAR_OK,
         "%s: where no large page can be", world.name);
    is_u(in_large(first, whole), 0, "%s: in small pages", world.name);
    is_u(world_usable(first, whole), whole, "%s: all of it", world.name);
    ashlar_kva_give(first);
    ashlar_kva_unreserve(most);
    is_u(frames_and_reserves(), before, "%s: every frame is back", world.name);
    world_ok("no addresses");
}

static void test_wrong_gives(void)
{
    ashlar_vpn first;
    ashlar_pfn frame;
    is_u(ashlar_kva_take(whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &first), ASHLAR_OK, "%s: take",
         world.name);
    is_u(ashlar_space_unmap(NULL, first + 1u, 1, &frame), ASHLAR_OK, "%s: unmap one", world.name);
    uintptr_t interrupts = world_begin_alone(); /* who does not purge */
    like(SIM_FATAL(ashlar_kva_give(first)), "with 1 of its 512 pages missing", "give with a page missing");
    like(SIM_FATAL(ashlar_kva_give(first)), "was given back already", "give twice");
    world_end_alone(interrupts);
}

/* --- allocations that fail ------------------------------------------------------------------------- */

static void test_failures(const struct world_format *format, bool forever)
{
    ashlar_vpn range, first = 7;
    ashlar_status status = ASHLAR_NO_FRAMES;
    unsigned n = 0, wrong = 0;
    start(format);
    is_u(ashlar_kva_reserve(4u * whole, whole, "range", &range), ASHLAR_OK, "%s: reserve", world.name);
    while (status != ASHLAR_OK && n < 100) {
        size_t before = frames_and_reserves(), addresses = world_kva_stats().arena_free_pages;
        ashlar_frames_fail_nth(world.pool, ++n, forever);
        status = ashlar_kva_commit_large(range + 5u, 3u * whole, ASHLAR_MAP_WRITE);
        if (status == ASHLAR_OK) {
            status = ashlar_kva_take(whole + 40u, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &first);
            ashlar_frames_fail_nth(world.pool, 0, 0);
            ashlar_kva_decommit(range + 5u, 3u * whole);
        }
        ashlar_frames_fail_nth(world.pool, 0, 0);
        if (status == ASHLAR_OK) {
            ashlar_kva_give(first);
            (void)ashlar_kva_purge();
        }
        struct ashlar_frames_stats stats;
        ashlar_frames_stats(world.pool, &stats);
        wrong += frames_and_reserves() != before || world_kva_stats().arena_free_pages != addresses ||
                 stats.reserved_frames != 0 || world_absent(range, 4u * whole) != 4u * whole ||
                 world_broken() != NULL || (status != ASHLAR_OK && (status != ASHLAR_NO_FRAMES || first != 7));
    }
    is_u(wrong, 0, "%s: nothing is half done, %s", world.name, forever ? "for good" : "once");
    ok(status == ASHLAR_OK && n > 3, "%s: %u takes failed in turn", world.name, n - 1u);
    world_ok("failures");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_move();
        start(format);
        test_take();
        start(format);
        test_whole();
        test_unasked();
        test_flags();
        test_no_blocks(format);
        test_commit(format);
        test_short(format);
        test_no_addresses(format);
        for (enum way way = FRONT; way < WAYS && has_large; way++) {
            test_apart(format, way);
        }
        test_failures(format, false);
        test_failures(format, true);
        start(format);
        test_purge();
        test_wrong_gives();
    }
    return done_testing();
}
