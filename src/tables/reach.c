/* SPDX-License-Identifier: 0BSD */
/* reach.c - finding the entry that decides about a page.
 *
 * A *spot* is an entry in an open table. Tables of user halves, and all tables
 * where RAM is mapped directly, are opened frame by frame, hand over hand, two
 * at a time. On 32-bit machines the kernel's own tables need no window: they
 * stand one behind the other in the *linear array*, and their directories
 * right behind it, so that the entry of a page is an addition away:
 *
 *     array:      | table of pages 0.. | table of pages 1024.. | ... |
 *     directory:  | entries of the level-2 tables of the kernel half |
 *
 * The directory is read first: under PAE a table may not be there yet, and the
 * array has a hole in its place.
 *
 * Where all RAM is mapped there is no array, but a table of level 1, once it is
 * linked in the kernel half, stays for good: so the last ones that were walked to
 * are remembered, a word for each, and found again without a walk.
 */
#include "tables/reach.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/atomic.h"
#include "base/check.h"

/* The spot of a kernel page through the array: level 1 where a table is linked, else its directory entry; or the root's,
 * where the directory itself is not there yet. */
static void find_in_array(const struct ashlar_paging *paging, ashlar_vpn page, unsigned lowest,
                          struct ashlar_spot *spot)
{
    unsigned shift = ashlar_entry_shift(paging, 2);
    spot->window = false;
    if (ashlar_half.root_page != NULL) {
        spot->level = 3;
        spot->table = ashlar_half.root_page;
        spot->index = ashlar_entry_index(paging, 3, page);
        spot->entry = ashlar_entry_peek(paging, spot->table, spot->index);
        if (!ashlar_entry_is_link(paging, 3, spot->entry)) {
            return;
        }
    }
    size_t slot = (page - ashlar_half.directory_first) >> shift;
    size_t entries = ashlar_table_entries(paging, 2);
    spot->level = 2;
    spot->table = ashlar_half.directory + (slot >> ashlar_table_bits(paging, 2)) * ASHLAR_PAGE_BYTES;
    spot->index = (unsigned)(slot & (entries - 1u));
    spot->entry = ashlar_entry_peek(paging, spot->table, spot->index);
    if (lowest == 1 && ashlar_entry_is_link(paging, 2, spot->entry)) {
        spot->level = 1;
        spot->table = ashlar_half.array + ((page - ashlar_half.layout.kernel_first) >> shift) * ASHLAR_PAGE_BYTES;
        spot->index = (unsigned)(page & (((size_t)1 << shift) - 1u));
        spot->entry = ashlar_entry_peek(paging, spot->table, spot->index);
    }
}

void ashlar_spot_find(const struct ashlar_space *space, ashlar_vpn page, unsigned lowest, struct ashlar_spot *spot)
{
    const struct ashlar_paging *paging = paging_fold(ashlar_half.paging);
    if (space == NULL && ashlar_half.array != NULL && lowest <= 2 && page >= ashlar_half.layout.kernel_first) {
        find_in_array(paging, page, lowest, spot);
        return;
    }
    spot->window = true;
    spot->level = ashlar_paging_levels(paging);
    spot->table = ashlar_port_open_frame((ashlar_pfn)(ashlar_space_root(space) >> ASHLAR_PAGE_SHIFT));
    for (;;) {
        spot->index = ashlar_entry_index(paging, spot->level, page);
        spot->entry = ashlar_entry_load(paging, spot->table, spot->index);
        if (spot->level == lowest || !ashlar_entry_is_link(paging, spot->level, spot->entry)) {
            return;
        }
        void *below = ashlar_port_open_frame(ashlar_entry_frame(paging, spot->entry));
        ashlar_port_close_frame(spot->table);
        spot->table = below;
        spot->level--;
    }
}

/* Of a remembered word: the upper half is the slot's (there are 2^35 at most), the lower the table's. */
#define TAG_SHIFT (sizeof(uintptr_t) * 4u)

static inline uintptr_t tag_of(size_t slot)
{
    return slot / LEAF_TABLES + 1u;
}

COLD static __attribute__((noinline)) void *walk_to_table(size_t slot)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    struct ashlar_spot spot;
    ashlar_spot_find(NULL, ashlar_half.layout.kernel_first + (slot << ashlar_entry_shift(paging, 2)), 2, &spot);
    ASHLAR_ASSERT(spot.level == 2 && ashlar_entry_is_link(paging, 2, spot.entry));
    ashlar_pfn table = ashlar_entry_frame(paging, spot.entry);
    ashlar_spot_close(&spot);
    if (table >> TAG_SHIFT == 0) {
        atomic_store(&ashlar_half.leaf_tables[slot % LEAF_TABLES], tag_of(slot) << TAG_SHIFT | table);
    }
    return ashlar_port_open_frame(table);
}

/* One word has it all: whose table, and which. */
void *ashlar_leaf_table_open(size_t slot)
{
    uintptr_t word = atomic_load(&ashlar_half.leaf_tables[slot % LEAF_TABLES]);
    if (word >> TAG_SHIFT != tag_of(slot)) {
        return walk_to_table(slot);
    }
    return ashlar_port_open_frame(word & (((uintptr_t)1 << TAG_SHIFT) - 1u));
}

COLD void ashlar_array_show(unsigned level, ashlar_vpn page, ashlar_pfn table)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, level + 1u);
    if (layout->array_pages == 0) {
        return;
    }
    if (level == 1) {
        ashlar_kernel_set_page(layout->array_first + ((page - layout->kernel_first) >> shift), table);
    } else if (level == 2) {
        ashlar_kernel_set_page(ashlar_half.directory_page + ((page - ashlar_half.directory_first) >> shift), table);
    }
}

COLD void ashlar_kernel_set_page(ashlar_vpn page, ashlar_pfn frame)
{
    struct ashlar_spot spot;
    uint64_t bits = ashlar_entry_leaf_bits(ashlar_half.paging, ashlar_half.options.features, 1,
                                           ASHLAR_MAP_WRITE | ASHLAR_MAP_GLOBAL);
    ashlar_port_pin();
    ashlar_spot_find(NULL, page, 1, &spot);
    ASHLAR_ASSERT(spot.level == 1);
    ashlar_run_set(ashlar_half.paging, spot.table, spot.index, 1, &frame, bits);
    ashlar_spot_close(&spot);
    ashlar_port_unpin();
}

COLD size_t ashlar_spot_empty_pages(const struct ashlar_spot *spot, ashlar_vpn page, size_t limit)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned entries = ashlar_table_entries(paging, spot->level) - spot->index;
    size_t whole = (size_t)1 << ashlar_entry_shift(paging, spot->level);
    size_t empty = ashlar_run_first_nonempty(paging, spot->table, spot->index, entries);
    size_t pages = empty != 0 ? empty * whole - (page & (whole - 1u)) : 0;
    return pages < limit ? pages : limit;
}

COLD void ashlar_spot_describe(const struct ashlar_spot *spot, ashlar_vpn page, struct ashlar_mapping *mapping)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    mapping->page_pages = spot->level == 1 ? 1 : (size_t)1 << ashlar_entry_shift(paging, spot->level);
    mapping->frame = ashlar_entry_leaf_frame(paging, spot->level, spot->entry) + (page & (mapping->page_pages - 1u));
    mapping->flags = ashlar_entry_flags(paging, spot->level, spot->entry);
}
