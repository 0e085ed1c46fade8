/* SPDX-License-Identifier: 0BSD */
/* ranges.c - the range allocator against a map of single pages, against every count of descriptors, against its callers.
 *
 * The strip is host memory behind which nothing may be touched: what is backed
 * is opened page by page, so that a touch of the next page faults. The model is
 * one byte a page: who holds it.
 */
#include "kva/ranges.h"
#include "base/bits.h"
#include "kva/lookup.h"
#include "sim.h"
#include "tap.h"

#include <sys/mman.h>

#define FIRST ((ashlar_vpn)0xc0000)
#define PAGE_DESCRIPTORS (4096u / (sizeof(uintptr_t) == 4 ? 32u : 48u)) /* as docs say: 32 bytes, or 48 */
#define CALLER ((const void *)0x1234)
#define SPARE_AT_FIRST (PAGE_DESCRIPTORS - 2u) /* less the bound and the first free range */

static struct ashlar_ranges ranges;
static struct ashlar_ranges *const r = &ranges;
static unsigned char *strip;
static size_t strip_capacity;

/* --- the strip ------------------------------------------------------------- */

static void back(size_t page)
{
    unsigned char *at = strip + page * 4096u;
    if (page >= strip_capacity || mprotect(at, 4096, PROT_READ | PROT_WRITE) != 0) {
        abort();
    }
    memset(at, 0xa5, 4096); /* contents are not to matter */
}

