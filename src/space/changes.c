/* SPDX-License-Identifier: 0BSD */
/* changes.c - changes of a user half, of any length, in bounded pieces.
 *
 * A gigabyte of small pages is 262,144 entries: too many for one hold of a lock
 * that keeps interrupts off. So a change goes in pieces, and the space's lock is
 * open between them. What keeps it whole is the changer's token, held from the
 * first look to the last entry: nobody else changes this half meanwhile, so what
 * was found stays true, and a call that fails has changed nothing. Only visitors
 * run without it.
 *
 *     token ── look ── reserve ── piece, piece, ... ── flush ── piece, ... ── prune ── token
 *              no lock            lock each            none     lock each     lock each
 *
 * Faults, queries and walks take no token; between two pieces they find a part
 * done. A piece is a large page, or PIECE_PAGES small ones at most. Frames go to
 * the pool, or to a visitor, while the lock is open.
 *
 * Cost: O(tables + entries of level 1), and a walk for each piece.
 */
#include "space/changes.h"

#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/token.h"
#include "base/wait.h"
#include "space/cursor.h"
#include "space/plan.h"
#include "tables/changer.h"
#include "tables/half.h"
#include "tables/reach.h"
#include "tables/tables.h"

#define USER_COLLECT_BATCH 32u
#define VISIT_BATCH 16u
#define VISIT_LOOKS 24u

/* --- around a change -------------------------------------------------------------- */

/* By the changer no lock is needed to look. */
COLD static ashlar_status look_at_range(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level,
                                        struct plan *plan)
{
    ashlar_vpn page = cursor->next;
    size_t left = cursor->pages;
    ashlar_status status = ASHLAR_OK;
    while (left != 0 && status == ASHLAR_OK) {
        ashlar_port_pin();
        if (intent == ASHLAR_INTENT_COLLECT) {
            ashlar_plan_edges(cursor, plan);
            left = 0;
        } else {
            status = ashlar_plan_step(cursor, &page, &left, intent, large_level, plan);
        }
        ashlar_spot_close(&cursor->spot);
        ashlar_port_unpin();
    }
    return status;
}

COLD static ashlar_status reserve_some_tables(struct ashlar_cursor *cursor, size_t tables)
{
    ashlar_status status = ASHLAR_OK;
    for (size_t wanted = 0; wanted < tables && status == ASHLAR_OK;) {
        wanted = tables - wanted < SPARES_BATCH ? tables : wanted + SPARES_BATCH;
        ashlar_port_pin();
        status = ashlar_tables_reserve(cursor, wanted);
        ashlar_port_unpin();
    }
    return status;
}

/* Split the large pages at the edges; the whole ones are forgotten before a part of one is changed. */
COLD static void split_edges(struct ashlar_cursor *cursor)
{
    struct ashlar_gather gather;
    ashlar_gather_init(&gather, cursor->space);
    ashlar_cursor_resume(cursor);
    ashlar_plan_split(cursor, &gather);
    ashlar_cursor_pause(cursor);
    ashlar_gather_finish(&gather);
    ashlar_tables_release(cursor);
}

