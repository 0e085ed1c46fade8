/* SPDX-License-Identifier: 0BSD */
/* guard.c - absent entries that say whose they are.
 *
 * The entry of a guard page, and of a page that comes on demand, is absent and
 * holds a number: its range's descriptor, and which arena that lies in.
 *
 *     note:   | descriptor index | 1: stacks |
 *
 * Whoever faults there finds the culprit with one read of a table and one of
 * the strip: no search, no lock, on the double-fault stack as well. Writing or
 * clearing a note never needs a flush, for the entry is absent before and after.
 */
#include "kva/guard.h"

#include "arch/formats.h"
#include "base/check.h"
#include "kva/arena.h"
#include "kva/lookup.h"
#include "space/leaves.h"

_Static_assert((uint64_t)ASHLAR_STRIP_PAGES_MAX * 256u * 2u <= ASHLAR_ENTRY_NOTE_MAX, "every descriptor can be named");

uintptr_t ashlar_guard_note(const struct ashlar_range_info *range)
{
    return (uintptr_t)range->index << 1 | (ashlar_arena_of(range->first) == &ashlar_kva.stacks);
}

bool ashlar_note_range(uintptr_t note, struct ashlar_range_info *range)
{
    const struct arena *arena = (note & 1u) != 0 ? &ashlar_kva.stacks : &ashlar_kva.general;
    return ashlar_ranges_by_index(&arena->ranges, (uint32_t)(note >> 1), range);
}

bool ashlar_guard_range(ashlar_vpn page, struct ashlar_range_info *range)
{
    uintptr_t note = page >= ashlar_kva.layout.kernel_first ? ashlar_leaf_note_at(page) : 0;
    return note != 0 && ashlar_note_range(note, range);
}

COLD void ashlar_range_clear_guards(const struct ashlar_range_info *range)
{
    size_t below = ashlar_range_guards_below(range->note), above = ashlar_range_guards_above(range->note);
    ashlar_port_pin();
    ashlar_leaves_clear(range->first, below);
    ashlar_leaves_clear(range->first + range->pages - above, above);
    ashlar_port_unpin();
}
