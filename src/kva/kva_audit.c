/* SPDX-License-Identifier: 0BSD */
/* kva_audit.c - do the ranges say what is in the tables?
 *
 * The ranges are sound; nothing is mapped where nobody holds addresses; every
 * guard page is absent and names its range; ranges that are kept ready, or wait
 * for a purge, are those of their chains; a strip is backed as far as its ranges
 * know.
 *
 * Nobody may change mappings meanwhile. Locks are taken one after the other.
 *
 * Cost: O(kernel space / page).
 */
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "kva/arena.h"
#include "kva/guard.h"
#include "kva/lookup.h"
#include "space/leaves.h"

/* Where the walk over an arena has come to. */
struct gaps {
    const struct arena *arena;
    ashlar_vpn next;
    size_t kept_pages; /* of ranges that are marked so, up to here */
    size_t given_pages;
    const char *broken;
};

COLD static bool guard_names_range(ashlar_vpn guard, const struct ashlar_range_info *range)
{
    struct ashlar_range_info found;
    return ashlar_guard_range(guard, &found) && found.first == range->first && found.index == range->index;
}

/* Behind large pages it is empty: there may be no table for a note. */
COLD static bool guard_above_is_sound(const struct ashlar_range_info *range)
{
    ashlar_vpn guard = range->first + range->pages - 1u;
    if (ashlar_range_is(range, RANGE_LARGE)) {
        return ashlar_leaves_are_empty(guard, 1);
    }
    return ashlar_range_guards_above(range->note) == 0 || guard_names_range(guard, range);
}

COLD static int check_range_and_gap(void *context, const struct ashlar_range_info *range)
{
    struct gaps *gaps = context;
    if (!ashlar_leaves_are_empty(gaps->next, range->first - gaps->next)) {
        gaps->broken = "kva: something is mapped where nobody holds the addresses";
    } else if (ashlar_range_guards_below(range->note) != 0 && !guard_names_range(range->first, range)) {
        gaps->broken = "kva: the guard below a range does not name it";
    } else if (!guard_above_is_sound(range)) {
        gaps->broken = "kva: the guard behind a range does not name it";
    }
    if ((range->note & RANGE_KEPT) != 0 &&
        !ashlar_leaves_are_empty(range->first + ashlar_range_guards_below(range->note), ashlar_range_pages(range))) {
        gaps->broken = "kva: a range that is kept ready has something mapped";
    }
    gaps->next = range->first + range->pages;
    gaps->kept_pages += (range->note & RANGE_KEPT) != 0 ? range->pages : 0;
    gaps->given_pages += (range->note & RANGE_GIVEN) != 0 ? range->pages : 0;
    return gaps->broken != NULL;
}

/* Ranges of this size that are kept ready: adds up those of its chain; false if another one is in it, or it has no end. */
COLD static bool count_kept_chain(const struct arena *arena, size_t size, size_t *count)
{
    struct ashlar_range_info range;
    for (uint32_t index = arena->kept[size]; index != 0; index = (uint32_t)range.tag) {
        if (!ashlar_ranges_by_index(&arena->ranges, index, &range) || (range.note & RANGE_KEPT) == 0 ||
            range.pages != size || *count == arena->kept_count) {
            return false;
        }
        *count += 1;
    }
    return true;
}

COLD static const char *audit_given_and_kept(const struct arena *arena, const struct gaps *gaps)
{
    size_t count = 0;
    for (size_t size = 0; size < KEPT_SIZES; size++) {
        if (!count_kept_chain(arena, size, &count)) {
            return "kva: a chain of ranges that are kept ready has one that is not";
        }
    }
    if (count != arena->kept_count || gaps->kept_pages != arena->kept_pages) {
        return "kva: ranges that are kept ready are miscounted";
    }
    return gaps->given_pages == arena->given_pages ? NULL : "kva: ranges that wait for a purge are miscounted";
}

COLD static const char *audit_arena(struct arena *arena)
{
    struct gaps gaps = {.arena = arena, .next = arena->ranges.first};
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    const char *broken = ashlar_ranges_audit_locked(&arena->ranges);
    if (broken == NULL) {
        (void)ashlar_ranges_walk_locked(&arena->ranges, check_range_and_gap, &gaps);
        broken = gaps.broken != NULL ? gaps.broken : audit_given_and_kept(arena, &gaps);
    }
    if (broken == NULL && !ashlar_leaves_are_empty(gaps.next, arena->ranges.first + arena->ranges.pages - gaps.next)) {
        broken = "kva: something is mapped where nobody holds the addresses";
    }
    if (broken == NULL && !ashlar_leaves_are_empty(arena->strip_first + ashlar_ranges_backed_pages(&arena->ranges),
                                                   arena->strip_pages - ashlar_ranges_backed_pages(&arena->ranges))) {
        broken = "kva: a strip is backed beyond what its ranges know of";
    }
    ashlar_lock_give(&arena->lock, interrupts);
    return broken;
}

COLD const char *ashlar_kva_audit(void)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_port_pin();
    const char *broken = audit_arena(&ashlar_kva.general);
    broken = broken != NULL ? broken : audit_arena(&ashlar_kva.stacks);
    ashlar_port_unpin();
    return broken;
}