static void start(ashlar_vpn first, size_t pages, size_t strip_pages_max)
{
    if (strip != NULL) {
        munmap(strip, strip_capacity * 4096u);
    }
    strip_capacity = strip_pages_max;
    strip = mmap(NULL, strip_capacity * 4096u, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (strip == MAP_FAILED) {
        abort();
    }
    back(0);
    back(1);
    memset(r, 0xa5, sizeof *r);
    ashlar_ranges_init(r, first, pages, strip, strip_pages_max, 2);
}

static void feed(void)
{
    back(ashlar_ranges_backed_pages(r));
    ashlar_ranges_feed_locked(r);
}

/* As an owner does it: fed while hungry, beforehand. */
static ashlar_status take(size_t pages, size_t align_pages, uint32_t note, ashlar_vpn *first)
{
    while (ashlar_ranges_hungry(r)) {
        feed();
    }
    return ashlar_ranges_take_locked(r, pages, align_pages, note, first);
}

static ashlar_vpn must_take(size_t pages, size_t align_pages)
{
    ashlar_vpn first = 0;
    if (take(pages, align_pages, 0, &first) != ASHLAR_OK) {
        abort();
    }
    return first;
}

static void must_take_at(ashlar_vpn first, size_t pages)
{
    while (ashlar_ranges_hungry(r)) {
        feed();
    }
    if (ashlar_ranges_take_at_locked(r, first, pages, 0) != ASHLAR_OK) {
        abort();
    }
}

static void give(ashlar_vpn first)
{
    (void)ashlar_ranges_give_locked(r, first, CALLER);
}

static struct ashlar_ranges_stats stats(void)
{
    struct ashlar_ranges_stats now;
    ashlar_ranges_stats_locked(r, &now);
    return now;
}

/* --- units -------------------------------------------------------------------- */

struct visits {
    unsigned count;
    unsigned stop_after;
    ashlar_vpn firsts[8];
};

static int visit(void *context, const struct ashlar_range_info *info)
{
    struct visits *visits = context;
    visits->firsts[visits->count++ % 8u] = info->first;
    return visits->count == visits->stop_after ? 7 : 0;
}

static void test_take_and_give(void)
{
    struct ashlar_range_info info;
    ashlar_vpn a = 0;
    ashlar_vpn b = 0;
    start(FIRST, 1000, 16);
    is_u(stats().free_pages, 1000, "a new arena is free");
    is_u(stats().largest_free_pages, 1000, "in one piece");
    is_u(take(10, 0, 77, &a), ASHLAR_OK, "take");
    is_u(a, FIRST, "from the front");
    is_u(take(5, 8, 78, &b), ASHLAR_OK, "take aligned");
    is_u(b % 8u, 0, "it is aligned");
    is_u(stats().free_pages, 985, "what was skipped stays free");
    is_u(stats().live, 2, "two are taken");
    ok(ashlar_ranges_find_locked(r, b, &info), "found by its first page");
    is_u(info.pages, 5, "with its pages");
    is_u(info.note, 78, "and note");
    is_u(info.tag, 0, "and no tag yet");
    ashlar_ranges_set_at_locked(r, info.index, 79, 0xfeed);
    ok(ashlar_ranges_by_index(r, info.index, &info) && info.first == b && info.tag == 0xfeed && info.note == 79,
       "read by its index, tag and all");
    ok(!ashlar_ranges_find_locked(r, b + 1u, &info), "an interior page begins nothing");
    ok(ashlar_ranges_containing(r, b + 4u, &info) && info.first == b, "the last page lies in it");
    ok(!ashlar_ranges_containing(r, b + 5u, &info), "the page behind does not");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    is_u(ashlar_ranges_give_locked(r, a, CALLER), 10, "give says how many pages");
    is_u(ashlar_ranges_give_locked(r, b, CALLER), 5, "and again");
    ok(!ashlar_ranges_by_index(r, info.index, &info), "the index names nothing now");
    is_u(stats().largest_free_pages, 1000, "neighbours merge on both sides");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    is_u(take(3, 1, 0, &a), ASHLAR_OK, "a new take");
    ok(ashlar_ranges_find_locked(r, a, &info) && info.tag == 0, "does not inherit a tag");
}

static ashlar_status take_high(size_t pages, size_t align_pages, uint32_t note, ashlar_vpn *first)
{
    struct ashlar_range_info info = {0, pages, 0, note, 0};
    while (ashlar_ranges_hungry(r)) {
        feed();
    }
    ashlar_status status = ashlar_ranges_take_high_locked(r, align_pages, &info);
    *first = status == ASHLAR_OK ? info.first : *first;
    return status;
}

/* From the other end, apart from all others; and where that is no use, as any other. */
static void test_take_high(void)
{
    ashlar_vpn a = 0, b = 0, low = 0;
    start(FIRST, 1000, 16);
    is_u(take_high(10, 1, 5, &a), ASHLAR_OK, "take high");
    is_u(a, FIRST + 990u, "from the end");
    is_u(take_high(65, 64, 5, &b), ASHLAR_OK, "aligned");
    ok(b % 64u == 0 && b + 65u <= a && b + 65u + 64u > a, "as high as it fits");
    low = must_take(10, 1);
    ok(low < b || low >= b + 65u, "others are elsewhere");
    give(b);
    is_u(take_high(65, 64, 5, &low), ASHLAR_OK, "again");
    is_u(low, b, "where it was");
    is_str(ashlar_ranges_audit_locked(r), NULL, "sound");
    is_u(take_high(1, 3, 0, &low), ASHLAR_BAD_ARGUMENT, "[fault 77] alignment is no power of two");
    is_u(take_high(0, 1, 0, &low), ASHLAR_BAD_ARGUMENT, "no pages");
    is_u(take_high(1000, 1, 0, &low), ASHLAR_NO_ADDRESSES, "more than there is");
    start(FIRST, 1000, 16);
    is_u(take_high(1000, 1, 0, &low), ASHLAR_OK, "all there is");
    is_u(low, FIRST, "its first page is the last that fits");
    is_u(take_high(1, 1, 0, &low), ASHLAR_NO_ADDRESSES, "and then nothing");
    is_str(ashlar_ranges_audit_locked(r), NULL, "sound");
}

static void test_arguments(void)
{
    ashlar_vpn first = 99;
    start(FIRST, 1000, 16);
    is_u(take(0, 1, 0, &first), ASHLAR_BAD_ARGUMENT, "[fault 57] no pages");
    is_u(take(1, 3, 0, &first), ASHLAR_BAD_ARGUMENT, "[fault 77] alignment is no power of two");
    is_u(take(1001, 1, 0, &first), ASHLAR_NO_ADDRESSES, "[fault 60] more than there is");
    is_u(take(~(size_t)0, 1, 0, &first), ASHLAR_NO_ADDRESSES, "[fault 37] as many as numbers go");
    is_u(take(2, ((size_t)1 << (WORD_BITS - 1u)), 0, &first), ASHLAR_NO_ADDRESSES,
         "no multiple of the largest alignment");
    is_u(first, 99, "the output is untouched");
    is_u(take(1000, 1, 0, &first), ASHLAR_OK, "all of it");
    is_u(take(1, 1, 0, &first), ASHLAR_NO_ADDRESSES, "[fault 60] and then nothing");
    is_u(stats().largest_free_pages, 0, "no free run");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    start(FIRST, 1000, 16);
    is_u(take(1000, 0x40000, 0, &first), ASHLAR_OK, "an alignment larger than the arena, at the one place there is");
    start(~(ashlar_vpn)0 - 99u, 100, 16);
    is_u(take(100, 1, 0, &first), ASHLAR_OK, "an arena up to the last number");
    give(first);
    is_u(take(1, 128, 0, &first), ASHLAR_NO_ADDRESSES, "where aligning would wrap");
    is_u(take(1, 64, 0, &first), ASHLAR_OK, "and where it just does not");
    is_u(first, ~(ashlar_vpn)0 - 63u, "at the last multiple");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
}

static void test_take_at(void)
{
    struct ashlar_range_info info;
    start(FIRST, 1000, 16);
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 100u, 50, 5), ASHLAR_OK, "take at a fixed place");
    ok(ashlar_ranges_find_locked(r, FIRST + 100u, &info) && info.pages == 50 && info.note == 5, "it is there");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 149u, 1, 0), ASHLAR_EXISTS, "its last page is taken");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 99u, 2, 0), ASHLAR_EXISTS, "a range that reaches into it");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 90u, 100, 0), ASHLAR_EXISTS, "a range around it");
    is_u(ashlar_ranges_take_at_locked(r, FIRST, 100, 0), ASHLAR_OK, "right up to it");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 150u, 850, 0), ASHLAR_OK, "all behind it");
    is_u(stats().free_pages, 0, "nothing is left");
    is_u(ashlar_ranges_take_at_locked(r, FIRST - 1u, 1, 0), ASHLAR_BAD_ARGUMENT, "below the arena");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 1000u, 1, 0), ASHLAR_BAD_ARGUMENT, "behind the arena");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 999u, 2, 0), ASHLAR_BAD_ARGUMENT, "over its end");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 2u, ~(size_t)0, 0), ASHLAR_BAD_ARGUMENT,
         "[fault 37] a range that wraps");
    is_u(ashlar_ranges_take_at_locked(r, FIRST, 0, 0), ASHLAR_BAD_ARGUMENT, "[fault 57] no pages");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
}

