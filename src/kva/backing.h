/* SPDX-License-Identifier: 0BSD */
/* backing.h - frames that cannot fail later: some in hand, the rest promised. */
#ifndef ASHLAR_KVA_BACKING_H
#define ASHLAR_KVA_BACKING_H

#include "frames/obtain.h"
#include "kva/internal.h"

#define SUPPLY_FRAMES 32u

struct supply {
    size_t in_hand;
    size_t promised;
    ashlar_pfn frames[SUPPLY_FRAMES];
};

/* Once; out of line what small ranges do not need. */
ashlar_status ashlar_supply_try_promised(struct supply *supply);

static inline ashlar_status ashlar_supply_try(struct supply *supply, size_t pages)
{
    supply->in_hand = pages < SUPPLY_FRAMES ? pages : SUPPLY_FRAMES;
    supply->promised = pages - supply->in_hand;
    if (supply->promised != 0) {
        return ashlar_supply_try_promised(supply);
    }
    return ashlar_frames_take_bulk(ashlar_kva.pool, supply->frames, supply->in_hand, 0);
}

/* For so many pages, or ASHLAR_NO_FRAMES and nothing. Inline: the first step of every take. */
static inline ashlar_status ashlar_supply_get(struct supply *supply, size_t pages)
{
    ashlar_status status;
    FRAMES_OBTAIN(ashlar_kva.pool, status, ashlar_supply_try(supply, pages));
    return status;
}

/* All of it goes back. */
void ashlar_supply_return(const struct supply *supply);
/* Map all of it at the cursor's next pages: nothing fails. */
void ashlar_supply_map(struct ashlar_cursor *cursor, struct supply *supply, unsigned flags);

/* Mapping promised frames alone. */
void ashlar_promise_map(struct ashlar_cursor *cursor, size_t pages, unsigned flags);

#endif
