/* SPDX-License-Identifier: 0BSD */
/* home.c - a low image, in every root from its first moment on.
 *
 * An image below 1 GiB lies among user addresses. What is the kernel's there, its
 * home, comes in pieces of 4 MiB, the entries of level 2; a slot of the root is
 * as small on two-level paging only. On other formats each root has tables of its
 * own, one of each level from 2 on, for the home's slot:
 *
 *     root ──> level 3 ──> level 2:  | home | the user's ... |
 *              its own     its own      └──> tables of level 1, shared by all
 *
 * A gigabyte is what one table of level 2 covers, so there is one path. The home's
 * entries are those of the reference, which has them from the root in which the
 * kernel was started: written before anybody runs under the root, and never
 * again. No policy knows of them, no fault brings them, and user addresses begin
 * behind the home.
 *
 * Cost: O(4 MiB pieces of the home) for a root.
 */
#include "tables/home.h"

#include "arch/entry.h"
#include "arch/walk.h"
#include "base/check.h"
#include "base/mem.h"
#include "tables/half.h"
#include "tables/roots.h"

static ashlar_vpn home_end(void)
{
    return ashlar_half.layout.user_first;
}

static size_t piece_pages(void)
{
    return (size_t)1 << ashlar_entry_shift(ashlar_half.paging, HOME_LEVEL);
}

/* The entry of this level on the way to a page of the home: all roots have them. */
COLD static uint64_t entry_in(ashlar_phys root, ashlar_vpn page, unsigned level)
{
    struct ashlar_walk found;
    ashlar_walk_to(ashlar_half.paging, root, page, level, &found);
    return found.entry;
}

/* The first table is linked in the root, each further one in the one before. Returns the last, open. */
COLD static void *open_path(void *root, const ashlar_pfn *tables)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    ashlar_vpn page = ashlar_half.options.home_first;
    void *table = root;
    for (unsigned level = ashlar_paging_levels(paging); level > HOME_LEVEL; level--, tables++) {
        void *below = ashlar_port_open_frame(*tables);
        memset(below, 0, ASHLAR_PAGE_BYTES);
        ashlar_entry_set_link(paging, table, ashlar_entry_index(paging, level, page), level, *tables, ASHLAR_MAP_USER);
        if (table != root) {
            ashlar_port_close_frame(table);
        }
        table = below;
    }
    return table;
}

COLD void ashlar_home_join(void *root, const ashlar_pfn *tables)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    if (home_end() == 0) {
        return;
    }
    void *table = open_path(root, tables);
    for (ashlar_vpn page = ashlar_half.options.home_first; page < home_end(); page += piece_pages()) {
        ashlar_entry_store(paging, table, ashlar_entry_index(paging, HOME_LEVEL, page),
                           entry_in(ashlar_half.root, page, HOME_LEVEL));
    }
    if (table != root) {
        ashlar_port_close_frame(table);
    }
}

/* The lowest first: it is named by the one above. */
COLD void ashlar_home_leave(ashlar_phys root)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    for (unsigned level = HOME_LEVEL; level < HOME_LEVEL + ashlar_home_tables(); level++) {
        uint64_t link = entry_in(root, ashlar_half.options.home_first, level + 1u);
        ashlar_frames_give(ashlar_half.pool, ashlar_entry_frame(paging, link), 0);
    }
}

COLD bool ashlar_home_agrees(ashlar_phys root)
{
    uint64_t ignored = ashlar_entry_mmu_bits(ashlar_half.paging);
    for (ashlar_vpn page = ashlar_half.options.home_first; page < home_end(); page += piece_pages()) {
        uint64_t different = entry_in(root, page, HOME_LEVEL) ^ entry_in(ashlar_half.root, page, HOME_LEVEL);
        if ((different & ~ignored) != 0) {
            return false;
        }
    }
    return true;
}