static void test_walk(void)
{
    struct visits visits = {0, 0, {0}};
    start(FIRST, 1000, 16);
    is_u(ashlar_ranges_walk_locked(r, visit, &visits), 0, "a walk of nothing");
    is_u(visits.count, 0, "sees nothing");
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 500u, 1, 0), ASHLAR_OK, "take three, the middle one first");
    (void)must_take(1, 1);
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 900u, 100, 0), ASHLAR_OK, "and the last");
    is_u(ashlar_ranges_walk_locked(r, visit, &visits), 0, "a walk");
    is_u(visits.count, 3, "sees all three");
    ok(visits.firsts[0] < visits.firsts[1] && visits.firsts[1] < visits.firsts[2], "in order of address");
    visits.count = 0;
    visits.stop_after = 2;
    is_u(ashlar_ranges_walk_locked(r, visit, &visits), 7, "a visitor may stop it");
    is_u(visits.count, 2, "there and then");
}

/* The search of the bins between is what finds a hole that is just large enough. */
static void test_exact_holes(void)
{
    ashlar_vpn first = 0;
    start(FIRST, 1 << 16, 600);
    for (size_t i = 0; i < 20; i++) {
        must_take_at(FIRST + i * 200u + 99u + i, 1);
    }
    is_u(ashlar_ranges_take_at_locked(r, FIRST + 20u * 200u, (1u << 16) - 20u * 200u, 0), ASHLAR_OK, "all behind");
    /* A hole of 99 pages, others of 200, and a last one of 81. */
    size_t longest = stats().largest_free_pages;
    is_u(take(longest + 1u, 1, 0, &first), ASHLAR_NO_ADDRESSES, "longer than the longest hole");
    is_u(take(longest, 1, 0, &first), ASHLAR_OK, "as long as the longest hole, though its bin has shorter ones");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    start(512, 4096, 60);
    is_u(ashlar_ranges_take_at_locked(r, 512, 512, 0), ASHLAR_OK, "a wall");
    is_u(ashlar_ranges_take_at_locked(r, 1536, 3072, 0), ASHLAR_OK, "and another, 512 aligned pages between");
    is_u(take(512, 512, 0, &first), ASHLAR_OK, "a hole that fits only because it lies well");
    is_u(first, 1024, "there it is");
}

/* Holes of one bin, so many, and a page taken behind each; the longest is given back first, so that it is the last that a
 * search from the bin's head comes to. */
static size_t largest_of_holes(size_t holes)
{
    start(1024, holes * 36u + 4u, 600);
    must_take_at(1024 + holes * 36u, 4);
    for (size_t i = 0; i < holes; i++) {
        must_take_at(1024 + i * 36u, i == 0 ? 35 : 32);
        must_take_at(1024 + i * 36u + (i == 0 ? 35 : 32), i == 0 ? 1 : 4);
    }
    for (size_t i = 0; i < holes; i++) {
        give(1024 + i * 36u);
    }
    return stats().largest_free_pages;
}

static void test_stats_are_bounded(void)
{
    is_u(largest_of_holes(1024), 35, "the longest of 1024 holes is found");
    is_u(largest_of_holes(1025), 32, "[fault 134] of more, one of 1024 is told: the lock is held for no longer");
}

/* Leave holes of this many pages only, so many, then one of last pages; each hole begins 1 behind a multiple of 32. */
static void leave_holes(size_t holes, size_t pages, size_t last)
{
    size_t all = (holes + 1u) * 32u;
    start(1024, all, 60);
    for (size_t i = 0; i < holes; i++) {
        must_take_at(1024u + i * 32u, 1);
        must_take_at(1024u + i * 32u + 1u + pages, 31u - pages);
    }
    must_take_at(1024u + holes * 32u + last, 32u - last);
}

/* What fits for certain is found without a look at what may not; what only may fit, within 32 links. */
static void test_search_is_bounded(void)
{
    ashlar_vpn first = 99;
    leave_holes(40, 16, 18);
    is_u(take(17, 1, 0, &first), ASHLAR_OK, "17 pages, beside 40 holes of 16");
    is_u(first, 1024 + 40 * 32, "from the hole of 18");
    is_u(stats().steps_worst, 0, "without a search");
    leave_holes(40, 8, 15);
    is_u(take(8, 8, 0, &first), ASHLAR_OK, "8 pages aligned, beside 40 holes of 8 that lie badly");
    is_u(stats().steps_worst, 0, "without a search");
    leave_holes(31, 16, 2);
    must_take_at(1024 + 31 * 32, 2);
    give(1024 + 17);
    is_u(stats().largest_free_pages, 31, "one of 31 holes grows");
    is_u(take(31, 1, 0, &first), ASHLAR_OK, "and is found");
    give(first);
    is_u(ashlar_ranges_take_at_locked(r, 1024 + 18, 14, 0), ASHLAR_OK,
         "it shrinks to 17 pages, in a bin with the others");
    for (size_t i = 1; i < 31; i++) { /* the others, given last, stand before it */
        must_take_at(1024u + i * 32u + 1u, 16);
        give(1024u + i * 32u + 1u);
    }
    r->steps_worst = 0;
    is_u(take(17, 1, 0, &first), ASHLAR_OK, "17 pages, behind 30 holes of 16");
    is_u(stats().steps_worst, 30, "after 30 steps");
    leave_holes(40, 16, 2);
    is_u(take(17, 1, 0, &first), ASHLAR_NO_ADDRESSES, "[fault 60] 40 holes of 16");
    is_u(stats().steps_worst, 32, "after 32 steps it gives up");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
}

