/* SPDX-License-Identifier: 0BSD */
/* demand.c - kernel regions whose pages come when they are touched.
 *
 * A kernel may ask for them where it cannot know how much it will use. What
 * must not happen is that a fault in the kernel finds no memory; so frames are
 * promised when the region is made, and the fault only takes what is its own.
 *
 * Each page's entry holds the note of its range, as a guard's does: the fault
 * knows the region from the entry itself. Of several CPUs that fault on one page
 * the first makes the entry *busy*; it zeroes a frame and stores it. The others
 * find it busy and try their access again until the page is there. No lock but
 * that of the frames is taken. All roots share the table: one fault serves all.
 *
 *     note ──cas──> note | busy ──store──> present
 *
 * Cost: one fault a page; making and giving back O(pages).
 */
#include "space/internal.h"

#include "arch/entry.h"

#define FLAGS_SHIFT 8u /* in a range's note: what its pages allow */
#define BATCH_FRAMES 16u
#define BUSY ((uintptr_t)1 << 28)

_Static_assert(BUSY <= ASHLAR_ENTRY_NOTE_MAX && (uint64_t)STRIP_PAGES_MAX * 256u * 2u <= BUSY,
               "a note has room for the mark");

COLD ashlar_status ashlar_space_take_demand(size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    struct ashlar_cursor cursor;
    struct ashlar_range_info range;
    ashlar_status status = ashlar_map_flags_status(flags);
    if (pages == 0 || pages > ashlar_half.layout.kernel_pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (status == ASHLAR_OK && (flags & ASHLAR_MAP_USER) != 0) {
        status = ASHLAR_REFUSED;
    }
    if (status == ASHLAR_OK) {
        status = ashlar_frames_reserve(ashlar_half.pool, pages);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_range_open(RANGE_DEMAND, pages, name, &range, &cursor);
    if (status != ASHLAR_OK) {
        ashlar_frames_unreserve(ashlar_half.pool, pages);
        return status;
    }
    ashlar_arena_set_flags(&range, flags << FLAGS_SHIFT);
    for (size_t i = 0; i < range.pages; i++) {
        ashlar_cursor_note(&cursor, ashlar_guard_note(&range));
    }
    ashlar_cursor_end(&cursor);
    *first = range.first;
    return ASHLAR_OK;
}

/* A zeroed frame, out of what was promised. */
COLD static ashlar_pfn take_zeroed(void)
{
    ashlar_pfn frame;
    struct ashlar_frames_request request = {0, 0, ASHLAR_FRAMES_ANY_NODE, ASHLAR_FRAMES_FROM_RESERVATION};
    ashlar_status status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: a promised frame was not there: %s", ashlar_status_text(status));
    void *memory = ashlar_port_open_frame(frame);
    memset(memory, 0, ASHLAR_PAGE_BYTES);
    ashlar_port_close_frame(memory);
    return frame;
}

/* The page's own entry, if it is one of a demand region. */
COLD static bool find_entry(ashlar_vpn page, struct ashlar_spot *spot, struct ashlar_range_info *range)
{
    ashlar_spot_find(NULL, page, 1, spot);
    uintptr_t note = spot->level == 1 ? ashlar_entry_note_of(ashlar_half.paging, spot->entry) : 0;
    return note != 0 && ashlar_note_range(note & ~BUSY, range) &&
           (range->note & RANGE_KIND_MASK) == (uint32_t)RANGE_DEMAND && page - range->first < range->pages - 1u;
}

/* The caller is pinned. False if the page is no page of a region. */
COLD bool ashlar_demand_fault(ashlar_vpn page)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    struct ashlar_spot spot;
    struct ashlar_range_info range;
    bool ours = find_entry(page, &spot, &range);
    uintptr_t note = ours ? ashlar_entry_note_of(paging, spot.entry) : BUSY;
    /* The mark alone says busy: of a wide entry half of what comes may be there already. */
    if ((note & BUSY) == 0 &&
        ashlar_entry_cas(paging, spot.table, spot.index, spot.entry, ashlar_entry_encode_note(note | BUSY))) {
        ashlar_pfn frame = take_zeroed();
        uint64_t bits = ashlar_entry_leaf_bits(paging, ashlar_half.options.features, 1,
                                               range.note >> FLAGS_SHIFT | ASHLAR_MAP_GLOBAL);
        ashlar_entry_store(paging, spot.table, spot.index, (uint64_t)frame << ASHLAR_PAGE_SHIFT | bits);
        ashlar_frames_note_mapped(ashlar_half.pool, frame);
    }
    ashlar_spot_close(&spot);
    return ours;
}

COLD static size_t collect_to_pool(ashlar_vpn page, size_t pages)
{
    size_t taken = 0;
    while (pages != 0) {
        ashlar_pfn frames[BATCH_FRAMES];
        size_t step = pages < BATCH_FRAMES ? pages : BATCH_FRAMES;
        size_t found = ashlar_leaves_collect(page, step, frames);
        ashlar_frames_give_bulk(ashlar_half.pool, frames, found);
        taken += found;
        page += step;
        pages -= step;
    }
    return taken;
}

/* Pages that were never touched hold notes: hiding and collecting pass them by. */
COLD void ashlar_demand_give(const struct ashlar_range_info *range)
{
    struct ashlar_gather gather;
    size_t pages = range->pages - 1u;
    ashlar_gather_init(&gather, NULL);
    ashlar_gather_add(&gather, range->first, pages);
    ashlar_port_pin();
    (void)ashlar_range_hide(range);
    ashlar_port_unpin();
    ashlar_gather_finish(&gather);
    ashlar_port_pin();
    size_t taken = collect_to_pool(range->first, pages);
    ashlar_leaves_clear(range->first, range->pages);
    ashlar_port_unpin();
    ashlar_frames_unreserve(ashlar_half.pool, pages - taken);
    ashlar_arena_give(&ashlar_half.general, range->first, ASHLAR_CALLER());
}
