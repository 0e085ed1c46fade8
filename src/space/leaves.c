/* SPDX-License-Identifier: 0BSD */
/* leaves.c - entries of single kernel pages, by whoever holds the addresses.
 *
 * The holder of a range is alone with its entries and knows what is in them, and
 * its tables were made when it was first mapped. So there is nothing to check or
 * to reserve, as a cursor does: each table's run is worked on at once.
 *
 *     absent ──set──> present ──hide──> hidden ──collect──> absent
 *
 * The caller keeps its CPU (pinned, or interrupts off). Cost: O(pages).
 */
#include "space/leaves.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/check.h"
#include "tables/reach.h"

static void note_leaves(const ashlar_pfn *frames, size_t count, void (*note)(struct ashlar_frames *, ashlar_pfn))
{
    for (size_t i = 0; ASHLAR_DEBUG && i < count; i++) {
        note(ashlar_half.pool, frames[i]);
    }
}

void ashlar_leaves_set(ashlar_vpn first, size_t pages, const ashlar_pfn *frames, unsigned flags)
{
    uint64_t bits = ashlar_half.leaf_bits[(flags | ASHLAR_MAP_GLOBAL) & LEAF_FLAGS];
    note_leaves(frames, pages, ashlar_frames_note_mapped);
    while (pages != 0) {
        const struct leaf_run at = ashlar_leaves_open(first, pages);
        ashlar_run_set(ashlar_half.paging, at.table, at.index, at.count, frames, bits);
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
        frames += at.count;
    }
}

size_t ashlar_leaves_hide(ashlar_vpn first, size_t pages)
{
    size_t missing = pages;
    while (pages != 0) {
        const struct leaf_run at = ashlar_leaves_open(first, pages);
        missing -= ashlar_run_hide(ashlar_half.paging, at.table, at.index, at.count);
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
    }
    return missing;
}

size_t ashlar_leaves_collect(ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    size_t found = 0;
    while (pages != 0) {
        const struct leaf_run at = ashlar_leaves_open(first, pages);
        found += ashlar_run_collect(ashlar_half.paging, at.table, at.index, at.count, frames + found);
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
    }
    note_leaves(frames, found, ashlar_frames_note_unmapped);
    return found;
}

COLD void ashlar_leaves_clear(ashlar_vpn first, size_t pages)
{
    while (pages != 0) {
        const struct leaf_run at = ashlar_leaves_open(first, pages);
        for (unsigned i = 0; i < at.count; i++) {
            ashlar_entry_clear(ashlar_half.paging, at.table, at.index + i);
        }
        ashlar_leaves_close(&at);
        first += at.count;
        pages -= at.count;
    }
}

/* Another CPU may link a table meanwhile, for pages beside these: then it is looked at. */
COLD size_t ashlar_leaves_empty_from(ashlar_vpn first, size_t pages, unsigned looks)
{
    size_t empty = 0;
    bool found = false;
    while (empty != pages && looks-- != 0 && !found) {
        struct ashlar_spot spot;
        ashlar_spot_find(NULL, first + empty, 1, &spot);
        size_t step = ashlar_spot_empty_pages(&spot, first + empty, pages - empty);
        ashlar_spot_close(&spot);
        found = step == 0 && (spot.level == 1 || spot.entry != 0);
        empty += step;
    }
    return empty;
}

COLD bool ashlar_leaves_are_empty(ashlar_vpn first, size_t pages)
{
    return ashlar_leaves_empty_from(first, pages, ~0u) == pages;
}

/* --- one page ------------------------------------------------------------------ */

COLD void ashlar_leaf_set(ashlar_vpn page, ashlar_pfn frame)
{
    ashlar_kernel_set_page(page, frame);
}

COLD void ashlar_leaf_open(ashlar_vpn page, struct ashlar_spot *spot)
{
    ashlar_spot_find(NULL, page, 1, spot);
}

COLD void ashlar_leaf_close(struct ashlar_spot *spot)
{
    ashlar_spot_close(spot);
}

uintptr_t ashlar_leaf_note(const struct ashlar_spot *spot)
{
    return spot->level == 1 ? ashlar_entry_note_of(ashlar_half.paging, spot->entry) : 0;
}

/* Whole at once: one half of a note and one of what comes could name RAM. */
COLD static bool exchange_note(struct ashlar_spot *spot, uint64_t entry)
{
    bool same = ashlar_entry_cas(ashlar_half.paging, spot->table, spot->index, spot->entry, entry);
    spot->entry = same ? entry : spot->entry;
    return same;
}

COLD bool ashlar_leaf_renote(struct ashlar_spot *spot, uintptr_t note)
{
    return exchange_note(spot, ashlar_entry_encode_note(ashlar_half.paging, note));
}

COLD void ashlar_leaf_fill(struct ashlar_spot *spot, ashlar_pfn frame, unsigned flags)
{
    uint64_t bits = ashlar_half.leaf_bits[(flags | ASHLAR_MAP_GLOBAL) & LEAF_FLAGS];
    bool filled = exchange_note(spot, (uint64_t)frame << ASHLAR_PAGE_SHIFT | bits);
    ASHLAR_ASSERT(filled);
    (void)filled;
    ashlar_frames_note_mapped(ashlar_half.pool, frame);
}

/* The entry as it is now, opened and closed again. */
static void peek_at_leaf(ashlar_vpn page, struct ashlar_spot *spot)
{
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 1, spot);
    ashlar_spot_close(spot);
    ashlar_port_unpin();
}

uintptr_t ashlar_leaf_note_at(ashlar_vpn page)
{
    struct ashlar_spot spot;
    peek_at_leaf(page, &spot);
    return ashlar_leaf_note(&spot);
}

COLD bool ashlar_leaf_is_mapped(ashlar_vpn page)
{
    struct ashlar_spot spot;
    peek_at_leaf(page, &spot);
    return ashlar_entry_is_present(spot.entry);
}

COLD bool ashlar_leaf_has_room_above(ashlar_vpn page)
{
    struct ashlar_spot spot;
    ashlar_spot_find(NULL, page, 2, &spot);
    ashlar_spot_close(&spot);
    return spot.entry == 0;
}
