/* SPDX-License-Identifier: 0BSD */
/* tables.h - page tables of a cursor: reserved, linked, split; and those that are empty. */
#ifndef ASHLAR_TABLES_TABLES_H
#define ASHLAR_TABLES_TABLES_H

#include <ashlar/space.h>

/* Spares come, and go, so many under one pin: zeroing them takes long, and no other thread runs meanwhile. */
#define SPARES_BATCH 8u
/* Spares for the cursor, until it has so many; or ASHLAR_NO_FRAMES, and those that it has by then are to be released. */
ashlar_status ashlar_tables_reserve(struct ashlar_cursor *cursor, size_t tables);
/* Those that are left over, if any. */
void ashlar_tables_give_spares(struct ashlar_cursor *cursor);
static inline void ashlar_tables_release(struct ashlar_cursor *cursor)
{
    if (cursor->spare_count != 0) {
        ashlar_tables_give_spares(cursor);
    }
}
/* Keep one of the cursor's spares for the split of a page that is about to be marked; give one back for a marked page
 * that is gone. */
void ashlar_tables_deposit(struct ashlar_cursor *cursor);
void ashlar_tables_give_deposit(void);
/* Link a spare at this spot, whose entry is empty. */
void ashlar_tables_link(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot);
void ashlar_tables_split(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot,
                         struct ashlar_gather *gather);
/* Give back the empty tables of a user half that cover these pages. By its changer, in thread context. */
void ashlar_tables_prune(struct ashlar_space *space, ashlar_vpn first, size_t pages);

#endif
