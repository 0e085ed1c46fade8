/* SPDX-License-Identifier: 0BSD */
/* plan.h - what a change of a range will need, looked at before anything is changed. Inline is what each change of a mapping
 * asks first. */
#ifndef ASHLAR_SPACE_PLAN_H
#define ASHLAR_SPACE_PLAN_H

#include "tables/half.h"
#include <stdbool.h>

/* What begin has to get and to do. */
struct plan {
    size_t tables;
    size_t splits; /* at least one, if not 0 */
};

/* May pages of this space be there at all? ASHLAR_BAD_ARGUMENT, ASHLAR_REFUSED. */
static inline ashlar_status ashlar_range_status(const struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    if (!ashlar_paging_range_is_valid(ashlar_half.paging, first, pages)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (space == NULL) {
        return first >= layout->kernel_first ? ASHLAR_OK : ASHLAR_REFUSED;
    }
    return first - layout->user_first < layout->user_pages && pages <= ashlar_user_end() - first ? ASHLAR_OK
                                                                                                 : ASHLAR_REFUSED;
}

/* The highest level, up to limit, at which one entry can map from here on. */
unsigned ashlar_level_for(const struct ashlar_paging *paging, ashlar_vpn page, ashlar_pfn frame, size_t pages,
                          unsigned limit);
/* May pages with these flags be large? Not where a split, or a page of two sizes, would not be safe (tables.c). */
bool ashlar_large_is_allowed(unsigned flags);
/* The highest level of page with which these frames can be mapped there. In the kernel half it may be the root's: but its
 * entries there are tables, made before anything is mapped, and where a table is the pages are smaller. */
unsigned ashlar_large_level(ashlar_vpn first, ashlar_pfn frame, unsigned flags);

/* The table that decides about this page, opened. */
struct ashlar_spot *ashlar_cursor_find(struct ashlar_cursor *cursor, ashlar_vpn page);

/* The cursor's open table, moved on to this page; found anew where another decides. */
static inline struct ashlar_spot *ashlar_cursor_seek(struct ashlar_cursor *cursor, ashlar_vpn page)
{
    struct ashlar_spot *spot = &cursor->spot;
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, 2);
    if (spot->table == NULL || spot->level != 1 || (page ^ cursor->spot_page) >> shift != 0) {
        return ashlar_cursor_find(cursor, page);
    }
    spot->index = (unsigned)(page & (((size_t)1 << shift) - 1u));
    return spot;
}

/* Does the cursor's range cover only a part of the large page at this spot? */
bool ashlar_plan_cuts(const struct ashlar_cursor *cursor, const struct ashlar_spot *spot, ashlar_vpn page);

/* Does what one table or entry says, from this page on, fit the intent, and what can it need? Adds that, and passes these
 * pages. The spot stays open. */
ashlar_status ashlar_plan_step(struct ashlar_cursor *cursor, ashlar_vpn *page, size_t *left, ashlar_intent intent,
                               unsigned large_level, struct plan *plan);
/* The same of the whole range. */
ashlar_status ashlar_plan_range(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level,
                                struct plan *plan);
/* Of its two edges alone, whatever else is there or not: pages that will be split. */
void ashlar_plan_edges(struct ashlar_cursor *cursor, struct plan *plan);

/* Split the large pages at the edges of the range, down to where the edges lie. Planned and reserved: nothing fails. */
void ashlar_plan_split(struct ashlar_cursor *cursor, struct ashlar_gather *gather);

#endif