static void test_extremes(void)
{
    ashlar_vpn first = 0;
    size_t most = ((size_t)1 << (sizeof(uintptr_t) == 4 ? 20 : 45)) - 1u;
    start(0, most, 2);
    is_u(stats().largest_free_pages, most, "the largest arena, with a strip of two pages");
    is_u(take(most, 1, 0, &first), ASHLAR_OK, "all of it");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    start(7, 1, 2);
    is_u(take(1, 1, 0, &first), ASHLAR_OK, "an arena of one page");
    is_u(first, 7, "this one");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    ashlar_ranges_init(r, 0, 64, strip, ASHLAR_RANGES_STRIP_PAGES_MAX, 2);
    is_u(ashlar_ranges_take_at_locked(r, 0, 64, 0), ASHLAR_OK, "the longest strip; all pages at a fixed place");
    is_u(stats().strip_pages, 2, "two of it backed");
}

/* --- callers' bugs -------------------------------------------------------------- */

static void test_fatal(void)
{
    const char *volatile message = NULL;
    char address[32];
    start(FIRST, 1000, 16);
    ashlar_vpn a = must_take(10, 1);
    ashlar_vpn b = must_take(10, 1);
    snprintf(address, sizeof address, "0x%lx", (unsigned long)(b << 12));
    give(b);
    message = SIM_FATAL(give(b));
    like(message, address, "a double give is fatal and names the address");
    like(message, "given back before", "and says what it is");
    like(message, "1234", "and the caller");
    message = SIM_FATAL(give(a + 1u));
    like(message, "it lies within the one at 0xc0000, 10 pages", "an interior give is fatal and names the range");
    message = SIM_FATAL(give(FIRST - 1u));
    like(message, "outside", "[fault 46] a give of a foreign range is fatal");
    message = SIM_FATAL(give(FIRST + 1000u));
    like(message, "outside", "also right behind the arena");
    is_str(ashlar_ranges_audit_locked(r), NULL, "nothing was changed");
    message = SIM_FATAL(while (true) ashlar_ranges_feed_locked(r));
    like(message, "beyond its end", "feeding a full strip is fatal");
    is_u(ashlar_ranges_backed_pages(r), 16, "and not before it is full");
    message = SIM_FATAL(ashlar_ranges_init(r, FIRST, 1000, strip, 16, 1));
    like(message, "arena", "init without a page of descriptors is fatal");
    message = SIM_FATAL(ashlar_ranges_init(r, FIRST, 1000, strip, 16, 17));
    like(message, "arena", "or with more than the strip has");
    message = SIM_FATAL(ashlar_ranges_init(r, FIRST, 0, strip, 16, 2));
    like(message, "arena", "or of no pages");
    message = SIM_FATAL(ashlar_ranges_init(r, ~(ashlar_vpn)0, 2, strip, 16, 2));
    like(message, "arena", "or of pages that wrap");
    message = SIM_FATAL(ashlar_ranges_init(r, 0, (size_t)1 << (sizeof(uintptr_t) == 4 ? 20 : 45), strip, 16, 2));
    like(message, "arena", "or of more pages than there are bins for");
    message = SIM_FATAL(ashlar_ranges_init(r, FIRST, 10, strip, (size_t)1 << 24, 2));
    like(message, "arena", "or with a longer strip than indexes reach");
}

/* Any number may stand in a page table entry. */
static void test_any_index(void)
{
    struct ashlar_range_info info;
    unsigned found = 0;
    start(FIRST, 100000, 800);
    for (unsigned i = 0; i < 3000; i++) {
        (void)must_take(1, 1);
    }
    for (uint32_t index = 0; index < 1u << 20; index++) {
        found += ashlar_ranges_by_index(r, index, &info) && info.index == index;
    }
    is_u(found, 3000, "among all numbers, those of taken ranges are recognised");
    ok(!ashlar_ranges_by_index(r, 0, &info), "0 is none");
    ok(!ashlar_ranges_by_index(r, ~0u, &info), "nor is the last number");
}

/* --- descriptors run out ----------------------------------------------------------- */

static const unsigned char *snapshot(void)
{
    static struct ashlar_ranges kept;
    memcpy(&kept, r, sizeof kept);
    kept.steps = 0;
    return (const unsigned char *)&kept;
}

