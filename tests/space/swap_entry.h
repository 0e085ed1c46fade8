/* SPDX-License-Identifier: 0BSD */
/* swap_entry.h - a page table that is damaged on purpose, for tests of audits. Behind a world.h. */
#ifndef ASHLAR_TESTS_SPACE_SWAP_ENTRY_H
#define ASHLAR_TESTS_SPACE_SWAP_ENTRY_H

#include "tables/reach.h"

/* Put another entry into a kernel page's place, at level 1; returns what was there. */
static uint64_t swap_entry(ashlar_vpn page, uint64_t entry)
{
    struct ashlar_spot spot;
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 1, &spot);
    uint64_t old = ashlar_entry_load(world.paging, spot.table, spot.index);
    ashlar_entry_store(world.paging, spot.table, spot.index, entry);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
    return old;
}

#endif
