/* SPDX-License-Identifier: 0BSD */
/* commit.c - pages of a range that the caller holds: backed in small pages, moved, and given back.
 *
 * All frames and tables are there before the first entry is written; then
 * nothing fails. To move pages is to unmap them here and to map them there:
 *
 *     tables there   hide, flush here   frame by frame: collect here, set there
 */
#include "base/check.h"
#include "base/contexts.h"
#include "kva/arena.h"
#include "kva/backing.h"
#include "space/cursor.h"
#include "space/mapping.h"

#define MOVE_BATCH 16u
#define MOVE_PIECE 512u /* pages for which the caller keeps its CPU */

static ashlar_status commit_once(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    struct supply supply;
    ashlar_status status = ashlar_supply_try(&supply, pages);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_cursor_try(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1);
    if (status != ASHLAR_OK) {
        ashlar_supply_return(&supply);
        return status;
    }
    ashlar_supply_map(&cursor, &supply, flags);
    ashlar_cursor_end(&cursor);
    return ASHLAR_OK;
}

ashlar_status ashlar_kva_commit(ashlar_vpn first, size_t pages, unsigned flags)
{
    CONTEXTS(yes, yes, no, no, no);
    bool relief = (flags & ASHLAR_KVA_NO_RELIEF) == 0;
    flags &= ~ASHLAR_KVA_NO_RELIEF;
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (status == ASHLAR_OK) {
        FRAMES_OBTAIN_IF(relief, ashlar_kva.pool, status, commit_once(first, pages, flags));
    }
    return status;
}

/* --- moving ------------------------------------------------------------------- */

COLD static ashlar_status link_tables(ashlar_vpn first, size_t pages)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_cursor_try(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1);
    if (status == ASHLAR_OK) {
        ashlar_cursor_link(&cursor);
        ashlar_cursor_end(&cursor);
    }
    return status;
}

/* Their tables are there. */
COLD static void set_moved(ashlar_vpn to, const ashlar_pfn *frames, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_cursor_enter(&cursor, NULL, to, pages);
    ashlar_cursor_map(&cursor, frames, pages, flags);
    ashlar_cursor_end(&cursor);
}

COLD static void move_piece(ashlar_vpn to, ashlar_vpn from, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_cursor_enter(&cursor, NULL, from, pages);
    while (cursor.pages != 0) {
        ashlar_pfn frames[MOVE_BATCH];
        struct collected found;
        to += ashlar_cursor_collect_step(&cursor, frames, MOVE_BATCH, cursor.pages, &found);
        set_moved(to - found.frames - found.large_pages, frames, found.frames, flags);
        for (size_t left = found.large_pages; left != 0; left--, found.large_first++) {
            set_moved(to - left, &found.large_first, 1, flags);
        }
    }
    ashlar_cursor_end(&cursor);
}

COLD ashlar_status ashlar_kva_move(ashlar_vpn to, ashlar_vpn from, size_t pages, unsigned flags)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_status status = ashlar_flags_status(NULL, flags);
    status = status == ASHLAR_OK ? link_tables(to, pages) : status;
    status = status == ASHLAR_OK ? ashlar_pages_withdraw(from, pages) : status;
    while (status == ASHLAR_OK && pages != 0) {
        size_t piece = MOVE_PIECE - (from & (MOVE_PIECE - 1u));
        piece = piece < pages ? piece : pages;
        move_piece(to, from, piece, flags);
        to += piece;
        from += piece;
        pages -= piece;
    }
    return status;
}

COLD void ashlar_kva_decommit(ashlar_vpn first, size_t pages)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_status status = ashlar_pages_withdraw(first, pages);
    ASHLAR_CHECK(status == ASHLAR_OK, "kva: decommit of %zu pages at %p: %s, by %p", pages,
                 (void *)ashlar_kva_address(first), ashlar_status_text(status), ASHLAR_CALLER());
    (void)ashlar_pages_collect(first, pages);
}
