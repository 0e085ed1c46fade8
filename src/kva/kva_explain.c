/* SPDX-License-Identifier: 0BSD */
/* explain.c - what an address is, for whoever has just faulted there.
 *
 * The answer comes from what is constant since boot (the layout), from one entry
 * of a page table (a guard page names its range), and last from a look at every
 * descriptor. No lock is taken and nothing is waited for: the fault may have
 * come while this very CPU held any of them. A range that is taken or given at
 * the same moment may be described half changed; the names are safe to print.
 *
 * Cost: O(1) for guards and fixed parts, O(ranges) for the rest.
 */
#include "space/internal.h"

#include "arch/entry.h"
#include "base/format.h"

COLD static bool is_mapped(ashlar_vpn page)
{
    struct ashlar_spot spot;
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 1, &spot);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
    return ashlar_entry_is_present(spot.entry);
}

COLD static void set_place(struct ashlar_place *place, ashlar_place_kind kind, const char *name, ashlar_vpn first,
                           size_t pages)
{
    place->kind = kind;
    place->name = name;
    place->first = first;
    place->pages = pages;
}

COLD static bool is_in(ashlar_vpn page, ashlar_vpn first, size_t pages)
{
    return page - first < pages;
}

/* Image, array, strips and carve; false if the page is in none of them. */
COLD static bool explain_fixed(ashlar_vpn page, struct ashlar_place *place)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    if (page >= ashlar_half.options.image_first) {
        set_place(place, ASHLAR_PLACE_IMAGE, "kernel image", ashlar_half.options.image_first,
                  ashlar_half.options.image_pages);
    } else if (is_in(page, layout->array_first, layout->array_pages)) {
        set_place(place, ASHLAR_PLACE_FIXED, "page tables", layout->array_first, layout->array_pages);
    } else if (is_in(page, layout->direct_first, layout->direct_pages)) {
        set_place(place, ASHLAR_PLACE_FIXED, "direct map", layout->direct_first, layout->direct_pages);
    } else if (is_in(page, layout->strip_first, layout->strip_pages)) {
        set_place(place, ASHLAR_PLACE_FIXED, "range descriptors", layout->strip_first, layout->strip_pages);
    } else if (is_in(page, layout->carve_first, layout->carve_pages)) {
        set_place(place, ASHLAR_PLACE_FIXED, "boot's bookkeeping", layout->carve_first, layout->carve_pages);
    } else {
        return false;
    }
    return true;
}

COLD static void place_range(const struct ashlar_range_info *range, ashlar_vpn page, struct ashlar_place *place)
{
    ashlar_vpn first = ashlar_range_first(range);
    size_t pages = ashlar_range_pages(range);
    const char *name = range->tag != 0 ? (const char *)range->tag : "without a name";
    bool is_stack = (range->note & RANGE_KIND_MASK) == (uint32_t)RANGE_STACK;
    ashlar_place_kind kind = is_stack ? ASHLAR_PLACE_STACK : ASHLAR_PLACE_RANGE;
    if ((range->note & (RANGE_GIVEN | RANGE_KEPT)) != 0) {
        set_place(place, ASHLAR_PLACE_FREE, "a range that was given back", first, pages);
        return;
    }
    set_place(place, is_in(page, first, pages) ? kind : ASHLAR_PLACE_GUARD, name, first, pages);
}

COLD static bool explain_range(ashlar_vpn page, struct ashlar_place *place)
{
    struct ashlar_range_info range;
    if (!ashlar_guard_range(page, &range) && !ashlar_ranges_containing(&ashlar_arena_of(page)->ranges, page, &range)) {
        return false;
    }
    place_range(&range, page, place);
    return true;
}

/* A guard below counts down from the range's first byte, all others count up: from it, or from the range's end. */
COLD static size_t offset_in(const struct ashlar_place *place, uintptr_t address)
{
    uintptr_t first = ashlar_page_address(place->first);
    if (place->kind == ASHLAR_PLACE_GUARD) {
        uintptr_t end = first + place->pages * ASHLAR_PAGE_BYTES;
        return address < first ? first - address : address - end;
    }
    return address - first;
}

COLD void ashlar_space_explain(uintptr_t address, struct ashlar_place *place)
{
    ashlar_vpn page = ashlar_address_page(address);
    place->mapped = 0;
    if (page == 0) {
        set_place(place, ASHLAR_PLACE_NULL, "the null page", 0, 1);
    } else if (page < ashlar_user_pages()) {
        set_place(place, ASHLAR_PLACE_USER, "user half", 0, ashlar_user_pages());
    } else {
        place->mapped = page >= ashlar_half.layout.kernel_first && is_mapped(page);
        if (!explain_fixed(page, place) && !explain_range(page, place)) {
            set_place(place, ASHLAR_PLACE_FREE, "kernel space that nobody holds", page, 1);
        }
    }
    place->offset = offset_in(place, address);
}

COLD static void guard_text(const struct ashlar_place *place, uintptr_t address, char *text, size_t bytes)
{
    const char *what = ashlar_arena_of(place->first) == &ashlar_half.stacks ? "stack" : "range";
    bool below = address < ashlar_page_address(place->first);
    (void)ashlar_format(text, bytes, "guard page of %s %s, %zu bytes %s", what, place->name, place->offset,
                        below ? "below it" : "past its end");
}

COLD void ashlar_space_explain_text(uintptr_t address, char *text, size_t bytes)
{
    struct ashlar_place place;
    ashlar_space_explain(address, &place);
    const char *unmapped = place.mapped ? "" : ", not mapped";
    switch (place.kind) {
    case ASHLAR_PLACE_NULL:
        (void)ashlar_format(text, bytes, "null pointer, offset %zu", place.offset);
        break;
    case ASHLAR_PLACE_USER:
        (void)ashlar_format(text, bytes, "user half");
        break;
    case ASHLAR_PLACE_GUARD:
        guard_text(&place, address, text, bytes);
        break;
    case ASHLAR_PLACE_STACK:
        (void)ashlar_format(text, bytes, "stack %s, %zu bytes from its low end", place.name, place.offset);
        break;
    case ASHLAR_PLACE_FREE:
        (void)ashlar_format(text, bytes, "%s%s", place.name, place.mapped ? ", but mapped" : "");
        break;
    case ASHLAR_PLACE_RANGE:
    case ASHLAR_PLACE_FIXED:
    case ASHLAR_PLACE_IMAGE:
    default:
        (void)ashlar_format(text, bytes, "%s + 0x%zx%s", place.name, place.offset, unmapped);
        break;
    }
}

/* --- walking ranges -------------------------------------------------------------- */

struct range_walk {
    ashlar_space_visitor visit;
    void *context;
};

COLD static int visit_range(void *context, const struct ashlar_range_info *range)
{
    const struct range_walk *walk = context;
    struct ashlar_place place;
    ashlar_vpn first = range->first + ashlar_range_guards_below(range->note);
    place_range(range, first, &place);
    place.offset = 0;
    place.mapped = is_mapped(first);
    return walk->visit(walk->context, &place);
}

COLD static int walk_arena(struct arena *arena, struct range_walk *walk)
{
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    int stopped = ashlar_ranges_walk_locked(&arena->ranges, visit_range, walk);
    ashlar_lock_give(&arena->lock, interrupts);
    return stopped;
}

COLD void ashlar_space_walk_ranges(ashlar_space_visitor visit, void *context)
{
    struct range_walk walk = {visit, context};
    if (walk_arena(&ashlar_half.general, &walk) == 0) {
        (void)walk_arena(&ashlar_half.stacks, &walk);
    }
}
