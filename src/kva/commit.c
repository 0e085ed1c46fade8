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
    bool relief = (flags & ASHLAR_KVA_NO_RELIEF) == 0;
    flags &= ~ASHLAR_KVA_NO_RELIEF;
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (status == ASHLAR_OK) {
        FRAMES_OBTAIN_IF(relief, ashlar_kva.pool, status, commit_once(first, pages, flags));
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
