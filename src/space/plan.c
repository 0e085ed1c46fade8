/* SPDX-License-Identifier: 0BSD */
/* plan.c - what a change of a range will need, looked at before anything is changed.
 *
 * Each entry that decides about the range is looked at: does it fit the intent,
 * how many tables can it need, is it a large page that the range covers only in
 * part? Such a page is split: exchanged for identical small ones.
 *
 * Cost: O(entries of level 1, and entries above them).
 */
#include "space/plan.h"

#include "arch/entry_runs.h"
#include "base/bits.h"
#include "base/check.h"
#include "tables/reach.h"
#include "tables/tables.h"

COLD unsigned ashlar_level_for(const struct ashlar_paging *paging, ashlar_vpn page, ashlar_pfn frame, size_t pages,
                               unsigned limit)
{
    unsigned level = limit;
    while (level > 1) {
        size_t whole = (size_t)1 << ashlar_entry_shift(paging, level);
        if (pages >= whole && ((page | frame) & (whole - 1u)) == 0) {
            break;
        }
        level--;
    }
    return level;
}

COLD bool ashlar_large_is_allowed(unsigned flags)
{
    return (flags & ASHLAR_MAP_EXEC) == 0 && (ashlar_half.options.features & ASHLAR_FEATURE_ONE_PAGE_SIZE) == 0;
}

COLD unsigned ashlar_large_level(ashlar_vpn first, ashlar_pfn frame, unsigned flags)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned level = ashlar_paging_large_level(paging, ashlar_half.options.features);
    if ((flags & ASHLAR_MAP_LARGE) == 0 || !ashlar_large_is_allowed(flags)) {
        return 1;
    }
    while (level > 1 && ((first ^ frame) & (((size_t)1 << ashlar_entry_shift(paging, level)) - 1u)) != 0) {
        level--;
    }
    return level;
}

struct ashlar_spot *ashlar_cursor_find(struct ashlar_cursor *cursor, ashlar_vpn page)
{
    ashlar_spot_close(&cursor->spot);
    ashlar_spot_find(cursor->space, page, 1, &cursor->spot);
    cursor->spot_page = page;
    return &cursor->spot;
}

/* Tables below an empty entry of this level that mapping so many pages from page on needs: at each level those spanned,
 * less those whose whole extent is one large page. */
COLD static size_t missing_tables(unsigned level, ashlar_vpn page, size_t pages, unsigned large_level)
{
    size_t tables = 0;
    for (unsigned below = level - 1u; below != 0; below--) {
        unsigned shift = ashlar_entry_shift(ashlar_half.paging, below + 1u);
        ashlar_vpn first_whole = (page + (((size_t)1 << shift) - 1u)) >> shift;
        ashlar_vpn end_whole = (page + pages) >> shift;
        tables += ((page + pages - 1u) >> shift) - (page >> shift) + 1u;
        if (below < large_level && end_whole > first_whole) {
            tables -= end_whole - first_whole;
        }
    }
    return tables;
}

/* What one entry, or the run of level-1 entries from it on, means for a cursor that maps. */
static inline __attribute__((always_inline)) ashlar_status plan_map_at(const struct ashlar_spot *spot, ashlar_vpn page,
                                                                       size_t pages, unsigned large_level,
                                                                       struct plan *plan)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    if (spot->level == 1) {
        unsigned count = (unsigned)pages;
        return ashlar_run_first_nonempty(paging, spot->table, spot->index, count) == count ? ASHLAR_OK : ASHLAR_EXISTS;
    }
    if (spot->entry != 0) {
        return ASHLAR_EXISTS;
    }
    plan->tables += missing_tables(spot->level, page, pages, large_level);
    return ASHLAR_OK;
}

COLD bool ashlar_plan_cuts(const struct ashlar_cursor *cursor, const struct ashlar_spot *spot, ashlar_vpn page)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(ashlar_half.paging, spot->level);
    ashlar_vpn start = round_down(page, whole);
    return spot->level != 1 && (start < cursor->next || start + whole > cursor->next + cursor->pages);
}

/* A split at both edges takes a table for each level below, twice at most; none where one is kept for it. */
static inline __attribute__((always_inline)) ashlar_status plan_change_at(const struct ashlar_cursor *cursor,
                                                                          const struct ashlar_spot *spot,
                                                                          ashlar_vpn page, size_t pages,
                                                                          unsigned large_level, struct plan *plan)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    if (spot->level == 1) {
        unsigned count = (unsigned)pages;
        return ashlar_run_first_absent(paging, spot->table, spot->index, count) == count ? ASHLAR_OK : ASHLAR_ABSENT;
    }
    if (!ashlar_entry_is_present(spot->entry)) {
        return ASHLAR_ABSENT;
    }
    if (large_level == 0) {
        return ASHLAR_REFUSED;
    }
    if (ashlar_plan_cuts(cursor, spot, page)) {
        plan->splits++;
        plan->tables += ashlar_spot_is_deposited(spot) ? 0 : 2u * (spot->level - 1u);
    }
    return ASHLAR_OK;
}

/* A step ends where another entry decides, so each begins by finding it. */
static inline ashlar_status plan_step(struct ashlar_cursor *cursor, ashlar_vpn *page, size_t *left,
                                      ashlar_intent intent, unsigned large_level, struct plan *plan)
{
    const struct ashlar_spot *spot = ashlar_cursor_find(cursor, *page);
    size_t step = ashlar_spot_pages(spot, *page, *left);
    ashlar_status status = intent == ASHLAR_INTENT_MAP ? plan_map_at(spot, *page, step, large_level, plan)
                                                       : plan_change_at(cursor, spot, *page, step, large_level, plan);
    *page += step;
    *left -= step;
    return status;
}

COLD ashlar_status ashlar_plan_step(struct ashlar_cursor *cursor, ashlar_vpn *page, size_t *left, ashlar_intent intent,
                                    unsigned large_level, struct plan *plan)
{
    return plan_step(cursor, page, left, intent, large_level, plan);
}

ashlar_status ashlar_plan_range(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level,
                                struct plan *plan)
{
    ashlar_vpn page = cursor->next;
    size_t left = cursor->pages;
    ashlar_status status = ASHLAR_OK;
    while (left != 0 && status == ASHLAR_OK) {
        status = plan_step(cursor, &page, &left, intent, large_level, plan);
    }
    return status;
}

/* --- edges -------------------------------------------------------------------- */

COLD static void plan_edge(struct ashlar_cursor *cursor, ashlar_vpn page, struct plan *plan)
{
    const struct ashlar_spot *spot = ashlar_cursor_seek(cursor, page);
    if (ashlar_entry_is_present(spot->entry)) {
        (void)plan_change_at(cursor, spot, page, 1, 1, plan);
    }
}

COLD void ashlar_plan_edges(struct ashlar_cursor *cursor, struct plan *plan)
{
    plan_edge(cursor, cursor->next, plan);
    plan_edge(cursor, cursor->next + cursor->pages - 1u, plan);
}

COLD static void split_edge(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_gather *gather)
{
    for (;;) {
        struct ashlar_spot *spot = ashlar_cursor_seek(cursor, page);
        if (!ashlar_entry_is_present(spot->entry) || !ashlar_plan_cuts(cursor, spot, page)) {
            return;
        }
        ashlar_tables_split(cursor, page, spot, gather);
        ashlar_spot_close(spot);
    }
}

COLD void ashlar_plan_split(struct ashlar_cursor *cursor, struct ashlar_gather *gather)
{
    split_edge(cursor, cursor->next, gather);
    split_edge(cursor, cursor->next + cursor->pages - 1u, gather);
}
