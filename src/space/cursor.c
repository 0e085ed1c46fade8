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
#include "base/contexts.h"
#include "base/lock.h"
#include "frames/obtain.h"
#include "space/plan.h"
#include "tables/changer.h"
#include "tables/growth.h"
#include "tables/half.h"
#include "tables/policy.h"
#include "tables/reach.h"
#include "tables/tables.h"

/* --- begin ------------------------------------------------------------------- */

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

static ashlar_status prepare_cursor(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level,
                                    struct ashlar_gather *gather)
{
    struct plan plan = {0, 0};
    if (intent == ASHLAR_INTENT_COLLECT) {
        return ASHLAR_OK;
    }
    ashlar_status status = ashlar_plan_range(cursor, intent, large_level, &plan);
    if (status != ASHLAR_OK || (plan.tables | plan.splits) == 0) {
        return status;
    }
    status = ashlar_tables_reserve(cursor, plan.tables);
    if (status == ASHLAR_OK && plan.splits != 0) {
        ashlar_plan_split(cursor, gather);
    }
    return status;
}

static inline void place_cursor(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                size_t pages)
{
    cursor->space = space;
    cursor->next = first;
    cursor->pages = pages;
    cursor->is_changer = 0;
    cursor->spares = ASHLAR_PFN_NONE;
    cursor->spare_count = 0;
    cursor->spot.table = NULL;
    cursor->spot.window = 0;
}

void ashlar_cursor_place(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    place_cursor(cursor, space, first, pages);
}

void ashlar_cursor_resume(struct ashlar_cursor *cursor)
{
    enter_half(cursor);
}

void ashlar_cursor_pause(struct ashlar_cursor *cursor)
{
    ashlar_spot_close(&cursor->spot);
    leave_half(cursor);
}

void ashlar_cursor_enter(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    place_cursor(cursor, space, first, pages);
    enter_half(cursor);
}

/* Open, with all that the change needs; or let go of everything. */
static ashlar_status open_cursor(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level)
{
    for (;;) {
        struct ashlar_gather gather;
        ashlar_gather_init(&gather, cursor->space);
        enter_half(cursor);
        ashlar_status status = prepare_cursor(cursor, intent, large_level, &gather);
        if (status == ASHLAR_OK && gather.runs == 0) {
            return ASHLAR_OK;
        }
        ashlar_cursor_pause(cursor);
        ashlar_tables_release(cursor);
        if (status != ASHLAR_OK) {
            return status;
        }
        ashlar_gather_finish(&gather); /* split pages, forgotten as large ones; planned again: the half was open */
    }
}

ashlar_status ashlar_cursor_try(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                size_t pages, ashlar_intent intent, unsigned large_level)
{
    ashlar_status status = ashlar_range_status(space, first, pages);
    if (status == ASHLAR_OK && BUILT_GROWTH && space == NULL && intent == ASHLAR_INTENT_MAP &&
        ashlar_half.sharing->step != SHARING_ALL) {
        status = ashlar_kernel_grow(first, pages);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    place_cursor(cursor, space, first, pages);
    return open_cursor(cursor, intent, large_level);
}

/* The token is not held while somebody is asked for relief, who may want it. */
COLD static ashlar_status begin_as_changer(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                           size_t pages, ashlar_intent intent)
{
    ashlar_status status = ashlar_changer_take(space);
    if (status != ASHLAR_OK) {
        return status;
    }
    space->cursors++;
    status = ashlar_cursor_try(cursor, space, first, pages, intent, 1);
    if (status != ASHLAR_OK) {
        ashlar_changer_give(space);
    }
    cursor->is_changer = status == ASHLAR_OK;
    return status;
}

ashlar_status ashlar_cursor_begin(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                  size_t pages, ashlar_intent intent)
{
    CONTEXTS(yes, yes, yes, no, no);
    ashlar_status status;
    if (space == NULL) {
        return ashlar_cursor_open(cursor, NULL, first, pages, intent, 1);
    }
    if (pages > ASHLAR_CURSOR_PAGES) {
        return ASHLAR_BAD_ARGUMENT;
    }
    FRAMES_OBTAIN(ashlar_half.pool, status, begin_as_changer(cursor, space, first, pages, intent));
    return status;
}

void ashlar_cursor_end(struct ashlar_cursor *cursor)
{
    CONTEXTS(yes, yes, yes, no, no);
    ashlar_spot_close(&cursor->spot);
    if (cursor->space == NULL && cursor->spare_count == 0) {
        ashlar_port_unpin(); /* as most of them end */
        return;
    }
    leave_half(cursor);
    ashlar_tables_release(cursor);
    if (cursor->is_changer) {
        ashlar_changer_give(cursor->space);
    }
}

/* --- steps --------------------------------------------------------------------- */

ASHLAR_NORETURN COLD static void refuse_pages(const struct ashlar_cursor *cursor, size_t pages, const void *caller)
{
    ashlar_panic("space: a cursor with %zu pages left is asked for %zu, or for a part of a large page, at %p, by %p",
                 cursor->pages, pages, (void *)ashlar_page_address(cursor->next), caller);
}

/* What a caller asks for is within what it began. */
#define CHECK_PAGES(cursor, count)                                                                                     \
    do {                                                                                                               \
        if (__builtin_expect((count) > (cursor)->pages, 0)) {                                                          \
            refuse_pages((cursor), (count), ASHLAR_CALLER());                                                          \
        }                                                                                                              \
    } while (0)

/* A large page changes as a whole, or was split by begin. pages: what the caller asks for. Returns its pages. */
COLD static size_t check_large_page(const struct ashlar_cursor *cursor, const struct ashlar_spot *spot, size_t pages)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(ashlar_half.paging, spot->level);
    if (spot->entry != 0 && ((cursor->next & (whole - 1u)) != 0 || whole > pages)) {
        refuse_pages(cursor, pages, ASHLAR_CALLER());
    }
    return whole;
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
    while (ashlar_cursor_seek(cursor, cursor->next)->level > level) {
        ashlar_tables_link(cursor, cursor->next, &cursor->spot);
        ashlar_spot_close(&cursor->spot);
    }
    return &cursor->spot;
}

