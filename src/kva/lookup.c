/* SPDX-License-Identifier: 0BSD */
/* lookup.c - ranges that somebody names without a search through the hash.
 *
 * An index is all that a guard's entry or a chain of ranges keeps. Any number
 * may be asked for: descriptors below `fresh` have a state, and say themselves
 * whether they are a taken range.
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
    descriptor_at(r, index)->note = note;
    descriptor_at(r, index)->tag = tag;
}

COLD bool ashlar_ranges_by_index(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    bool taken = descriptor_is(r, index, RANGE_TAKEN);
    if (taken) {
        describe_range(r, index, info);
    }
    return taken;
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