static bool is_as_before(const unsigned char *kept)
{
    r->steps = 0;
    return memcmp(kept, (const unsigned char *)r, sizeof *r) == 0 && ashlar_ranges_audit_locked(r) == NULL;
}

/* Leave exactly so many spare descriptors, by takes that need one each. */
static void leave_spare(size_t spare)
{
    start(FIRST, 4096, 10);
    for (size_t left = SPARE_AT_FIRST; left > spare; left--) {
        ashlar_vpn first = 0;
        if (ashlar_ranges_take_locked(r, 1, 1, 0, &first) != ASHLAR_OK) {
            abort();
        }
    }
}

static void test_descriptors_run_out(void)
{
    struct ashlar_range_info info;
    leave_spare(0); /* the next descriptor would lie in a page that cannot be touched */
    ok(!ashlar_ranges_by_index(r, 512, &info), "a descriptor behind the backed ones is none");
    ok(!ashlar_ranges_containing(r, FIRST + 4095u, &info), "nor is it looked at in search of a page");
    for (size_t spare = 0; spare <= 1; spare++) {
        leave_spare(spare);
        ashlar_status end = ashlar_ranges_take_at_locked(r, FIRST + 4090u, 6, 0);
        is_u(end, spare < 1 ? ASHLAR_NO_FRAMES : ASHLAR_OK, "%zu spare: a take that leaves one piece in front", spare);
        is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    }
    for (size_t spare = 0; spare <= 2; spare++) {
        ashlar_vpn first = 99;
        leave_spare(spare);
        is_u(ashlar_ranges_hungry(r), spare < 2, "%zu spare descriptors: hungry?", spare);
        const unsigned char *kept = snapshot();
        ashlar_status two = ashlar_ranges_take_at_locked(r, FIRST + 2048u, 4, 0);
        is_u(two, spare < 2 ? ASHLAR_NO_FRAMES : ASHLAR_OK, "%zu spare: a take that leaves two pieces", spare);
        ok(two == ASHLAR_OK || is_as_before(kept), "%zu spare: done, or all as before", spare);
        leave_spare(spare);
        kept = snapshot();
        ashlar_status one = ashlar_ranges_take_locked(r, 7, 1, 0, &first);
        is_u(one, spare < 1 ? ASHLAR_NO_FRAMES : ASHLAR_OK, "%zu spare: a take that leaves one piece", spare);
        ok(one == ASHLAR_OK || (is_as_before(kept) && first == 99), "%zu spare: done, or all as before", spare);
        leave_spare(spare);
        is_u(ashlar_ranges_take_locked(r, stats().free_pages, 1, 0, &first), ASHLAR_OK,
             "%zu spare: one that leaves none", spare);
        is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    }
}

static void test_fed_late(void)
{
    ashlar_vpn first = 0;
    leave_spare(0);
    give(FIRST + 5u);
    is_u(ashlar_ranges_take_locked(r, 1, 1, 0, &first), ASHLAR_OK, "what was given can be had without a descriptor");
    is_u(ashlar_ranges_take_locked(r, 1, 1, 0, &first), ASHLAR_NO_FRAMES, "no more");
    feed();
    is_u(ashlar_ranges_take_locked(r, 1, 1, 0, &first), ASHLAR_OK, "fed late, it goes on");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    unsigned fed = 0;
    unsigned sound = 0;
    while (ashlar_ranges_backed_pages(r) < 10) {
        if (!ashlar_ranges_hungry(r)) {
            (void)must_take(1, 1);
            continue;
        }
        feed();
        fed++;
        sound += ashlar_ranges_audit_locked(r) == NULL;
    }
    is_u(sound, 7, "audit after each page");
    is_u(fed, 7, "the strip is fed to its end");
    while (ashlar_ranges_take_locked(r, 1, 1, 0, &first) == ASHLAR_OK) {
    }
    const unsigned char *kept = snapshot();
    is_u(ashlar_ranges_take_locked(r, 1, 1, 0, &first), ASHLAR_NO_ADDRESSES,
         "a full strip: no addresses, feeding is no help");
    ok(!ashlar_ranges_hungry(r), "and nobody is asked to");
    ok(is_as_before(kept), "all as before");
    is_u(stats().live, 8u * PAGE_DESCRIPTORS - 2u, "every descriptor was used");
    for (ashlar_vpn vpn = FIRST; stats().live != 0; vpn++) {
        give(vpn);
    }
    is_u(stats().largest_free_pages, 4096, "all can be given");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
}

static void test_strip_pages(void)
{
    ok(ashlar_ranges_strip_pages(1) >= ASHLAR_RANGES_FIRST_PAGES, "a strip for one page");
    is_u(ashlar_ranges_strip_pages(1u << 17), 1024 + 2, "1/128 of 512 MiB, and two");
    is_u(ashlar_ranges_strip_pages(~(size_t)0 >> 4),
         sizeof(size_t) == 4 ? (~(size_t)0 >> 11) + 2u : ((size_t)1 << 24) - 1u, "never more than indexes reach");
    /* A stack of four pages and its guard each: 128 in 640 pages, free ones between at worst. */
    start(FIRST, 640, ashlar_ranges_strip_pages(640));
    for (unsigned i = 0; i < 128; i++) {
        (void)must_take(5, 1);
    }
    for (unsigned i = 0; i < 128; i += 2) {
        give(FIRST + i * 5u);
    }
    is_u(stats().live, 64, "128 stacks fit, and every other can go");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
}

