/* SPDX-License-Identifier: 0BSD */
/* backing.c - frames for a whole range before the first entry is written.
 *
 * The first ones are taken, so that a small range costs one call; the others are
 * promised by the pool, and taken as they are mapped.
 */
#include "kva/backing.h"

#include "base/check.h"

COLD ashlar_status ashlar_supply_try_promised(struct supply *supply)
{
    ashlar_status status = ashlar_frames_reserve(ashlar_kva.pool, supply->promised);
    if (status == ASHLAR_OK) {
        status = ashlar_frames_take_bulk(ashlar_kva.pool, supply->frames, supply->in_hand, 0);
        if (status != ASHLAR_OK) {
            ashlar_frames_unreserve(ashlar_kva.pool, supply->promised);
        }
    }
    return status;
}

COLD void ashlar_supply_return(const struct supply *supply)
{
    ashlar_frames_give_bulk(ashlar_kva.pool, supply->frames, supply->in_hand);
    ashlar_frames_unreserve(ashlar_kva.pool, supply->promised);
}

/* frames: room for a batch. */
COLD static void map_promised(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t pages, unsigned flags)
{
    while (pages != 0) {
        size_t step = pages < SUPPLY_FRAMES ? pages : SUPPLY_FRAMES;
        ashlar_status status = ashlar_frames_take_bulk(ashlar_kva.pool, frames, step, ASHLAR_FRAMES_FROM_RESERVATION);
        ASHLAR_CHECK(status == ASHLAR_OK, "kva: promised frames were not there: %s", ashlar_status_text(status));
        ashlar_cursor_map(cursor, frames, step, flags);
        pages -= step;
    }
}

void ashlar_supply_map(struct ashlar_cursor *cursor, struct supply *supply, unsigned flags)
{
    ashlar_cursor_map(cursor, supply->frames, supply->in_hand, flags);
    map_promised(cursor, supply->frames, supply->promised, flags);
}

COLD void ashlar_promise_map(struct ashlar_cursor *cursor, size_t pages, unsigned flags)
{
    ashlar_pfn frames[SUPPLY_FRAMES];
    map_promised(cursor, frames, pages, flags);
}
