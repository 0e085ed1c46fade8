/* SPDX-License-Identifier: 0BSD */
/* cursor.c - a transaction over a range of pages.
 *
 * begin looks at every entry that decides about the range, refuses what does
 * not fit the intent, and reserves each table that the change can need. After
 * that nothing fails. The work itself is done in runs over one table, so that
 * format and width are decided once a run and not once an entry.
 *
 * There is no array of frames: *absent entries are the journal*. Unmapping is
 *
 *     begin(CHANGE)  hide ... end    entries are absent, the frame numbers stay
 *     finish the gather              every TLB has let go
 *     begin(COLLECT) collect ... end frame numbers out, entries empty
 *
 * so one flush serves any length, and a range in between cannot be mapped again.
 *
 * A large page that the range covers only in part is split by begin: exchanged
 * for identical small ones, flushed, and looked at again. The table for that is
 * reserved as well, if none was put aside for this page when it was made.
 *
 * Locking: a cursor on a user space holds that space's lock from begin to end.
 * In the kernel half the holder of a range is alone with its entries, and only
 * linking a table takes a lock; the cursor keeps its CPU.
 */
#include "space/cursor.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "frames/obtain.h"
#include "space/growth.h"
#include "space/half.h"
#include "space/policy.h"
#include "space/reach.h"
#include "space/tables.h"

/* --- begin ------------------------------------------------------------------- */

static ashlar_status range_status(const struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    if (!ashlar_paging_range_is_valid(ashlar_half.paging, first, pages)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (space == NULL) {
        return first >= layout->kernel_first ? ASHLAR_OK : ASHLAR_REFUSED;
    }
    return first + pages - 1u < ashlar_user_pages() ? ASHLAR_OK : ASHLAR_REFUSED;
}

static void enter_half(struct ashlar_cursor *cursor)
{
    if (cursor->space != NULL) {
        cursor->interrupts = ashlar_lock_take(&cursor->space->lock);
    } else {
        ashlar_port_pin();
    }
}

static void leave_half(struct ashlar_cursor *cursor)
{
    if (cursor->space != NULL) {
        ashlar_lock_give(&cursor->space->lock, cursor->interrupts);
    } else {
        ashlar_port_unpin();
    }
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

/* What begin has to get and to do. */
struct plan {
    size_t tables;
    size_t splits; /* at least one, if not 0 */
};

/* What one entry, or the run of level-1 entries from it on, means for a cursor that maps. */
static ashlar_status plan_map_at(const struct ashlar_spot *spot, ashlar_vpn page, size_t pages, unsigned large_level,
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

/* Does the cursor's range cover only a part of the large page at this spot? */
COLD static bool cuts_large_page(const struct ashlar_cursor *cursor, const struct ashlar_spot *spot, ashlar_vpn page)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(ashlar_half.paging, spot->level);
    ashlar_vpn start = round_down(page, whole);
    return spot->level != 1 && (start < cursor->next || start + whole > cursor->next + cursor->pages);
}

/* A split at both edges takes a table for each level below, twice at most; none where one is kept for it. */
static ashlar_status plan_change_at(const struct ashlar_cursor *cursor, const struct ashlar_spot *spot, ashlar_vpn page,
                                    size_t pages, unsigned large_level, struct plan *plan)
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
    if (cuts_large_page(cursor, spot, page)) {
        plan->splits++;
        plan->tables += ashlar_spot_is_deposited(spot) ? 0 : 2u * (spot->level - 1u);
    }
    return ASHLAR_OK;
}

/* The open table, moved on to the cursor's next page; found anew where another decides. */
static struct ashlar_spot *seek_spot(struct ashlar_cursor *cursor, ashlar_vpn page)
{
    struct ashlar_spot *spot = &cursor->spot;
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, 2);
    if (spot->table != NULL && spot->level == 1 && (page ^ cursor->spot_page) >> shift == 0) {
        spot->index = (unsigned)(page & (((size_t)1 << shift) - 1u));
        return spot;
    }
    ashlar_spot_close(spot);
    ashlar_spot_find(cursor->space, page, 1, spot);
    cursor->spot_page = page;
    return spot;
}