/* --- audit: must be able to see ---------------------------------------------------- */

/* Descriptors as words of 32 bits behind first, pages and tag: before, after, chain, note, state. */
static uint32_t *word_of(uint32_t index, unsigned word)
{
    return (uint32_t *)(void *)(strip + (size_t)index * 16u + 3u * sizeof(uintptr_t)) + word;
}

static void broken(const char *part, const char *name)
{
    like(ashlar_ranges_audit_locked(r), part, name);
}

/* Break one word, look, mend it. */
#define WITH(lvalue, value, part, name)                                                                                \
    do {                                                                                                               \
        __typeof__(lvalue) kept_ = (lvalue);                                                                           \
        (lvalue) = (value);                                                                                            \
        broken(part, name);                                                                                            \
        (lvalue) = kept_;                                                                                              \
    } while (0)

static void test_audit_sees(void)
{
    struct ashlar_range_info a;
    struct ashlar_range_info b;
    start(FIRST, 1000, 16);
    for (unsigned i = 0; i < 5; i++) {
        (void)must_take(20, 1);
    }
    give(FIRST + 20u);
    give(FIRST + 60u);
    ok(ashlar_ranges_find_locked(r, FIRST, &a) && ashlar_ranges_find_locked(r, FIRST + 40u, &b), "two to break");
    is_str(ashlar_ranges_audit_locked(r), NULL, "sound so far");
    uint32_t hole = *word_of(a.index, 1);
    WITH(*word_of(a.index, 1), b.index, "does not begin", "a neighbour left out");
    WITH(*word_of(a.index, 1), 5u, "neighbour is no range", "a neighbour that is no descriptor");
    WITH(*word_of(hole, 0), b.index, "does not begin", "a wrong way back");
    WITH(*word_of(hole, 2), hole, "does not belong", "a bin that leads around");
    WITH(*word_of(hole, 3), hole, "does not belong", "a wrong way back in a bin");
    WITH(*word_of(a.index, 2), b.index, "does not belong", "a bucket that leads elsewhere");
    WITH(*word_of(a.index, 4), 1u, "does not belong", "a taken range that says that it is free");
    WITH(*word_of(a.index, 4), 9u, "does not belong", "a range in no state");
    WITH(*word_of(hole, 4), 2u, "wrong", "a free range that says that it is taken");
    WITH(*(uintptr_t *)(void *)(strip + (size_t)hole * 16u), FIRST + 21u, "does not begin", "a first page off by one");
    WITH(((size_t *)(void *)(strip + (size_t)hole * 16u))[1], (size_t)21, "does not begin", "a length off by one");
    WITH(r->pages, r->pages + 1u, "cover", "an arena longer than its ranges");
    WITH(r->live, r->live + 1u, "no bucket", "a taken range too many");
    WITH(r->free_pages, r->free_pages + 1u, "counts", "a free page too many");
    WITH(r->spare, r->spare + 1u, "lost", "a descriptor too many");
    WITH(r->level_bits, r->level_bits ^ 1u, "bit", "a bit of a level");
    WITH(r->sub_bits[0], (uint8_t)(r->sub_bits[0] ^ 2u), "bit", "a bit of a bin");
    WITH(r->buckets, 1025u, "not backed", "a bucket too many");
    give(FIRST);
    WITH(r->unused, 0u, "spare", "unused descriptors that got lost");
    WITH(r->unused, b.index, "unused", "one in use among them");
    is_str(ashlar_ranges_audit_locked(r), NULL, "all was mended");
}

/* --- model: one byte a page ----------------------------------------------------------- */

#define MODEL_PAGES 600u
#define MODEL_RANGES 255u

static struct {
    uint8_t owner[MODEL_PAGES]; /* 0: free */
    ashlar_vpn first[MODEL_RANGES + 1u];
    size_t pages[MODEL_RANGES + 1u]; /* 0: not in use */
    size_t free_pages;
} model;

static bool model_is_free(size_t at, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        if (at + i >= MODEL_PAGES || model.owner[at + i] != 0) {
            return false;
        }
    }
    return true;
}

static bool model_has_room(size_t pages, size_t align_pages)
{
    for (size_t at = 0; at + pages <= MODEL_PAGES; at++) {
        if ((FIRST + at) % align_pages == 0 && model_is_free(at, pages)) {
            return true;
        }
    }
    return false;
}

static void model_set(unsigned range, ashlar_vpn first, size_t pages, bool taken)
{
    memset(model.owner + (first - FIRST), taken ? (int)range : 0, pages);
    model.first[range] = first;
    model.pages[range] = taken ? pages : 0;
    model.free_pages += taken ? (size_t)0 - pages : pages;
}

/* The longest free run, for what the allocator says of it. */
static size_t model_largest(void)
{
    size_t largest = 0;
    size_t run = 0;
    for (size_t at = 0; at < MODEL_PAGES; at++) {
        run = model.owner[at] == 0 ? run + 1u : 0;
        largest = run > largest ? run : largest;
    }
    return largest;
}