/* With the token, all that the change needs, and whole pages at both edges; or without anything. */
COLD static ashlar_status begin_change(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level)
{
    struct plan plan = {0, 0};
    ashlar_status status = ashlar_range_status(cursor->space, cursor->next, cursor->pages);
    if (status == ASHLAR_OK) {
        status = ashlar_changer_take(cursor->space);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = look_at_range(cursor, intent, large_level, &plan);
    if (status == ASHLAR_OK) {
        status = reserve_some_tables(cursor, plan.tables);
    }
    if (status != ASHLAR_OK) {
        ashlar_tables_release(cursor);
        ashlar_changer_give(cursor->space);
    } else if (plan.splits != 0) {
        split_edges(cursor);
    }
    return status;
}

COLD static void end_change(struct ashlar_cursor *cursor)
{
    ashlar_tables_release(cursor);
    ashlar_changer_give(cursor->space);
}

/* The same of what takes translations away: a CPU that is alone, with interrupts off, stays alone until the end of it. */
COLD static ashlar_status begin_flushed(struct ashlar_cursor *cursor, ashlar_intent intent, unsigned large_level)
{
    (void)ashlar_alone_enter();
    ashlar_status status = begin_change(cursor, intent, large_level);
    if (status != ASHLAR_OK) {
        ashlar_alone_exit();
    }
    return status;
}

COLD static void end_flushed(struct ashlar_cursor *cursor)
{
    end_change(cursor);
    ashlar_alone_exit();
}

/* --- map and protect ----------------------------------------------------------------- */

COLD ashlar_status ashlar_user_map(struct ashlar_space *space, ashlar_vpn first, size_t pages, const ashlar_pfn *frames,
                                   unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_cursor_place(&cursor, space, first, pages);
    ashlar_status status = begin_change(&cursor, ASHLAR_INTENT_MAP, 1);
    if (status != ASHLAR_OK) {
        return status;
    }
    while (cursor.pages != 0) {
        size_t rest = PIECE_PAGES - (cursor.next & (PIECE_PAGES - 1u));
        size_t step = cursor.pages < rest ? cursor.pages : rest;
        ashlar_cursor_resume(&cursor);
        ashlar_cursor_map(&cursor, frames, step, flags);
        ashlar_cursor_pause(&cursor);
        frames += step;
    }
    end_change(&cursor);
    return ASHLAR_OK;
}

/* The cursor is open. What its next entry maps as one page; or what one table of level 1 covers, which is set with few
 * instructions each. A table that was left behind, empty, lies in the way of a page as large as it covers. */
COLD static size_t linear_piece(struct ashlar_cursor *cursor, ashlar_pfn frame, unsigned large_level)
{
    unsigned found = ashlar_cursor_seek(cursor, cursor->next)->level;
    unsigned level = ashlar_level_for(ashlar_half.paging, cursor->next, frame, cursor->pages,
                                      found < large_level ? found : large_level);
    size_t whole = (size_t)1 << ashlar_entry_shift(ashlar_half.paging, level > 2 ? level : 2u);
    size_t rest = whole - (cursor->next & (whole - 1u));
    return cursor->pages < rest ? cursor->pages : rest;
}

COLD ashlar_status ashlar_user_map_linear(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_pfn frame,
                                          unsigned flags)
{
    struct ashlar_cursor cursor;
    unsigned large_level = ashlar_large_level(first, frame, flags);
    ashlar_cursor_place(&cursor, space, first, pages);
    ashlar_status status = begin_change(&cursor, ASHLAR_INTENT_MAP, large_level);
    if (status != ASHLAR_OK) {
        return status;
    }
    while (cursor.pages != 0) {
        ashlar_cursor_resume(&cursor);
        size_t step = linear_piece(&cursor, frame, large_level);
        ashlar_cursor_map_linear(&cursor, frame, step, flags);
        ashlar_cursor_pause(&cursor);
        frame += step;
    }
    end_change(&cursor);
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_user_protect(struct ashlar_space *space, ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_cursor_place(&cursor, space, first, pages);
    ashlar_status status = begin_flushed(&cursor, ASHLAR_INTENT_CHANGE, (flags & ASHLAR_MAP_EXEC) == 0);
    if (status != ASHLAR_OK) {
        return status;
    }
    ashlar_gather_init(&gather, space);
    while (cursor.pages != 0) {
        ashlar_cursor_resume(&cursor);
        (void)ashlar_cursor_protect_step(&cursor, PIECE_PAGES / 2u, flags, &gather);
        ashlar_cursor_pause(&cursor);
    }
    ashlar_gather_finish(&gather);
    end_flushed(&cursor);
    return ASHLAR_OK;
}

/* --- unmap ------------------------------------------------------------------------- */

/* Out of reach of every CPU. */
COLD static void hide_all(struct ashlar_cursor *cursor)
{
    struct ashlar_gather gather;
    ashlar_gather_init(&gather, cursor->space);
    while (cursor->pages != 0) {
        ashlar_cursor_resume(cursor);
        ashlar_cursor_hide_step(cursor, PIECE_PAGES, &gather);
        ashlar_cursor_pause(cursor);
    }
    ashlar_gather_finish(&gather);
}

COLD static size_t collect_piece(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t room, struct collected *found)
{
    ashlar_cursor_resume(cursor);
    size_t step = ashlar_cursor_collect_step(cursor, frames, room, cursor->pages, found);
    ashlar_cursor_pause(cursor);
    return step;
}

COLD static void collect_to_pool(struct ashlar_cursor *cursor)
{
    while (cursor->pages != 0) {
        ashlar_pfn frames[USER_COLLECT_BATCH];
        struct collected found;
        (void)collect_piece(cursor, frames, USER_COLLECT_BATCH, &found);
        if (found.frames != 0) {
            ashlar_frames_give_bulk(ashlar_half.pool, frames, found.frames);
        }
        if (found.large_pages != 0) {
            ashlar_frames_give(ashlar_half.pool, found.large_first, word_log2(found.large_pages));
        }
    }
}

/* All pages were present: each has a frame. */
COLD static void collect_to_caller(struct ashlar_cursor *cursor, ashlar_pfn *frames)
{
    while (cursor->pages != 0) {
        struct collected found;
        (void)collect_piece(cursor, frames, PIECE_PAGES, &found);
        frames += found.frames;
        for (size_t i = 0; i < found.large_pages; i++) {
            *frames++ = found.large_first + i;
        }
    }
}

/* What a visitor is told of next: single pages, each with its address, and a large one behind them. */
struct visits {
    struct collected large;
    size_t count;
    ashlar_pfn frames[VISIT_BATCH];
    ashlar_vpn pages[VISIT_BATCH];
};

COLD static void collect_some(struct ashlar_cursor *cursor, struct visits *some)
{
    size_t looks = VISIT_LOOKS;
    some->count = 0;
    some->large.large_pages = 0;
    ashlar_cursor_resume(cursor);
    while (cursor->pages != 0 && some->count != VISIT_BATCH && looks != 0 && some->large.large_pages == 0) {
        some->pages[some->count] = cursor->next;
        (void)ashlar_cursor_collect_step(cursor, &some->frames[some->count], 1, cursor->pages, &some->large);
        some->count += some->large.frames != 0;
        looks--;
    }
    ashlar_cursor_pause(cursor);
}

COLD static void visit_some(const struct visits *some, ashlar_vpn next, ashlar_frames_visitor visit, void *context)
{
    for (size_t i = 0; i < some->count; i++) {
        visit(context, some->pages[i], some->frames[i], 1);
    }
    if (some->large.large_pages != 0) {
        visit(context, next - some->large.large_pages, some->large.large_first, some->large.large_pages);
    }
}

/* The visitor may be short of memory, and whoever is asked for some may want to change this space: so the token is let go
 * of, if it can be waited for again. What the rest has hidden stays flushed whatever others do, but for a cursor in a
 * caller's hands: then all of the rest is hidden, and flushed, once more. */
COLD static void collect_to_visitor(struct ashlar_cursor *cursor, ashlar_frames_visitor visit, void *context)
{
    struct ashlar_space *space = cursor->space;
    while (cursor->pages != 0) {
        struct visits some;
        collect_some(cursor, &some);
        uintptr_t cursors = space->cursors;
        bool open = ashlar_may_wait();
        space->visits++;
        if (open) {
            ashlar_changer_give(space);
        }
        visit_some(&some, cursor->next, visit, context);
        if (open) {
            ashlar_token_take(&space->changing);
        }
        if (--space->visits == 0) {
            ashlar_wait_end(&space->visits);
        }
        if (space->cursors != cursors) {
            struct ashlar_cursor rest;
            ashlar_cursor_place(&rest, space, cursor->next, cursor->pages);
            hide_all(&rest);
        }
    }
}

COLD ashlar_status ashlar_user_unmap(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    struct ashlar_cursor cursor;
    ashlar_cursor_place(&cursor, space, first, pages);
    ashlar_status status = begin_flushed(&cursor, ASHLAR_INTENT_CHANGE, 1);
    if (status != ASHLAR_OK) {
        return status;
    }
    hide_all(&cursor);
    ashlar_cursor_place(&cursor, space, first, pages);
    if (frames != NULL) {
        collect_to_caller(&cursor, frames);
    } else {
        collect_to_pool(&cursor);
    }
    ashlar_tables_prune(space, first, pages);
    end_flushed(&cursor);
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_user_clear(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                     ashlar_frames_visitor visit, void *context)
{
    struct ashlar_cursor cursor;
    ashlar_cursor_place(&cursor, space, first, pages);
    ashlar_status status = begin_flushed(&cursor, ASHLAR_INTENT_COLLECT, 1);
    if (status != ASHLAR_OK) {
        return status;
    }
    hide_all(&cursor);
    ashlar_cursor_place(&cursor, space, first, pages);
    if (visit != NULL) {
        collect_to_visitor(&cursor, visit, context);
    } else {
        collect_to_pool(&cursor);
    }
    ashlar_tables_prune(space, first, pages);
    end_flushed(&cursor);
    return ASHLAR_OK;
}
