/* SPDX-License-Identifier: 0BSD */
/* kinds.h - what a range is for: its note in the arena, and the guards that come with it.
 *
 * The tag of a range is its name. Inline, as every take and give asks.
 */
#ifndef ASHLAR_KVA_KINDS_H
#define ASHLAR_KVA_KINDS_H

#include "kva/ranges.h"

enum range_kind { RANGE_RESERVED = 1, RANGE_PAGES, RANGE_STACK, RANGE_DEVICE, RANGE_DEMAND, RANGE_LARGE };

#define RANGE_KIND_MASK 0x3fu
#define RANGE_KEPT 0x40u  /* in a magazine: the tag is the next one's index */
#define RANGE_GIVEN 0x80u /* given back; while it waits for a purge the tag is the next one's index */

/* Guard pages of a kind, by the kind. */
struct range_row {
    const char *text;
    uint8_t guards_below;
    uint8_t guards_above;
};
extern const struct range_row ashlar_range_rows[];

/* By a range's note. */
const char *ashlar_range_kind_text(uint32_t note);

static inline bool ashlar_range_is(const struct ashlar_range_info *range, enum range_kind kind)
{
    return (range->note & RANGE_KIND_MASK) == (uint32_t)kind;
}

static inline size_t ashlar_range_guards_below(uint32_t note)
{
    return ashlar_range_rows[note & RANGE_KIND_MASK].guards_below;
}

static inline size_t ashlar_range_guards_above(uint32_t note)
{
    return ashlar_range_rows[note & RANGE_KIND_MASK].guards_above;
}

/* The pages proper, without guards. */
static inline size_t ashlar_range_pages(const struct ashlar_range_info *range)
{
    return range->pages - ashlar_range_guards_below(range->note) - ashlar_range_guards_above(range->note);
}

static inline ashlar_vpn ashlar_range_first(const struct ashlar_range_info *range)
{
    return range->first + ashlar_range_guards_below(range->note);
}

#endif