/* Look at the whole range: does it fit the intent, and what can it need? */
static ashlar_status plan_range(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level,
                                struct plan *plan)
{
    ashlar_vpn page = cursor->next;
    size_t left = cursor->pages;
    ashlar_status status = ASHLAR_OK;
    while (left != 0 && status == ASHLAR_OK) {
        const struct ashlar_spot *spot = seek_spot(cursor, page);
        size_t step = ashlar_spot_pages(spot, page, left);
        status = intent == ASHLAR_INTENT_MAP ? plan_map_at(spot, page, step, large_level, plan)
                                             : plan_change_at(cursor, spot, page, step, large_level, plan);
        page += step;
        left -= step;
    }
    return status;
}

/* Split the large page at this edge of the range, down to where the edge lies. Reserved beforehand: nothing fails. */
COLD static void split_edge(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_gather *gather)
{
    while (cuts_large_page(cursor, seek_spot(cursor, page), page)) {
        ashlar_tables_split(cursor, page, &cursor->spot, gather);
        ashlar_spot_close(&cursor->spot);
    }
}

static ashlar_status prepare_cursor(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level,
                                    struct ashlar_gather *gather)
{
    struct plan plan = {0, 0};
    if (intent == ASHLAR_INTENT_COLLECT) {
        return ASHLAR_OK;
    }
    ashlar_status status = plan_range(cursor, intent, large_level, &plan);
    if (status != ASHLAR_OK || (plan.tables | plan.splits) == 0) {
        return status;
    }
    status = ashlar_tables_reserve(cursor, plan.tables);
    if (status == ASHLAR_OK && plan.splits != 0) {
        split_edge(cursor, cursor->next, gather);
        split_edge(cursor, cursor->next + cursor->pages - 1u, gather);
        ashlar_tables_release(cursor);
    }
    return status;
}

static inline void place_cursor(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                size_t pages)
{
    cursor->space = space;
    cursor->next = first;
    cursor->pages = pages;
    cursor->spares = ASHLAR_PFN_NONE;
    cursor->spare_count = 0;
    cursor->spot.table = NULL;
    cursor->spot.window = 0;
}

void ashlar_cursor_enter(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    place_cursor(cursor, space, first, pages);
    enter_half(cursor);
}

ashlar_status ashlar_cursor_try(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                size_t pages, ashlar_intent intent, unsigned large_level)
{
    ashlar_status status = range_status(space, first, pages);
    if (status == ASHLAR_OK && BUILT_GROWTH && space == NULL && intent == ASHLAR_INTENT_MAP &&
        ashlar_half.sharing->step != SHARING_ALL) {
        status = ashlar_kernel_grow(first, pages);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    place_cursor(cursor, space, first, pages);
    for (;;) {
        struct ashlar_gather gather;
        ashlar_gather_init(&gather, space);
        enter_half(cursor);
        status = prepare_cursor(cursor, intent, large_level, &gather);
        if (status == ASHLAR_OK && gather.runs == 0) {
            return ASHLAR_OK;
        }
        ashlar_spot_close(&cursor->spot);
        leave_half(cursor);
        if (status != ASHLAR_OK) {
            return status;
        }
        ashlar_gather_finish(&gather); /* split pages, forgotten as large ones; plan_range again: the lock was open */
    }
}

ashlar_status ashlar_cursor_open(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                 size_t pages, ashlar_intent intent, unsigned large_level)
{
    ashlar_status status;
    FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_cursor_try(cursor, space, first, pages, intent, large_level));
    return status;
}

ashlar_status ashlar_cursor_begin(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                  size_t pages, ashlar_intent intent)
{
    return ashlar_cursor_open(cursor, space, first, pages, intent, 1);
}

void ashlar_cursor_end(struct ashlar_cursor *cursor)
{
    ashlar_spot_close(&cursor->spot);
    ashlar_tables_release(cursor);
    leave_half(cursor);
}

