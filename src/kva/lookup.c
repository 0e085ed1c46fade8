/* SPDX-License-Identifier: 0BSD */
/* lookup.c - ranges that somebody names without a search through the hash.
 *
 * An index is all that a guard's entry or a chain of ranges keeps. Any number
 * may be asked for: descriptors below `fresh` have a state, and say themselves
 * whether they are a taken range.
 *
 * Without the lock the words of a descriptor may come from before and from after a
 * change. Each of them is sound by itself: numbers are numbers, and a tag says by its
 * value whether it is a link, whatever the note says by now.
 */
#include "kva/lookup.h"

#include "base/check.h"
#include "kva/descriptor.h"

void ashlar_ranges_at_locked(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    ASHLAR_ASSERT(descriptor_is(r, index, RANGE_TAKEN));
    describe_range(r, index, info);
}

void ashlar_ranges_set_at_locked(struct ashlar_ranges *r, uint32_t index, uint32_t note, uintptr_t tag)
{
    ASHLAR_ASSERT(descriptor_is(r, index, RANGE_TAKEN));
    store_relaxed(&descriptor_at(r, index)->note, note);
    store_relaxed(&descriptor_at(r, index)->tag, tag);
}

bool ashlar_ranges_by_index(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    if (!descriptor_is(r, index, RANGE_TAKEN)) {
        return false;
    }
    describe_range(r, index, info);
    if ((info->note & (RANGE_KEPT | RANGE_GIVEN)) == 0 && info->tag != 0 && info->tag <= ASHLAR_RANGES_LINK_MAX) {
        info->note |= RANGE_GIVEN; /* read in the middle of a change */
    }
    return load_acquire(&descriptor_at(r, index)->state) == (uint32_t)RANGE_TAKEN;
}

COLD bool ashlar_ranges_containing(const struct ashlar_ranges *r, ashlar_vpn vpn, struct ashlar_range_info *info)
{
    struct ashlar_range_info one;
    uint32_t fresh = atomic_load_u32(&r->fresh);
    for (uint32_t index = RANGE_END; index < fresh; index = descriptor_after(index)) {
        if (ashlar_ranges_by_index(r, index, &one) && vpn - one.first < one.pages) {
            *info = one;
            return true;
        }
    }
    return false;
}