/* The kernel half's are global. */
static uint64_t bits_of_leaf(const struct ashlar_cursor *cursor, unsigned level, unsigned flags)
{
    flags |= cursor->space != NULL ? 0u : ASHLAR_MAP_GLOBAL;
    return level == 1 ? ashlar_half.leaf_bits[flags & LEAF_FLAGS]
                      : ashlar_entry_page_bits(ashlar_half.paging, ashlar_half.options.features, level, flags);
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
    CONTEXTS(yes, yes, yes, no, no);
    uint64_t bits = bits_of_leaf(cursor, 1, flags);
    CHECK_PAGES(cursor, pages);
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

COLD void ashlar_cursor_map_linear(struct ashlar_cursor *cursor, ashlar_pfn first, size_t pages, unsigned flags)
{
    CONTEXTS(yes, yes, yes, no, no);
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned large_level = ashlar_large_level(cursor->next, first, flags);
    CHECK_PAGES(cursor, pages);
    while (pages != 0) {
        unsigned found = ashlar_cursor_seek(cursor, cursor->next)->level;
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

/* Pages of the next step: of one table, at most limit; or of a large page or a hole, which the caller has checked. */
static size_t next_step(const struct ashlar_cursor *cursor, const struct ashlar_spot *spot, size_t limit)
{
    return ashlar_spot_pages(spot, cursor->next, spot->level == 1 && limit < cursor->pages ? limit : cursor->pages);
}

/* Of entries of level 1, or of the one above it. */
static unsigned step_entries(const struct ashlar_spot *spot, size_t step)
{
    return spot->level == 1 ? (unsigned)step : 1u;
}

/* Hidden pages are not mapped any more, whoever collects them. Returns how many were. */
static inline __attribute__((always_inline)) size_t hide_entries(const struct ashlar_cursor *cursor,
                                                                 const struct ashlar_spot *spot, size_t step)
{
    size_t entries = ashlar_run_hide(ashlar_half.paging, spot->table, spot->index, step_entries(spot, step));
    size_t hidden = spot->level == 1 ? entries : entries * step;
    count_mapped(cursor, 0, hidden);
    return hidden;
}

size_t ashlar_cursor_hide(struct ashlar_cursor *cursor, size_t pages, struct ashlar_gather *gather)
{
    CONTEXTS(yes, yes, yes, no, no);
    size_t hidden = 0;
    CHECK_PAGES(cursor, pages);
    while (pages != 0) {
        struct ashlar_spot *spot = ashlar_cursor_seek(cursor, cursor->next);
        size_t step = ashlar_spot_pages(spot, cursor->next, pages);
        if (spot->level != 1) {
            (void)check_large_page(cursor, spot, pages);
        }
        hidden += hide_entries(cursor, spot, step);
        ashlar_gather_add(gather, cursor->next, step);
        advance_cursor(cursor, step);
        pages -= step;
    }
    return hidden;
}

COLD void ashlar_cursor_hide_step(struct ashlar_cursor *cursor, size_t limit, struct ashlar_gather *gather)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    struct ashlar_spot *spot = ashlar_cursor_seek(cursor, cursor->next);
    size_t step = next_step(cursor, spot, limit);
    unsigned entries = step_entries(spot, step);
    bool is_part = spot->level != 1 && ashlar_plan_cuts(cursor, spot, cursor->next);
    if (!is_part && ashlar_run_first_nonempty(paging, spot->table, spot->index, entries) != entries) {
        (void)hide_entries(cursor, spot, step);
        ashlar_gather_add(gather, cursor->next, step);
    }
    advance_cursor(cursor, step);
}

COLD size_t ashlar_cursor_protect_step(struct ashlar_cursor *cursor, size_t limit, unsigned flags,
                                       struct ashlar_gather *gather)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    struct ashlar_spot *spot = ashlar_cursor_seek(cursor, cursor->next);
    size_t step = next_step(cursor, spot, limit);
    uint64_t mask =
        cursor->space != NULL ? ashlar_entry_user_permission_bits(paging) : ashlar_entry_permission_bits(paging);
    uint64_t set = bits_of_leaf(cursor, spot->level, flags) & mask;
    ashlar_run_change(paging, spot->table, spot->index, step_entries(spot, step), mask & ~set, set);
    ashlar_gather_add(gather, cursor->next, step);
    advance_cursor(cursor, step);
    return step;
}

COLD void ashlar_cursor_protect(struct ashlar_cursor *cursor, size_t pages, unsigned flags,
                                struct ashlar_gather *gather)
{
    CONTEXTS(yes, yes, yes, no, no);
    CHECK_PAGES(cursor, pages);
    while (pages != 0) {
        const struct ashlar_spot *spot = ashlar_cursor_seek(cursor, cursor->next);
        if (spot->level != 1) {
            (void)check_large_page(cursor, spot, pages);
        }
        pages -= ashlar_cursor_protect_step(cursor, pages, flags, gather);
    }
}

/* A large page gives its frames as the block that they are. */
COLD static void collect_large_page(struct ashlar_cursor *cursor, struct ashlar_spot *spot, size_t limit,
                                    struct collected *out)
{
    if (ashlar_plan_cuts(cursor, spot, cursor->next)) {
        return;
    }
    size_t whole = check_large_page(cursor, spot, limit);
    if (ashlar_run_collect(ashlar_half.paging, spot->table, spot->index, 1, &out->large_first) != 0) {
        out->large_pages = whole;
        out->large_first &= ~(ashlar_pfn)(whole - 1u); /* its caching type may have left a bit */
        if (ashlar_spot_is_deposited(spot)) {
            ashlar_tables_give_deposit();
        }
    }
}

size_t ashlar_cursor_collect_step(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t room, size_t limit,
                                  struct collected *out)
{
    struct ashlar_spot *spot = ashlar_cursor_seek(cursor, cursor->next);
    size_t step = ashlar_spot_pages(spot, cursor->next, spot->level == 1 && room < limit ? room : limit);
    *out = (struct collected){0, 0, 0};
    if (spot->level == 1) {
        out->frames = ashlar_run_collect(ashlar_half.paging, spot->table, spot->index, (unsigned)step, frames);
    } else {
        collect_large_page(cursor, spot, limit, out);
    }
    for (size_t i = 0; ASHLAR_DEBUG && i < out->frames; i++) {
        note_each_frame(frames[i], 1, ashlar_frames_note_unmapped);
    }
    if (ASHLAR_DEBUG) {
        note_each_frame(out->large_first, out->large_pages, ashlar_frames_note_unmapped);
    }
    advance_cursor(cursor, step);
    return step;
}

size_t ashlar_cursor_collect(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t pages)
{
    CONTEXTS(yes, yes, yes, no, no);
    size_t count = 0;
    CHECK_PAGES(cursor, pages);
    while (pages != 0) {
        struct collected found;
        pages -= ashlar_cursor_collect_step(cursor, frames + count, pages, pages, &found);
        count += found.frames;
        for (size_t i = 0; i < found.large_pages; i++) {
            frames[count++] = found.large_first + i;
        }
    }
    return count;
}