/* --- map ---------------------------------------------------------------------- */

static void count_mapped(const struct ashlar_cursor *cursor, size_t more, size_t fewer)
{
    if (cursor->space != NULL) {
        cursor->space->mapped_pages += more - fewer;
    }
}

static void advance_cursor(struct ashlar_cursor *cursor, size_t pages)
{
    ASHLAR_ASSERT(pages <= cursor->pages);
    cursor->next += pages;
    cursor->pages -= pages;
}

/* The spot of the next page at this level or below, tables linked down to it. */
static struct ashlar_spot *seek_linked_spot(struct ashlar_cursor *cursor, unsigned level)
{
    while (seek_spot(cursor, cursor->next)->level > level) {
        ashlar_tables_link(cursor, cursor->next, &cursor->spot);
        ashlar_spot_close(&cursor->spot);
    }
    return &cursor->spot;
}

static uint64_t bits_of_leaf(const struct ashlar_cursor *cursor, unsigned level, unsigned flags)
{
    unsigned whose = cursor->space != NULL ? ASHLAR_MAP_USER : ASHLAR_MAP_GLOBAL;
    return level == 1 ? ashlar_half.leaf_bits[(flags | whose) & LEAF_FLAGS]
                      : ashlar_entry_leaf_bits(ashlar_half.paging, ashlar_half.options.features, level, flags | whose);
}

/* There is no pool yet while the kernel half is laid. */
static void note_each_frame(ashlar_pfn first, size_t frames, void (*note)(struct ashlar_frames *, ashlar_pfn))
{
    for (size_t i = 0; i < frames && ashlar_half.pool != NULL; i++) {
        note(ashlar_half.pool, first + i);
    }
}

void ashlar_cursor_map(struct ashlar_cursor *cursor, const ashlar_pfn *frames, size_t pages, unsigned flags)
{
    uint64_t bits = bits_of_leaf(cursor, 1, flags);
    while (pages != 0) {
        struct ashlar_spot *spot = seek_linked_spot(cursor, 1);
        size_t step = ashlar_spot_pages(spot, cursor->next, pages);
        ashlar_run_set(ashlar_half.paging, spot->table, spot->index, (unsigned)step, frames, bits);
        for (size_t i = 0; ASHLAR_DEBUG && i < step; i++) {
            note_each_frame(frames[i], 1, ashlar_frames_note_mapped);
        }
        count_mapped(cursor, step, 0);
        advance_cursor(cursor, step);
        frames += step;
        pages -= step;
    }
}

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

COLD void ashlar_cursor_map_linear(struct ashlar_cursor *cursor, ashlar_pfn first, size_t pages, unsigned flags)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned large_level = ashlar_large_level(cursor->next, first, flags);
    while (pages != 0) {
        unsigned found = seek_spot(cursor, cursor->next)->level;
        unsigned level =
            ashlar_level_for(paging, cursor->next, first, pages, found < large_level ? found : large_level);
        struct ashlar_spot *spot = seek_linked_spot(cursor, level);
        size_t step = ashlar_spot_pages(spot, cursor->next, pages);
        ashlar_run_set_linear(paging, spot->table, spot->index, spot->level == 1 ? (unsigned)step : 1u, first,
                              bits_of_leaf(cursor, level, flags));
        if (ASHLAR_DEBUG) {
            note_each_frame(first, step, ashlar_frames_note_mapped);
        }
        count_mapped(cursor, step, 0);
        advance_cursor(cursor, step);
        first += step;
        pages -= step;
    }
}

/* Its table, which begin reserved, is kept for the day it is split. */
COLD void ashlar_cursor_map_deposited(struct ashlar_cursor *cursor, ashlar_pfn first, unsigned flags)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    struct ashlar_spot *spot = seek_linked_spot(cursor, 2);
    size_t pages = (size_t)1 << ashlar_entry_shift(paging, 2);
    ashlar_tables_deposit(cursor);
    ashlar_run_set_linear(paging, spot->table, spot->index, 1, first,
                          bits_of_leaf(cursor, 2, flags) | ashlar_entry_deposit_bit(paging));
    if (ASHLAR_DEBUG) {
        note_each_frame(first, pages, ashlar_frames_note_mapped);
    }
    advance_cursor(cursor, pages);
}

