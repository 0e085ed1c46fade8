/* SPDX-License-Identifier: 0BSD */
/* leaves.c - entries of level 1 of a range, by whoever holds it.
 *
 * The holder of a range is alone with its entries and knows what is in them, and
 * its tables were made when it was first mapped. So there is nothing to check or
 * to reserve, as a cursor does: each table's run is worked on at once.
 *
 *     absent ──set──> present ──hide──> hidden ──collect──> absent
 *
 * The caller keeps its CPU (pinned, or interrupts off). Cost: O(pages).
 */
#include "space/internal.h"

#include "arch/entry.h"

static void note_all(const ashlar_pfn *frames, size_t count, void (*note)(struct ashlar_frames *, ashlar_pfn))
{
    for (size_t i = 0; ASHLAR_DEBUG && i < count; i++) {
        note(ashlar_half.pool, frames[i]);
    }
}

void ashlar_leaves_set(ashlar_vpn first, size_t pages, const ashlar_pfn *frames, unsigned flags)
{
    uint64_t bits = ashlar_half.leaf_bits[(flags | ASHLAR_MAP_GLOBAL) & LEAF_FLAGS];
    note_all(frames, pages, ashlar_frames_note_mapped);
    while (pages != 0) {
        const struct leaves at = ashlar_leaves_open(first, pages);
        ashlar_run_set(ashlar_half.paging, at.table, at.index, at.count, frames, bits);
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
        frames += at.count;
    }
}

size_t ashlar_range_hide(const struct ashlar_range_info *range)
{
    ashlar_vpn first = ashlar_range_first(range);
    size_t missing = ashlar_range_pages(range);
    for (size_t left = missing; left != 0;) {
        const struct leaves at = ashlar_leaves_open(first, left);
        missing -= ashlar_run_hide(ashlar_half.paging, at.table, at.index, at.count);
        ashlar_leaves_close(&at);
        first += at.count;
        left -= at.count;
    }
    return missing;
}

size_t ashlar_leaves_collect(ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    size_t found = 0;
    while (pages != 0) {
        const struct leaves at = ashlar_leaves_open(first, pages);
        found += ashlar_run_collect(ashlar_half.paging, at.table, at.index, at.count, frames + found);
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
    }
    note_all(frames, found, ashlar_frames_note_unmapped);
    return found;
}

COLD void ashlar_range_clear_guards(const struct ashlar_range_info *range)
{
    size_t below = ashlar_range_guards_below(range->note), above = ashlar_range_guards_above(range->note);
    ashlar_port_pin();
    ashlar_leaves_clear(range->first, below);
    ashlar_leaves_clear(range->first + range->pages - above, above);
    ashlar_port_unpin();
}

COLD void ashlar_leaves_clear(ashlar_vpn first, size_t pages)
{
    while (pages != 0) {
        const struct leaves at = ashlar_leaves_open(first, pages);
        for (unsigned i = 0; i < at.count; i++) {
            ashlar_entry_clear(ashlar_half.paging, at.table, at.index + i);
        }
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
    }
}
