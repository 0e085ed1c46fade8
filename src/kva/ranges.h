/* SPDX-License-Identifier: 0BSD */
/* ranges.h - hands out runs of virtual pages from one arena.
 *
 * Numbers only: nothing here maps, or touches a page that it hands out. What
 * is known of each range lies in a descriptor, and descriptors lie in the
 * *strip*: a contiguous run of virtual pages at a fixed address, backed with
 * frames from the front, page by page, by whoever owns the arena. The allocator
 * itself never asks for memory, so that nothing can recurse into it:
 *
 *     lock; take; NO_FRAMES? unlock; take a frame; lock; still hungry? map it behind the backed pages; feed; again
 *
 * Context: any but NMI. The owner's lock is held around every call that ends in
 * _locked. Cost: O(1), expected for the hash; stats.steps_worst counts it.
 */
#ifndef ASHLAR_KVA_RANGES_H
#define ASHLAR_KVA_RANGES_H

#include "kva/strip.h"
#include <ashlar/status.h>
#include <stdbool.h>

struct ashlar_ranges_stats {
    size_t free_pages;
    size_t
        largest_free_pages; /* exact, where no more than 1024 others are as large within 1/8; else the largest of 1024 */
    uint32_t live;          /* ranges that are taken */
    uint32_t strip_pages;   /* backed */
    uint32_t steps_worst;   /* links followed by the costliest call since init (or since somebody cleared it) */
};

/* Pages of strip that an arena of this many pages can make use of: 1/128, and the first two. With all of them backed
 * there is a descriptor for about each page (32-bit) or for two of three (64-bit). Fewer serve as well, as few as
 * ASHLAR_RANGES_FIRST_PAGES: takes fail earlier then. Pure. */
size_t ashlar_ranges_strip_pages(size_t pages);

/* One free range [first_vpn, first_vpn + pages). strip_base is the strip's pointer, of strip_pages_max pages, the first
 * strip_pages_backed of which (at least ASHLAR_RANGES_FIRST_PAGES) can be touched. Fatal if they cannot be. */
void ashlar_ranges_init(struct ashlar_ranges *r, ashlar_vpn first_vpn, size_t pages, void *strip_base,
                        size_t strip_pages_max, size_t strip_pages_backed);

/* Is one more page of strip wanted? While the answer is no, the next take cannot fail with ASHLAR_NO_FRAMES. It may be
 * yes twice in a row: every eighth page is one of hash buckets. */
bool ashlar_ranges_hungry(const struct ashlar_ranges *r);

/* Pages of the strip that are backed: the next one goes right behind them. */
static inline size_t ashlar_ranges_backed_pages(const struct ashlar_ranges *r)
{
    return r->strip_pages;
}

/* One page more can be touched now; its contents do not matter. Fatal if all were backed before. O(1). */
void ashlar_ranges_feed_locked(struct ashlar_ranges *r);

/* pages pages at a multiple of align_pages (a power of two; 0 is 1). ASHLAR_BAD_ARGUMENT: no pages, or no power of two.
 * ASHLAR_NO_ADDRESSES: nothing fits, or the whole strip is full. ASHLAR_NO_FRAMES: no descriptor; feed, and try again.
 * A take may miss a range that only just fits where more than 32 others of about its size do not. */
ASHLAR_MUST_USE ashlar_status ashlar_ranges_take_locked(struct ashlar_ranges *r, size_t pages, size_t align_pages,
                                                        uint32_t note, ashlar_vpn *first);

/* The same for info->pages, with info's note and tag; its first page and index are filled in. */
ASHLAR_MUST_USE ashlar_status ashlar_ranges_take_info_locked(struct ashlar_ranges *r, size_t align_pages,
                                                             struct ashlar_range_info *info);

/* The same at the end of one of the largest free ranges, rather than at the front of the smallest that will do: those
 * that are taken so keep apart from the others. */
ASHLAR_MUST_USE ashlar_status ashlar_ranges_take_high_locked(struct ashlar_ranges *r, size_t align_pages,
                                                             struct ashlar_range_info *info);

/* Exactly these pages. ASHLAR_EXISTS: some of them are taken; ASHLAR_BAD_ARGUMENT: none, or outside of the arena;
 * ASHLAR_NO_FRAMES and ASHLAR_NO_ADDRESSES as above, for descriptors. O(ranges): for the start of things. */
ASHLAR_MUST_USE ashlar_status ashlar_ranges_take_at_locked(struct ashlar_ranges *r, ashlar_vpn first, size_t pages,
                                                           uint32_t note);

/* Returns the pages given back. Fatal, naming the address and caller, if no taken range begins there. */
size_t ashlar_ranges_give_locked(struct ashlar_ranges *r, ashlar_vpn first, const void *caller);

/* The range that begins at this page, or false. */
bool ashlar_ranges_find_locked(struct ashlar_ranges *r, ashlar_vpn first, struct ashlar_range_info *info);

/* The taken range with the lowest address from this one on, or false. hints: zeroes, or where the last two were found; one
 * of them that is still taken makes it O(1). Else O(ranges). */
bool ashlar_ranges_next_locked(const struct ashlar_ranges *r, ashlar_vpn from, uint32_t hints[2],
                               struct ashlar_range_info *info);

/* Taken ranges in order of address, until visit returns nonzero; returns what it returned last, else 0. visit may not
 * take or give. */
typedef int (*ashlar_ranges_visitor)(void *context, const struct ashlar_range_info *info);
int ashlar_ranges_walk_locked(const struct ashlar_ranges *r, ashlar_ranges_visitor visit, void *context);

/* O(free ranges as large as the largest, within 1/8), 1024 at most. */
void ashlar_ranges_stats_locked(const struct ashlar_ranges *r, struct ashlar_ranges_stats *stats);

/* NULL, or the first broken invariant. O(ranges). */
const char *ashlar_ranges_audit_locked(const struct ashlar_ranges *r);

#endif
