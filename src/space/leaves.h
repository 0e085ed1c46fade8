/* SPDX-License-Identifier: 0BSD */
/* leaves.h - entries of single kernel pages, for whoever holds the addresses: the kva floor.
 *
 * The holder is alone with its entries and knows what is in them; their tables exist. So nothing is checked, reserved or
 * locked. But where it says otherwise the caller keeps its CPU: it is pinned, or has interrupts off.
 */
#ifndef ASHLAR_SPACE_LEAVES_H
#define ASHLAR_SPACE_LEAVES_H

#include <ashlar/space.h>
#include <stdbool.h>

/* --- runs of pages: O(pages) ------------------------------------------------ */

/* Absent pages are mapped. flags: ASHLAR_MAP_... */
void ashlar_leaves_set(ashlar_vpn first, size_t pages, const ashlar_pfn *frames, unsigned flags);
/* Present pages become hidden; returns how many of them were missing. */
size_t ashlar_leaves_hide(ashlar_vpn first, size_t pages);
/* Hidden pages become empty entries, all others stay; returns how many frames there were: room for one a page. */
size_t ashlar_leaves_collect(ashlar_vpn first, size_t pages, ashlar_pfn *frames);
/* Whatever is in absent entries goes. */
void ashlar_leaves_clear(ashlar_vpn first, size_t pages);
/* Is every entry about these pages empty? The tables need not exist. O(tables + pages). */
bool ashlar_leaves_are_empty(ashlar_vpn first, size_t pages);
/* How many pages from here on are so, as far as so many tables or entries above them tell. */
size_t ashlar_leaves_empty_from(ashlar_vpn first, size_t pages, unsigned looks);

/* --- one page ----------------------------------------------------------------- */

/* Its absent entry comes to map a frame, writable. Pinned or not. */
void ashlar_leaf_set(ashlar_vpn page, ashlar_pfn frame);

/* The number in its absent entry; 0: there is none. Any context, pinned or not; no lock. */
uintptr_t ashlar_leaf_note_at(ashlar_vpn page);
/* Any context, pinned or not. */
bool ashlar_leaf_is_mapped(ashlar_vpn page);
/* Is nothing linked or mapped at level 2, so that a large page has room? */
bool ashlar_leaf_has_room_above(ashlar_vpn page);

/* The same by steps, of one walk. The caller stays on its CPU from open to close. */
void ashlar_leaf_open(ashlar_vpn page, struct ashlar_spot *spot);
uintptr_t ashlar_leaf_note(const struct ashlar_spot *spot);
/* Another number, if the entry is still as it was when it was opened, or renoted by this spot; false if not. */
bool ashlar_leaf_renote(struct ashlar_spot *spot, uintptr_t note);
/* In place of a number that nobody else changes, the page. */
void ashlar_leaf_fill(struct ashlar_spot *spot, ashlar_pfn frame, unsigned flags);
void ashlar_leaf_close(struct ashlar_spot *spot);

#endif
