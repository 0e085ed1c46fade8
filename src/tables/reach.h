/* SPDX-License-Identifier: 0BSD */
/* reach.h - spots: entries of page tables, found and open.
 *
 * What is inline here is on the path of every change of a mapping.
 */
#ifndef ASHLAR_TABLES_REACH_H
#define ASHLAR_TABLES_REACH_H

#include "arch/formats.h"
#include "tables/kernel_half.h"
#include <ashlar/port.h>

/* The entry that decides about a page, in a table of this level or of one above where nothing is linked further down.
 * The caller is pinned, and holds the lock of a user space or its changer's token: no table is given back meanwhile. */
void ashlar_spot_find(const struct ashlar_space *space, ashlar_vpn page, unsigned lowest, struct ashlar_spot *spot);
static inline void ashlar_spot_close(struct ashlar_spot *spot)
{
    if (spot->window) {
        ashlar_port_close_frame(spot->table);
        spot->window = false;
    }
    spot->table = NULL;
}

/* Pages from this one on about which the spot's table (level 1) or entry (above) decides, at most limit. */
static inline size_t ashlar_spot_pages(const struct ashlar_spot *spot, ashlar_vpn page, size_t limit)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    size_t whole = (size_t)1 << ashlar_entry_shift(paging, spot->level == 1 ? 2 : spot->level);
    size_t pages = whole - (page & (whole - 1u));
    return pages < limit ? pages : limit;
}

/* Pages from this one on of which the spot's table says nothing, at most limit: none if the entry is not empty. */
size_t ashlar_spot_empty_pages(const struct ashlar_spot *spot, ashlar_vpn page, size_t limit);

/* What its entry, a leaf, says of this page. */
void ashlar_spot_describe(const struct ashlar_spot *spot, ashlar_vpn page, struct ashlar_mapping *mapping);

/* A large page of the kernel for whose split a table is kept. Not for entries of level 1. */
static inline bool ashlar_spot_is_deposited(const struct ashlar_spot *spot)
{
    return ashlar_entry_is_deposited(ashlar_half.paging, spot->entry);
}

/* Entries of level 1 side by side, in an open table. */
struct leaf_run {
    void *table;
    unsigned index;
    unsigned count;
};

/* The table of level 1 of a slot of the kernel half, where there is no array; it is known to exist. To be closed. */
void *ashlar_leaf_table_open(size_t slot);

/* Those of kernel pages from this one on, at most limit, that lie in one table, which is known to exist: found without a
 * look at the directory. The caller is pinned. */
static inline struct leaf_run ashlar_leaves_open(ashlar_vpn page, size_t limit)
{
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, 2);
    size_t slot = (page - ashlar_half.layout.kernel_first) >> shift;
    size_t whole = (size_t)1 << shift;
    size_t index = page & (whole - 1u), rest = whole - index;
    void *table =
        ashlar_half.array != NULL ? ashlar_half.array + slot * ASHLAR_PAGE_BYTES : ashlar_leaf_table_open(slot);
    return (struct leaf_run){table, (unsigned)index, (unsigned)(rest < limit ? rest : limit)};
}

static inline void ashlar_leaves_close(const struct leaf_run *leaves)
{
    if (ashlar_half.array == NULL) {
        ashlar_port_close_frame(leaves->table);
    }
}

/* Show a table of the kernel half, of level 1 or 2, that covers this page, in the linear array, if there is one. */
void ashlar_array_show(unsigned level, ashlar_vpn page, ashlar_pfn table);
/* ashlar_leaf_set, for pages of the array. */
void ashlar_kernel_set_page(ashlar_vpn page, ashlar_pfn frame);

#endif
