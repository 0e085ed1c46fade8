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
 * find it busy and try their access again until the page is there: interrupts are
 * off meanwhile, so that no handler finds what its own CPU is bringing, and tries
 * for ever. No lock but that of the frames is taken. All roots share the table:
 * one fault serves all.
 *
 *     note ──cas──> note | busy ──store──> present
 *
 * Cost: one fault a page, with interrupts off for as long as zeroing it takes; making and giving back O(pages).
 */
#include "kva/demand.h"

#include "arch/error_code.h"
#include "arch/formats.h"
#include "base/alone.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/mem.h"
#include "base/wait.h"
#include "kva/backing.h"
#include "kva/guard.h"
#include "kva/open.h"
#include "space/cursor.h"
#include "space/leaves.h"
#include "space/mapping.h"

#define FLAGS_SHIFT 8u /* in a range's note: what its pages allow */
#define NOTE_BUSY ((uintptr_t)1 << 28)

_Static_assert(NOTE_BUSY <= ASHLAR_ENTRY_NOTE_MAX && (uint64_t)ASHLAR_STRIP_PAGES_MAX * 256u * 2u <= NOTE_BUSY,
               "a note has room for the mark");

COLD ashlar_status ashlar_kva_take_demand(size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    CONTEXTS(yes, yes, no, no, no);
    struct ashlar_cursor cursor;
    struct ashlar_range_info range;
    const struct range_request request = range_request_for(RANGE_DEMAND, pages, name);
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (pages == 0 || pages > ashlar_kva.layout.kernel_pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (status == ASHLAR_OK) {
        FRAMES_OBTAIN(ashlar_kva.pool, status, ashlar_frames_reserve(ashlar_kva.pool, pages));
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_range_open(&request, &range, &cursor);
    if (status != ASHLAR_OK) {
        ashlar_frames_unreserve(ashlar_kva.pool, pages);
        return status;
    }
    ashlar_arena_set_flags(&range, flags << FLAGS_SHIFT);
    for (size_t i = 0; i < pages; i++) {
        ashlar_cursor_note(&cursor, ashlar_guard_note(&range));
    }
    ashlar_range_close(&cursor, &range);
    *first = range.first;
    return ASHLAR_OK;
}

/* A zeroed frame, out of what was promised. */
COLD static ashlar_pfn take_zeroed_frame(void)
{
    ashlar_pfn frame;
    struct ashlar_frames_request request = {0, 0, ASHLAR_FRAMES_ANY_NODE, ASHLAR_FRAMES_FROM_RESERVATION};
    ashlar_status status = ashlar_frames_take_request(ashlar_kva.pool, &request, &frame);
    ASHLAR_CHECK(status == ASHLAR_OK, "kva: a promised frame was not there: %s", ashlar_status_text(status));
    void *memory = ashlar_port_open_frame(frame);
    memset(memory, 0, ASHLAR_PAGE_BYTES);
    ashlar_port_close_frame(memory);
    return frame;
}

/* Is this open entry one of a demand region's pages? Then *range is the region. */
COLD static bool is_demanded(ashlar_vpn page, uintptr_t note, struct ashlar_range_info *range)
{
    return note != 0 && ashlar_note_range(note & ~NOTE_BUSY, range) && ashlar_range_is(range, RANGE_DEMAND) &&
           page - range->first < range->pages - 1u;
}

/* In an NMI the page may be what its own CPU is at: that would be waited for for ever. */
COLD static bool may_be_awaited(void)
{
    return ashlar_context_kind() != ASHLAR_CONTEXT_NMI;
}

/* With interrupts off. */
COLD static bool bring_page(ashlar_vpn page)
{
    struct ashlar_spot spot;
    struct ashlar_range_info range;
    ashlar_leaf_open(page, &spot);
    uintptr_t note = ashlar_leaf_note(&spot);
    bool ours = is_demanded(page, note, &range);
    /* The mark alone says busy: who reads a wide entry by halves may have one of what comes. */
    if (ours && (note & NOTE_BUSY) != 0) {
        ours = may_be_awaited();
    } else if (ours && ashlar_leaf_renote(&spot, note | NOTE_BUSY)) {
        ashlar_leaf_fill(&spot, take_zeroed_frame(), range.note >> FLAGS_SHIFT);
    }
    ashlar_leaf_close(&spot);
    return ours;
}

COLD int ashlar_kva_fault(uintptr_t address, unsigned error)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ashlar_vpn page = ashlar_paging_page(ashlar_kva.paging, address);
    if ((error & (FAULT_PRESENT | FAULT_RESERVED | FAULT_USER)) != 0 || page < ashlar_kva.layout.kernel_first ||
        !ashlar_paging_address_is_valid(ashlar_kva.paging, address)) {
        return 0;
    }
    uintptr_t interrupts = ashlar_port_irq_save();
    bool ours = bring_page(page);
    ashlar_port_irq_restore(interrupts);
    return ours;
}

/* Pages that were never touched hold notes: hiding and collecting pass them by. */
COLD void ashlar_demand_give(const struct ashlar_range_info *range)
{
    struct ashlar_gather gather;
    size_t pages = range->pages - 1u;
    (void)ashlar_alone_enter();
    ashlar_gather_init(&gather, NULL);
    ashlar_gather_add(&gather, range->first, pages);
    ashlar_port_pin();
    (void)ashlar_leaves_hide(range->first, pages);
    ashlar_port_unpin();
    ashlar_gather_finish(&gather);
    ashlar_alone_exit();
    size_t taken = ashlar_pages_collect(range->first, pages);
    ashlar_port_pin();
    ashlar_leaves_clear(range->first, range->pages);
    ashlar_port_unpin();
    ashlar_frames_unreserve(ashlar_kva.pool, pages - taken);
    ashlar_arena_give(&ashlar_kva.general, range->first, ASHLAR_CALLER());
}
