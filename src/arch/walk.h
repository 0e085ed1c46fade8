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

/* What do the tables under this root say of a page, down to this level? Two frames are open at most; the caller is pinned.
 * O(levels). */
void ashlar_walk_to(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page, unsigned lowest,
                    struct ashlar_walk *found);

static inline void ashlar_walk(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page,
                               struct ashlar_walk *found)
{
    ashlar_walk_to(paging, root, page, 1, found);
}

/* Physical address behind a virtual one; false if there is none, or the address is not canonical. */
bool ashlar_walk_translate(const struct ashlar_paging *paging, ashlar_phys root, uintptr_t address,
                           ashlar_phys *physical);

#endif
