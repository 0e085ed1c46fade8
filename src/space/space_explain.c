/* SPDX-License-Identifier: 0BSD */
/* space_explain.c - what an address is, as far as the layout knows: image, user half, areas.
 *
 * All of it is constant since boot: no lock is taken, nothing is waited for. What
 * lies in ranges is for the kva floor to say.
 *
 * Cost: O(areas).
 */
#include "tables/half.h"

#include "base/check.h"
#include "base/contexts.h"
#include "space/leaves.h"
#include "space/place.h"

COLD static bool place_area(ashlar_vpn page, struct ashlar_place *place)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    for (unsigned i = 0; i < options->area_count; i++) {
        const struct ashlar_area *area = &options->areas[i];
        if (page - area->first < area->pages) {
            const char *name = area->name != NULL ? area->name : "without a name";
            ashlar_place_set(place, ASHLAR_PLACE_FIXED, name, area->first, area->pages);
            return true;
        }
    }
    return false;
}

/* The image and what is around it; false if the page is not the home's. */
COLD static bool place_home(ashlar_vpn page, struct ashlar_place *place)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    ashlar_place_kind kind = ASHLAR_PLACE_FIXED;
    const char *name = "around the kernel image";
    ashlar_vpn first = options->home_first;
    size_t pages = options->home_pages;
    if (page - first >= pages) {
        return false;
    }
    if (page - options->image_first < options->image_pages) {
        kind = ASHLAR_PLACE_IMAGE;
        name = "kernel image";
        first = options->image_first;
        pages = options->image_pages;
    } else if (page - options->windows_first < options->windows_pages) {
        name = "windows";
        first = options->windows_first;
        pages = options->windows_pages;
    }
    ashlar_place_set(place, kind, name, first, pages);
    return true;
}

/* Array, direct map and areas; false if the page is in none of them. */
COLD static bool place_fixed(ashlar_vpn page, struct ashlar_place *place)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    if (page - layout->array_first < layout->array_pages) {
        ashlar_place_set(place, ASHLAR_PLACE_FIXED, "page tables", layout->array_first, layout->array_pages);
    } else if (page - layout->direct_first < layout->direct_pages) {
        ashlar_place_set(place, ASHLAR_PLACE_FIXED, "direct map", layout->direct_first, layout->direct_pages);
    } else {
        return place_area(page, place);
    }
    return true;
}

COLD int ashlar_space_explain(uintptr_t address, struct ashlar_place *place)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    ashlar_vpn page = ashlar_paging_page(ashlar_half.paging, address);
    bool known = true;
    if (!ashlar_paging_address_is_valid(ashlar_half.paging, address)) {
        ashlar_place_set(place, ASHLAR_PLACE_NOWHERE, "non-canonical address", 0, 0);
        place->mapped = 0;
        place->offset = address;
        return 1;
    }
    if (page == 0) {
        ashlar_place_set(place, ASHLAR_PLACE_NULL, "the null page", 0, 1);
    } else if (place_home(page, place)) {
        known = true;
    } else if (page - layout->user_first < layout->user_pages) {
        ashlar_place_set(place, ASHLAR_PLACE_USER, "user half", layout->user_first, layout->user_pages);
    } else if (!place_fixed(page, place)) {
        ashlar_place_set(place, ASHLAR_PLACE_FREE, "kernel space that nobody holds", page, 1);
        known = false;
    }
    place->mapped = place->kind != ASHLAR_PLACE_USER && ashlar_leaf_is_mapped(page);
    place->offset = address - ashlar_page_address(place->first);
    return known;
}
