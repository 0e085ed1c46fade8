/* SPDX-License-Identifier: 0BSD */
/* pages.c - taking and giving ranges of pages, of whatever size.
 *
 * Giving back hides the pages and leaves the range to the next purge: one flush
 * serves many (purge.c).
 */
#include "base/check.h"
#include "base/contexts.h"
#include "kva/demand.h"
#include "kva/fill.h"
#include "kva/kva_large.h"
#include "kva/purge.h"
#include "space/plan.h"

/* As single ones, if there cannot be any large page. */
COLD static __attribute__((noinline)) ashlar_status take_in_large_pages(size_t pages, unsigned flags, const char *name,
                                                                        ashlar_vpn *first)
{
    size_t whole = ashlar_large_pages();
    return whole != 0 && pages >= whole && ashlar_large_is_allowed(flags)
               ? ashlar_large_take(pages, flags, name, first)
               : ashlar_range_take(RANGE_PAGES, pages, flags, name, first);
}

ashlar_status ashlar_kva_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    CONTEXTS(yes, yes, no, no, no);
    if ((flags & ASHLAR_MAP_LARGE) != 0) {
        return take_in_large_pages(pages, flags, name, first);
    }
    return ashlar_range_take(RANGE_PAGES, pages, flags, name, first);
}

/* Any but a few single pages. */
COLD static void give_other_range(ashlar_vpn first, const void *caller)
{
    const unsigned kinds = 1u << RANGE_PAGES | 1u << RANGE_DEMAND | 1u << RANGE_LARGE;
    struct ashlar_range_info range = ashlar_arena_claim(first, kinds, caller);
    uint32_t kind = range.note & RANGE_KIND_MASK;
    if (kind == (uint32_t)RANGE_DEMAND) {
        ashlar_demand_give(&range);
    } else {
        ashlar_range_check_missing(&range,
                                   kind == (uint32_t)RANGE_PAGES ? ashlar_purge_give(&range)
                                                                 : ashlar_large_give(&range),
                                   caller);
    }
}

void ashlar_kva_give(ashlar_vpn first)
{
    CONTEXTS(yes, yes, no, no, no);
    struct ashlar_range_info range;
    size_t missing;
    if (ashlar_purge_give_few(first, &range, &missing)) {
        ashlar_range_check_missing(&range, missing, ASHLAR_CALLER());
    } else {
        give_other_range(first, ASHLAR_CALLER());
    }
}
