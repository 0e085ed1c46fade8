/* SPDX-License-Identifier: 0BSD */
/* fill.c - a range with pages behind it: one that was kept ready, or a new one.
 *
 * Taking prepares everything (frames in hand or promised, addresses, a cursor
 * over the whole range that holds every table) before the first entry is
 * written; then nothing fails. A range from a magazine has its guards and tables
 * already.
 */
#include "kva/fill.h"

#include "base/check.h"
#include "kva/backing.h"
#include "kva/magazine.h"
#include "kva/open.h"
#include "space/mapping.h"

_Static_assert(KEPT_SIZES <= SUPPLY_FRAMES + 1u, "what a magazine has is mapped to frames in hand");

/* A range that nobody has kept ready. */
COLD static __attribute__((noinline)) ashlar_status fill_new_range(const struct range_request *request,
                                                                   struct supply *supply, unsigned flags,
                                                                   ashlar_vpn *first)
{
    struct ashlar_cursor cursor;
    struct ashlar_range_info range;
    ashlar_status status = ashlar_range_open(request, &range, &cursor);
    if (status == ASHLAR_OK) {
        ashlar_supply_map(&cursor, supply, flags);
        ashlar_range_close(&cursor, &range);
        *first = ashlar_range_first(&range);
    }
    return status;
}

/* One that was has its guards and tables. */
static ashlar_status fill_range(const struct range_request *request, struct supply *supply, unsigned flags,
                                ashlar_vpn *first)
{
    if (ashlar_magazine_take(ashlar_range_arena(request->kind), request, supply->frames, flags, first)) {
        return ASHLAR_OK;
    }
    return fill_new_range(request, supply, flags, first);
}

/* Nothing can be wrong with pages that are written, or not. */
static inline ashlar_status pages_status(size_t pages, unsigned flags)
{
    if (pages - 1u >= ashlar_kva.layout.kernel_pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    return (flags & ~ASHLAR_MAP_WRITE) == 0 ? ASHLAR_OK : ashlar_flags_status(NULL, flags);
}

ashlar_status ashlar_range_take(enum range_kind kind, size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    const struct range_request request = range_request_for(kind, pages, name);
    struct supply supply;
    ashlar_status status = pages_status(pages, flags);
    if (status == ASHLAR_OK) {
        status = ashlar_supply_get(&supply, pages);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = fill_range(&request, &supply, flags, first);
    if (status != ASHLAR_OK) {
        ashlar_supply_return(&supply);
    }
    return status;
}
