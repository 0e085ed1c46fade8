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

static inline struct ashlar_frames_wish ashlar_supply_wish(struct supply *supply, size_t pages)
{
    supply->in_hand = pages < SUPPLY_FRAMES ? pages : SUPPLY_FRAMES;
    supply->promised = pages - supply->in_hand;
    return (struct ashlar_frames_wish){{0, 0, ASHLAR_FRAMES_ANY_NODE, 0},
                                       supply->frames,
                                       supply->in_hand,
                                       supply->promised};
}

/* For so many pages, or ASHLAR_NO_FRAMES and nothing. Inline: the first step of every take. */
static inline ashlar_status ashlar_supply_get(struct supply *supply, size_t pages)
{
    const struct ashlar_frames_wish wish = ashlar_supply_wish(supply, pages);
    return ashlar_frames_obtain(ashlar_kva.pool, &wish);
}

/* All of it goes back. */
void ashlar_supply_return(const struct supply *supply);
/* Map all of it at the cursor's next pages: nothing fails. */
void ashlar_supply_map(struct ashlar_cursor *cursor, struct supply *supply, unsigned flags);

/* Promised frames alone, and mapping so many of them. */
ashlar_status ashlar_promise_get(size_t pages, bool relief);
void ashlar_promise_map(struct ashlar_cursor *cursor, size_t pages, unsigned flags);

#endif
