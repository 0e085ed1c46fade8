/* SPDX-License-Identifier: 0BSD */
/* kinds.h - what a range is for: its note in the arena, and the guards that come with it.
 *
 * The tag of a range is its name, and while the note says so a link. Inline, as every take and give asks.
 */
#ifndef ASHLAR_KVA_KINDS_H
#define ASHLAR_KVA_KINDS_H

#include "kva/ranges.h"

enum range_kind { RANGE_RESERVED = 1, RANGE_PAGES, RANGE_STACK, RANGE_DEVICE, RANGE_DEMAND, RANGE_LARGE };

#define RANGE_KIND_MASK 0x3fu

/* Guard pages of a kind, by the kind. */
struct range_row {
    const char *text;
    uint8_t guards_below;
    uint8_t guards_above;
};
extern const struct range_row ashlar_range_rows[];

/* By a range's note. */
const char *ashlar_range_kind_text(uint32_t note);

/* False for a note that was read while the range changed hands. */
static inline bool ashlar_range_has_kind(const struct ashlar_range_info *range)
{
    return (range->note & RANGE_KIND_MASK) - 1u < (uint32_t)RANGE_LARGE;
}

static inline bool ashlar_range_is(const struct ashlar_range_info *range, enum range_kind kind)
{
    return (range->note & RANGE_KIND_MASK) == (uint32_t)kind;
}

/* A name's tag is its address. Those of a low image may be no larger than links: they count from the home's end on, where
 * user addresses are and so no names. */
extern uintptr_t ashlar_range_low_names; /* where they begin; 0 without a low image */
static inline uintptr_t ashlar_range_tag(const char *name)
{
    uintptr_t tag = (uintptr_t)name;
    return tag <= ASHLAR_RANGES_LINK_MAX ? tag + ashlar_range_low_names : tag;
}

/* For people; whatever stands there. */
const char *ashlar_range_name(const struct ashlar_range_info *range);

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
