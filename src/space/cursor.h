/* SPDX-License-Identifier: 0BSD */
/* cursor.h - steps of a cursor that the library's own floors take, beside those of ashlar/space.h. Inline is how a change of
 * the kernel half begins: with constants, so that half of its arguments need not be passed. */
#ifndef ASHLAR_SPACE_CURSOR_H
#define ASHLAR_SPACE_CURSOR_H

#include "frames/obtain.h"
#include "tables/half.h"

/* As ashlar_cursor_begin, for pages up to this level; of a user space by its changer. try asks nobody for relief: for
 * callers that hold what a reliever may wait for. */
ashlar_status ashlar_cursor_try(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                size_t pages, ashlar_intent intent, unsigned large_level);
static inline ashlar_status ashlar_cursor_open(struct ashlar_cursor *cursor, struct ashlar_space *space,
                                               ashlar_vpn first, size_t pages, ashlar_intent intent,
                                               unsigned large_level)
{
    ashlar_status status;
    FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_cursor_try(cursor, space, first, pages, intent, large_level));
    return status;
}
/* As ashlar_cursor_begin to collect: nothing is checked or reserved, nothing fails, nobody is asked for memory. Of a user
 * space by its changer. */
void ashlar_cursor_enter(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first, size_t pages);

/* The same in pieces, by the space's changer: between pause and resume the lock is open, no table is, and interrupts are as
 * they were. A cursor is placed so, closed. */
void ashlar_cursor_place(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first, size_t pages);
void ashlar_cursor_resume(struct ashlar_cursor *cursor);
void ashlar_cursor_pause(struct ashlar_cursor *cursor);

/* Pages of a user half that are worked on with the lock held: 20,000 instructions, at the worst that entries can be. */
#define PIECE_PAGES 256u

/* One step is one large page, one hole, or small pages of one table, at most `limit` of them. */
/* Whatever is present becomes hidden; what was hidden by others is gathered, too. */
void ashlar_cursor_hide_step(struct ashlar_cursor *cursor, size_t limit, struct ashlar_gather *gather);
/* Returns its pages. */
size_t ashlar_cursor_protect_step(struct ashlar_cursor *cursor, size_t limit, unsigned flags,
                                  struct ashlar_gather *gather);
/* A large page of level 2, marked. The cursor is on the kernel half, began with a table for it, and stands where nothing
 * is linked at that level. */
void ashlar_cursor_map_deposited(struct ashlar_cursor *cursor, ashlar_pfn first, unsigned flags);
/* Tables for all pages that are left, with nothing in them. */
void ashlar_cursor_link(struct ashlar_cursor *cursor);
/* Leave a number in the next page's entry, which is absent, or empty it (0). */
void ashlar_cursor_note(struct ashlar_cursor *cursor, uintptr_t note);

struct collected {
    size_t frames; /* single ones, in the caller's array */
    ashlar_pfn large_first;
    size_t large_pages; /* or one large page */
};
/* Collect from at most one table, `limit` pages and `room` small ones at most; returns the pages that were passed. A large
 * page that the cursor covers only in part stays hidden. */
size_t ashlar_cursor_collect_step(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t room, size_t limit,
                                  struct collected *out);

#endif
