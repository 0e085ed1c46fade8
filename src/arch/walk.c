/* SPDX-License-Identifier: 0BSD */
/* walk.c - one walker for all formats, hand over hand.
 *
 *     root ──> level n ──> ... ──> level 1 ──> page
 *          open     open, close the one above
 *
 * so two frames are open at most. Permissions are what all levels allow
 * together; a root without permission bits (PAE) allows everything. The result
 * is what the tables said at each step: whoever needs more holds the lock.
 */
#include "arch/walk.h"

#include "arch/entry.h"
#include "base/check.h"
#include <ashlar/port.h>

#define PERMISSIONS (ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER)

/* What a link takes away from the pages below: permissions, as far as its level has such bits. */
COLD static unsigned refused_by(const struct ashlar_paging *paging, unsigned level, uint64_t entry)
{
    if (level == paging->levels && paging->root_user == 0) {
        return 0;
    }
    return ~ashlar_entry_flags(paging, level, entry) & PERMISSIONS;
}

COLD static void descend(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page, unsigned lowest,
                         struct ashlar_walk *found)
{
    char *table = ashlar_port_open_frame((ashlar_pfn)(root >> ASHLAR_PAGE_SHIFT));
    unsigned root_offset = (unsigned)root & (ASHLAR_PAGE_BYTES - 1u) & ~(paging->root_bytes - 1u);
    for (unsigned level = paging->levels;; level--) {
        found->level = level;
        found->index = ashlar_entry_index(paging, level, page);
        found->entry = ashlar_entry_load(paging, table + root_offset, found->index);
        if (level == lowest || !ashlar_entry_is_link(paging, level, found->entry)) {
            break;
        }
        found->flags &= ~refused_by(paging, level, found->entry);
        char *below = ashlar_port_open_frame(ashlar_entry_frame(paging, found->entry));
        ashlar_port_close_frame(table);
        table = below;
        root_offset = 0;
    }
    ashlar_port_close_frame(table);
}

COLD void ashlar_walk_to(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page, unsigned lowest,
                         struct ashlar_walk *found)
{
    const struct ashlar_paging *p = paging_fold(paging);
    found->flags = PERMISSIONS | ASHLAR_MAP_READ | ASHLAR_MAP_GLOBAL | ASHLAR_MAP_CACHE_MASK;
    descend(p, root, page, lowest, found);
    found->page_pages = (size_t)1 << ashlar_entry_shift(p, found->level);
    if (ashlar_entry_is_leaf(p, found->level, found->entry)) {
        found->flags &= ashlar_entry_flags(p, found->level, found->entry);
        found->flags &= (found->flags & ASHLAR_MAP_USER) != 0 ? ~0u : ~ASHLAR_MAP_READ; /* READ is the user's */
        found->frame = ashlar_entry_leaf_frame(p, found->level, found->entry) + (page & (found->page_pages - 1u));
    } else {
        found->flags = 0;
        found->frame = ASHLAR_PFN_NONE;
    }
}

COLD bool ashlar_walk_translate(const struct ashlar_paging *paging, ashlar_phys root, uintptr_t address,
                                ashlar_phys *physical)
{
    struct ashlar_walk found;
    if (!ashlar_paging_address_is_valid(paging, address)) {
        return false;
    }
    ashlar_walk(paging, root, ashlar_paging_page(paging, address), &found);
    if (found.frame == ASHLAR_PFN_NONE) {
        return false;
    }
    *physical = (ashlar_phys)found.frame << ASHLAR_PAGE_SHIFT | (address & (ASHLAR_PAGE_BYTES - 1u));
    return true;
}