static const char *model_take(unsigned range, uint64_t random)
{
    size_t pages = 1u + (random & 1u ? random >> 8 & 7u : (random >> 8) % 60u);
    size_t align_pages = random >> 1 & 1u ? (size_t)1 << (random >> 20) % 8u : 1u;
    ashlar_vpn first = 12345;
    ashlar_status status = (random >> 2 & 5u) == 5u ? take_high(pages, align_pages, range, &first)
                           : random >> 2 & 1u       ? take(pages, align_pages, range, &first)
                                                    : ashlar_ranges_take_locked(r, pages, align_pages, range, &first);
    if (status == ASHLAR_NO_FRAMES) {
        return first != 12345 || !ashlar_ranges_hungry(r) || (random >> 2 & 1u) ? "no frames, but not hungry" : NULL;
    }
    if (status == ASHLAR_NO_ADDRESSES) {
        bool gave_up = r->steps >= 32u; /* where many free ranges may fit a search ends before it has seen all */
        return (model_has_room(pages, align_pages) && !gave_up) || first != 12345 ? "there was room" : NULL;
    }
    if (status != ASHLAR_OK || first - FIRST >= MODEL_PAGES || first % align_pages != 0 ||
        !model_is_free(first - FIRST, pages)) {
        return "what was taken was not free";
    }
    model_set(range, first, pages, true);
    return NULL;
}

static const char *model_take_at(unsigned range, uint64_t random)
{
    size_t at = (size_t)(random >> 8) % MODEL_PAGES;
    size_t pages = 1u + (size_t)(random >> 24) % 40u;
    ashlar_status status = ashlar_ranges_take_at_locked(r, FIRST + at, pages, range);
    ashlar_status want = at + pages > MODEL_PAGES   ? ASHLAR_BAD_ARGUMENT
                         : model_is_free(at, pages) ? ASHLAR_OK
                                                    : ASHLAR_EXISTS;
    if (status == ASHLAR_NO_FRAMES) {
        return want == ASHLAR_OK && ashlar_ranges_hungry(r) ? NULL : "no frames, but not hungry";
    }
    if (status == ASHLAR_OK && want == ASHLAR_OK) {
        model_set(range, FIRST + at, pages, true);
    }
    return status == want ? NULL : "take at gave another answer";
}

static const char *model_give(unsigned range)
{
    struct ashlar_range_info info = {0, 0, 0, 0, 0};
    bool found = ashlar_ranges_find_locked(r, model.first[range], &info);
    if (!found || info.pages != model.pages[range] || info.note != range) {
        return "find gave another answer";
    }
    if (ashlar_ranges_give_locked(r, model.first[range], CALLER) != info.pages) {
        return "give gave another count";
    }
    model_set(range, info.first, info.pages, false);
    return NULL;
}

static const char *model_step(uint64_t *seed, unsigned full_percent)
{
    uint64_t random = tap_random(seed);
    unsigned range = 1u + (unsigned)(random >> 40) % MODEL_RANGES;
    const char *wrong = model.pages[range] != 0
                            ? random % 100u < 100u - full_percent || (random >> 32 & 1u) ? model_give(range) : NULL
                        : random >> 33 & 7u ? model_take(range, tap_random(seed))
                                            : model_take_at(range, tap_random(seed));
    struct ashlar_ranges_stats now = stats();
    if (wrong == NULL && (now.free_pages != model.free_pages || now.largest_free_pages != model_largest())) {
        wrong = "statistics are wrong";
    }
    return wrong != NULL ? wrong : ashlar_ranges_audit_locked(r);
}

static void test_model(void)
{
    unsigned long seeds = tap_seeds(40);
    const char *wrong = NULL;
    for (unsigned long n = 1; n <= seeds && wrong == NULL; n++) {
        uint64_t seed = n * 7919u;
        start(FIRST, MODEL_PAGES, 20);
        memset(&model, 0, sizeof model);
        model.free_pages = MODEL_PAGES;
        for (unsigned step = 0; step < 600 && wrong == NULL; step++) {
            wrong = model_step(&seed, (unsigned)(n % 3u) * 40u);
            if (wrong != NULL) {
                printf("# seed %lu, step %u: %s\n", n, step, wrong);
            }
        }
    }
    is_str(wrong, NULL, "the model agrees");
}

/* --- steps, fragmentation, many ------------------------------------------------------- */

/* Links that one call may follow: 32 of the search, and a chain of the hash, at most 12 at a load of one. */
#define STEPS_MOST (32u + 12u)
#define STEPS_MOST_GIVE 12u

static void fill(ashlar_vpn *firsts, size_t count, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        firsts[i] = must_take(1u + (size_t)tap_random(seed) % 8u, 1);
    }
}

static void shuffle(ashlar_vpn *firsts, size_t count, uint64_t *seed)
{
    for (size_t i = count - 1u; i != 0; i--) {
        size_t other = (size_t)tap_random(seed) % (i + 1u);
        ashlar_vpn kept = firsts[i];
        firsts[i] = firsts[other];
        firsts[other] = kept;
    }
}

