/* SPDX-License-Identifier: 0BSD */
/* purge.h - ranges that are given back. */
#ifndef ASHLAR_KVA_PURGE_H
#define ASHLAR_KVA_PURGE_H

#include "kva/arena.h"

/* Of a pool with so many frames; the pool's users may ask for relief from here on. */
void ashlar_purge_init(size_t ram_frames);
/* Hide the range's pages, in its arena's lock if they are few, and leave it to the next purge. May purge. Returns how
 * many pages were missing. */
size_t ashlar_purge_give(const struct ashlar_range_info *range);
/* The same for the range of few pages of the pool that begins at first, found and claimed in the same breath. False, and
 * nothing is done, if it is none. */
bool ashlar_purge_give_few(ashlar_vpn first, struct ashlar_range_info *range, size_t *missing);
/* The same for a range whose pages are hidden. */
void ashlar_purge_add(const struct ashlar_range_info *range);

/* For whoever is short of addresses: times that any came back, so far; and bring back what can be had in this arena.
 * False: nothing came back since the number was seen, and nothing is on its way. Any context; with interrupts off only
 * what needs no wait. */
uintptr_t ashlar_purge_returns(void);
bool ashlar_purge_recover(struct arena *arena, uintptr_t seen);

#endif
