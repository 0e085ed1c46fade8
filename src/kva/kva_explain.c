/* SPDX-License-Identifier: 0BSD */
/* kva_explain.c - whose a kernel address is, for whoever has just faulted there.
 *
 * The answer comes from one entry of a page table (a guard page names its
 * range), and else from a look at every descriptor. No lock is taken and nothing
 * is waited for: the fault may have come while this very CPU held any of them. A
 * range that is taken or given at the same moment may be described half changed;
 * the names are safe to print.
 *
 * Cost: O(1) for guards, O(ranges) for the rest.
 */
#include "kva/kva_explain.h"

#include "base/check.h"
#include "base/contexts.h"
#include "kva/arena.h"
#include "kva/guard.h"
#include "kva/lookup.h"
#include "space/leaves.h"
#include "space/place.h"

COLD void ashlar_range_place(const struct ashlar_range_info *range, ashlar_vpn page, struct ashlar_place *place)
{
    if (!ashlar_range_has_kind(range)) {
        ashlar_place_set(place, ASHLAR_PLACE_FREE, "a range that is being given back", range->first, range->pages);
        return;
    }
    ashlar_vpn first = ashlar_range_first(range);
    size_t pages = ashlar_range_pages(range);
    ashlar_place_kind kind = ashlar_range_is(range, RANGE_STACK) ? ASHLAR_PLACE_STACK : ASHLAR_PLACE_RANGE;
    if ((range->note & (RANGE_GIVEN | RANGE_KEPT)) != 0) {
        ashlar_place_set(place, ASHLAR_PLACE_FREE, "a range that was given back", first, pages);
        return;
    }
    ashlar_place_set(place, page - first < pages ? kind : ASHLAR_PLACE_GUARD, ashlar_range_name(range), first, pages);
}

COLD static bool is_in_arena(ashlar_vpn page)
{
    const struct ashlar_kva_layout *layout = &ashlar_kva.layout;
    return page - layout->arena_first < layout->arena_pages || page - layout->stacks_first < layout->stacks_pages;
}

/* A guard below counts down from the range's first byte, all others count up: from it, or from the range's end. */
COLD static size_t offset_in_range(const struct ashlar_place *place, uintptr_t address)
{
    uintptr_t first = ashlar_kva_address(place->first);
    uintptr_t end = first + place->pages * ASHLAR_PAGE_BYTES;
    if (place->kind == ASHLAR_PLACE_GUARD && address >= end) {
        return address - end;
    }
    return address < first ? first - address : address - first;
}

COLD int ashlar_kva_explain(uintptr_t address, struct ashlar_place *place)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    struct ashlar_range_info range;
    ashlar_vpn page = ashlar_paging_page(ashlar_kva.paging, address);
    if (!is_in_arena(page) || !ashlar_paging_address_is_valid(ashlar_kva.paging, address)) {
        return 0;
    }
    if (ashlar_guard_range(page, &range) || ashlar_ranges_containing(&ashlar_arena_of(page)->ranges, page, &range)) {
        ashlar_range_place(&range, page, place);
    } else {
        ashlar_place_set(place, ASHLAR_PLACE_FREE, "kernel space that nobody holds", page, 1);
    }
    place->mapped = ashlar_leaf_is_mapped(page);
    place->offset = offset_in_range(place, address);
    return 1;
}