static void test_steps(size_t count)
{
    uint64_t seed = 42;
    ashlar_vpn *firsts = malloc(count * sizeof *firsts);
    size_t most = sizeof(uintptr_t) == 4 ? ((size_t)1 << 20) - 1u : count * 8u;
    size_t pages = count * 8u < most ? count * 8u : most;
    start(4096, pages, count / 8u + 16u);
    fill(firsts, 1024, &seed);
    is_u(stats().steps_worst, 0, "1024 takes from one free range follow no link");
    fill(firsts + 1024, count - 1024u, &seed);
    ok(stats().steps_worst != 0, "splitting buckets does");
    ok(stats().steps_worst <= STEPS_MOST, "%zu takes: worst %u steps, at most %u", count, stats().steps_worst,
       STEPS_MOST);
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    printf("# %zu live ranges: %zu bytes of strip each\n", count, (size_t)stats().strip_pages * 4096u / count);
    shuffle(firsts, count, &seed);
    for (size_t i = 0; i < 4u * count; i++) { /* random order: each given, another taken */
        size_t which = (size_t)tap_random(&seed) % count;
        give(firsts[which]);
        firsts[which] = must_take(1u + (size_t)tap_random(&seed) % 8u, 1);
    }
    ok(stats().steps_worst <= STEPS_MOST, "random order: worst %u steps, at most %u", stats().steps_worst, STEPS_MOST);
    r->steps_worst = 0;
    for (size_t i = 0; i < count; i++) {
        give(firsts[i]);
    }
    ok(stats().steps_worst != 0, "gives follow links");
    ok(stats().steps_worst <= STEPS_MOST_GIVE, "gives: worst %u steps, at most %u", stats().steps_worst,
       STEPS_MOST_GIVE);
    is_u(stats().largest_free_pages, pages, "one free range in the end");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    free(firsts);
}

/* Aligned ranges differ only in their upper bits: the hash must not care. */
static void test_steps_aligned(void)
{
    for (unsigned shift = 1; shift <= (sizeof(uintptr_t) == 4 ? 6u : 20u); shift++) {
        size_t stride = (size_t)1 << shift;
        start(0, 8192u * stride, 600);
        for (unsigned i = 0; i < 8191; i++) {
            (void)must_take(stride, stride);
        }
        for (unsigned i = 0; i < 8191; i++) {
            give(i * stride);
        }
        if (stats().steps_worst > STEPS_MOST_GIVE || stats().free_pages != 8192u * stride) {
            break;
        }
    }
    ok(stats().steps_worst <= STEPS_MOST_GIVE, "8191 ranges at each power of two: worst %u steps", stats().steps_worst);
}

/* A space of 128 MiB, ranges of 1 to 64 pages that come and go: how full is it when a take fails first? */
static void test_fragmentation(void)
{
    static ashlar_vpn firsts[32768];
    uint64_t seed = 7;
    size_t count = 0;
    size_t full_percent = 0;
    start(FIRST, 32768, 260);
    for (unsigned step = 0; step < 400000; step++) {
        ashlar_vpn first;
        if (count > 900 && tap_random(&seed) % 100u < 49u) {
            size_t which = (size_t)tap_random(&seed) % count;
            give(firsts[which]);
            firsts[which] = firsts[--count];
        } else if (take(1u + tap_random(&seed) % 64u, 1, 0, &first) == ASHLAR_OK) {
            firsts[count++] = first;
        } else {
            full_percent = 100u - stats().free_pages * 100u / 32768u;
            break;
        }
    }
    ok(full_percent >= 85, "128 MiB of 1 to 64 pages in random order first fails at %zu%% full (at least 85)",
       full_percent);
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
    for (size_t i = 0; i < count; i++) {
        give(firsts[i]);
    }
    is_u(stats().largest_free_pages, 32768, "all of it comes back in one piece");
}

/* Fill with single pages, free every other: nothing of two pages is left, and half of it is free. */
static void test_comb(void)
{
    ashlar_vpn first = 0;
    start(FIRST, 2000, 40);
    for (unsigned i = 0; i < 2000; i++) {
        (void)must_take(1, 1);
    }
    for (unsigned i = 0; i < 2000; i += 2) {
        give(FIRST + i);
    }
    is_u(stats().free_pages, 1000, "half is free");
    is_u(stats().largest_free_pages, 1, "in single pages");
    is_u(take(2, 1, 0, &first), ASHLAR_NO_ADDRESSES, "[fault 60] two pages fit nowhere");
    for (unsigned i = 1; i < 2000; i += 2) {
        give(FIRST + i);
    }
    is_u(stats().largest_free_pages, 2000, "each give merges with both neighbours");
    is_str(ashlar_ranges_audit_locked(r), NULL, "audit");
}

int main(void)
{
    bool is_long = getenv("ASHLAR_LONG") != NULL;
    test_take_and_give();
    test_take_high();
    test_arguments();
    test_take_at();
    test_walk();
    test_exact_holes();
    test_search_is_bounded();
    test_stats_are_bounded();
    test_extremes();
    test_fatal();
    test_any_index();
    test_descriptors_run_out();
    test_fed_late();
    test_strip_pages();
    test_audit_sees();
    test_model();
    test_comb();
    test_steps_aligned();
    test_fragmentation();
    test_steps(sizeof(uintptr_t) == 4 ? 100000 : is_long ? 1000000 : 100000);
    return done_testing();
}
