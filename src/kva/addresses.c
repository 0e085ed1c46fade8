/* SPDX-License-Identifier: 0BSD */
/* addresses.c - addresses without anything behind them; and what to do where there are none.
 *
 * A take may want a frame, for descriptors; or addresses, which wait for a flush
 * or are kept ready for their next user. What is missing is fetched, and the
 * take tried again. Ranges that come back bring their descriptors, so that where
 * no frame is to be had they serve as well:
 *
 *     take ── no descriptor ──> feed ── no frame ──> recover <── no addresses ── take
 *       ^────────────────────────┴──────────────────────┘
 *
 * Cost: O(1), and what recovering costs.
 */
#include "kva/addresses.h"

#include "base/alone.h"
#include "base/check.h"
#include "base/contexts.h"
#include "kva/purge.h"

COLD ashlar_status ashlar_addresses_take(struct arena *arena, const struct range_request *request,
                                         struct ashlar_range_info *info)
{
    bool again;
    ashlar_status status;
    do {
        uintptr_t seen = ashlar_purge_returns();
        status = ashlar_arena_take(arena, request, info);
        if (status == ASHLAR_NO_FRAMES) {
            again = ashlar_arena_feed(arena) == ASHLAR_OK || ashlar_purge_recover(arena, seen);
        } else {
            again = status == ASHLAR_NO_ADDRESSES && ashlar_purge_recover(arena, seen);
        }
    } while (again);
    return status == ASHLAR_NO_ADDRESSES && !ashlar_may_change() ? ASHLAR_MAY_NOT_WAIT : status;
}

COLD ashlar_status ashlar_kva_reserve(size_t pages, size_t align_pages, const char *name, ashlar_vpn *first)
{
    CONTEXTS(yes, yes, no, no, no);
    struct range_request request = {pages, align_pages, RANGE_RESERVED, name};
    struct ashlar_range_info info;
    ashlar_status status = ashlar_addresses_take(&ashlar_kva.general, &request, &info);
    if (status == ASHLAR_OK) {
        *first = info.first;
    }
    return status;
}

COLD void ashlar_kva_unreserve(ashlar_vpn first)
{
    CONTEXTS(yes, yes, no, no, no);
    (void)ashlar_arena_claim(first, 1u << RANGE_RESERVED, ASHLAR_CALLER());
    ashlar_arena_give(ashlar_arena_of(first), first, ASHLAR_CALLER());
}
