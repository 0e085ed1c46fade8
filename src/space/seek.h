/* SPDX-License-Identifier: 0BSD */
/* seek.h - a cursor's spot, moved on. Inline: it is on the path of every change of a mapping. */
#ifndef ASHLAR_SPACE_SEEK_H
#define ASHLAR_SPACE_SEEK_H

#include "space/reach.h"

/* The open table, moved on to this page; found anew where another decides. */
static inline struct ashlar_spot *ashlar_cursor_seek(struct ashlar_cursor *cursor, ashlar_vpn page)
{
    struct ashlar_spot *spot = &cursor->spot;
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, 2);
    if (spot->table != NULL && spot->level == 1 && (page ^ cursor->spot_page) >> shift == 0) {
        spot->index = (unsigned)(page & (((size_t)1 << shift) - 1u));
        return spot;
    }
    ashlar_spot_close(spot);
    ashlar_spot_find(cursor->space, page, 1, spot);
    cursor->spot_page = page;
    return spot;
}

#endif
