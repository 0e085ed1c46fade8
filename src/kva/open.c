/* SPDX-License-Identifier: 0BSD */
/* open.c - a new range, prepared as a whole.
 *
 * Addresses are taken, and a cursor over all of them holds every table that it
 * can need, before the first entry is written. A guard page is an absent entry
 * that names its range's descriptor, written by the same cursor:
 *
 *     open: [guard]  ...pages, by the caller...  close: [guard]
 */
#include "kva/open.h"

#include "base/check.h"
#include "kva/addresses.h"
#include "kva/guard.h"
#include "space/cursor.h"

struct arena *ashlar_range_arena(enum range_kind kind)
{
    return kind == RANGE_STACK ? &ashlar_kva.stacks : &ashlar_kva.general;
}

COLD ashlar_status ashlar_range_open(const struct range_request *request, struct ashlar_range_info *range,
                                     struct ashlar_cursor *cursor)
{
    struct arena *arena = ashlar_range_arena(request->kind);
    ashlar_status status = ashlar_addresses_take(arena, request, range);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_cursor_open(cursor, NULL, range->first, range->pages, ASHLAR_INTENT_MAP, 1);
    if (status != ASHLAR_OK) {
        ashlar_arena_give(arena, range->first, ASHLAR_CALLER());
        return status;
    }
    if (ashlar_range_first(range) != range->first) {
        ashlar_cursor_note(cursor, ashlar_guard_note(range));
    }
    return ASHLAR_OK;
}

COLD void ashlar_range_close(struct ashlar_cursor *cursor, const struct ashlar_range_info *range)
{
    ashlar_cursor_note(cursor, ashlar_guard_note(range));
    ashlar_cursor_end(cursor);
}
