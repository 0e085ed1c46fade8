/* SPDX-License-Identifier: 0BSD */
/* kinds.c - kinds of ranges, as data: names, and guard pages.
 *
 *     pages, device, demand:  [ page ... page ][guard]
 *     stack:           [guard][ page ... page ][guard]
 *                                             ^ top
 */
#include "kva/kinds.h"

#include "base/check.h"

const struct range_row ashlar_range_rows[] = {
    [RANGE_RESERVED] = {"reserved range", 0, 0},
    [RANGE_PAGES] = {"range of pages", 0, 1},
    [RANGE_STACK] = {"stack", 1, 1},
    [RANGE_DEVICE] = {"device mapping", 0, 1},
    [RANGE_DEMAND] = {"demand region", 0, 1},
    [RANGE_LARGE] = {"range of pages", 0, 1},
};

const char *ashlar_range_kind_text(uint32_t note)
{
    return ashlar_range_rows[note & RANGE_KIND_MASK].text;
}

uintptr_t ashlar_range_low_names;

COLD const char *ashlar_range_name(const struct ashlar_range_info *range)
{
    uintptr_t tag = range->tag;
    if (tag - ashlar_range_low_names <= ASHLAR_RANGES_LINK_MAX) {
        tag = ashlar_range_low_names != 0 ? tag - ashlar_range_low_names : 0;
    } else if (tag <= ASHLAR_RANGES_LINK_MAX) {
        tag = 0; /* a link, read in the middle of a change */
    }
    return tag != 0 ? (const char *)tag : "without a name";
}
