/* SPDX-License-Identifier: 0BSD */
/* walk.h - what the tables under a root say of one page. Context: any, pinned. Locks: none. */
#ifndef ASHLAR_ARCH_WALK_H
#define ASHLAR_ARCH_WALK_H

#include <ashlar/paging.h>
#include <stdbool.h>

struct ashlar_walk {
    unsigned level;    /* of the table in which the walk ended */
    unsigned index;    /* in it */
    uint64_t entry;    /* raw: a leaf, or what there was instead */
    ashlar_pfn frame;  /* of this very page, within a large one too; ASHLAR_PFN_NONE: not present */
    size_t page_pages; /* covered by the entry */
    unsigned flags;    /* ASHLAR_MAP_... allowed by all levels together; 0: not present */
};

/* What do the tables under this root say of a page? Two frames are open at most; the caller is pinned. O(levels). */
void ashlar_walk(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page, struct ashlar_walk *found);

/* The raw entry of this level, from 2 on, that decides about a page; where a large page of a level above does, what would
 * say the same. Not present: whatever there was instead. */
uint64_t ashlar_walk_entry(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page, unsigned level);

/* Physical address behind a virtual one; false if there is none, or the address is not canonical. */
bool ashlar_walk_translate(const struct ashlar_paging *paging, ashlar_phys root, uintptr_t address,
                           ashlar_phys *physical);

#endif
