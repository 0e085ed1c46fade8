/* SPDX-License-Identifier: 0BSD */
/* commit.c - pages of a range that the caller holds: backed in small pages, and given back.
 *
 * All frames and tables are there before the first entry is written; then
 * nothing fails.
 */
#include "base/check.h"
#include "kva/arena.h"
#include "kva/backing.h"
#include "space/cursor.h"
#include "space/mapping.h"

/* Frames and a cursor, from whoever can give them; or, where the caller holds what a reliever may wait for, from the pool. */
static ashlar_status prepare_commit(struct ashlar_cursor *cursor, struct supply *supply, ashlar_vpn first, size_t pages,
                                    bool relief)
{
    const struct ashlar_frames_wish wish = ashlar_supply_wish(supply, pages);
    ashlar_status status =
        relief ? ashlar_frames_obtain(ashlar_kva.pool, &wish) : ashlar_frames_attempt(ashlar_kva.pool, &wish);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = relief ? ashlar_cursor_open(cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1)
                    : ashlar_cursor_try(cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1);
    if (status != ASHLAR_OK) {
        ashlar_supply_return(supply);
    }
    return status;
}

ashlar_status ashlar_kva_commit(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    struct supply supply;
    bool relief = (flags & ASHLAR_KVA_NO_RELIEF) == 0;
    flags &= ~ASHLAR_KVA_NO_RELIEF;
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (status == ASHLAR_OK) {
        status = prepare_commit(&cursor, &supply, first, pages, relief);
    }
    if (status == ASHLAR_OK) {
        ashlar_supply_map(&cursor, &supply, flags);
        ashlar_cursor_end(&cursor);
    }
    return status;
}

COLD void ashlar_kva_decommit(ashlar_vpn first, size_t pages)
{
    ashlar_status status = ashlar_pages_withdraw(NULL, first, pages);
    ASHLAR_CHECK(status == ASHLAR_OK, "kva: decommit of %zu pages at %p: %s, by %p", pages,
                 (void *)ashlar_kva_address(first), ashlar_status_text(status), ASHLAR_CALLER());
    (void)ashlar_pages_collect(NULL, first, pages);
}