COLD void ashlar_cursor_link(struct ashlar_cursor *cursor)
{
    while (cursor->pages != 0) {
        const struct ashlar_spot *spot = seek_linked_spot(cursor, 1);
        advance_cursor(cursor, ashlar_spot_pages(spot, cursor->next, cursor->pages));
    }
}

COLD void ashlar_cursor_note(struct ashlar_cursor *cursor, uintptr_t note)
{
    struct ashlar_spot *spot = seek_linked_spot(cursor, 1);
    ashlar_entry_note(ashlar_half.paging, spot->table, spot->index, note);
    advance_cursor(cursor, 1);
}

/* --- change -------------------------------------------------------------------- */

size_t ashlar_cursor_hide(struct ashlar_cursor *cursor, size_t pages, struct ashlar_gather *gather)
{
    size_t hidden = 0;
    while (pages != 0) {
        struct ashlar_spot *spot = seek_spot(cursor, cursor->next);
        size_t step = ashlar_spot_pages(spot, cursor->next, pages);
        if (spot->level == 1) {
            hidden += ashlar_run_hide(ashlar_half.paging, spot->table, spot->index, (unsigned)step);
        } else if (ashlar_run_hide(ashlar_half.paging, spot->table, spot->index, 1) != 0) {
            hidden += step;
        }
        ashlar_gather_add(gather, cursor->next, step);
        advance_cursor(cursor, step);
        pages -= step;
    }
    return hidden;
}

COLD void ashlar_cursor_protect(struct ashlar_cursor *cursor, size_t pages, unsigned flags,
                                struct ashlar_gather *gather)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    while (pages != 0) {
        struct ashlar_spot *spot = seek_spot(cursor, cursor->next);
        size_t step = ashlar_spot_pages(spot, cursor->next, pages);
        uint64_t set = bits_of_leaf(cursor, spot->level, flags) & ashlar_entry_permission_bits(paging);
        ashlar_run_change(paging, spot->table, spot->index, spot->level == 1 ? (unsigned)step : 1u,
                          ashlar_entry_permission_bits(paging) & ~set, set);
        ashlar_gather_add(gather, cursor->next, step);
        advance_cursor(cursor, step);
        pages -= step;
    }
}

size_t ashlar_cursor_collect_step(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t pages, struct collected *out)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    struct ashlar_spot *spot = seek_spot(cursor, cursor->next);
    size_t step = ashlar_spot_pages(spot, cursor->next, cursor->pages);
    out->large_pages = 0;
    out->frames = 0;
    if (spot->level == 1) {
        step = step < pages ? step : pages;
        out->frames = ashlar_run_collect(paging, spot->table, spot->index, (unsigned)step, frames);
    } else if (ashlar_run_collect(paging, spot->table, spot->index, 1, &out->large_first) != 0) {
        out->large_pages = step;
        if (ashlar_spot_is_deposited(spot)) {
            ashlar_tables_give_deposit();
        }
    }
    for (size_t i = 0; ASHLAR_DEBUG && i < out->frames; i++) {
        note_each_frame(frames[i], 1, ashlar_frames_note_unmapped);
    }
    if (ASHLAR_DEBUG) {
        note_each_frame(out->large_first, out->large_pages, ashlar_frames_note_unmapped);
    }
    count_mapped(cursor, 0, out->frames + out->large_pages);
    advance_cursor(cursor, step);
    return step;
}

size_t ashlar_cursor_collect(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t pages)
{
    size_t count = 0;
    while (pages != 0) {
        struct collected found;
        pages -= ashlar_cursor_collect_step(cursor, frames + count, pages, &found);
        count += found.frames;
        for (size_t i = 0; i < found.large_pages; i++) {
            frames[count++] = found.large_first + i;
        }
    }
    return count;
}
