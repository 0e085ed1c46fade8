/* SPDX-License-Identifier: 0BSD */
/* guard.c - pages that are never there, and that say whose they are.
 *
 * The absent entry of a guard page holds a number: its range's descriptor, and
 * which arena that lies in.
 *
 *     note:   | descriptor index | 1: stacks |
 *
 * Whoever faults there finds the culprit with one read of a table and one of
 * the strip: no search, no lock, on the double-fault stack as well. Writing or
 * clearing a note never needs a flush, for the entry is absent before and after.
 */
#include "space/internal.h"

#include "arch/entry.h"

_Static_assert((uint64_t)STRIP_PAGES_MAX * 256u * 2u <= ASHLAR_ENTRY_NOTE_MAX, "every descriptor can be named");

COLD static ashlar_status set_note(ashlar_vpn page, uintptr_t note, ashlar_intent intent)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_cursor_open(&cursor, NULL, page, 1, intent, 1);
    if (status == ASHLAR_OK) {
        ashlar_cursor_note(&cursor, note);
        ashlar_cursor_end(&cursor);
    }
    return status;
}

COLD ashlar_status ashlar_guard_set(ashlar_vpn page, const struct arena *arena, uint32_t range_index)
{
    return set_note(page, (uintptr_t)range_index << 1 | (arena == &ashlar_half.stacks), ASHLAR_INTENT_MAP);
}

/* Its table exists since it was set. */
COLD void ashlar_guard_clear(ashlar_vpn page)
{
    ashlar_status status = set_note(page, 0, ASHLAR_INTENT_COLLECT);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: guard page %p: %s", (void *)ashlar_page_address(page),
                 ashlar_status_text(status));
}

COLD bool ashlar_guard_range(ashlar_vpn page, struct ashlar_range_info *range)
{
    struct ashlar_spot spot;
    if (page < ashlar_half.layout.kernel_first) {
        return false;
    }
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 1, &spot);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
    uintptr_t note = spot.level == 1 ? ashlar_entry_note_of(ashlar_half.paging, spot.entry) : 0;
    const struct arena *arena = (note & 1u) != 0 ? &ashlar_half.stacks : &ashlar_half.general;
    return note != 0 && ashlar_ranges_by_index(&arena->ranges, (uint32_t)(note >> 1), range);
}
