/* SPDX-License-Identifier: 0BSD */
/* audit.c - do the tables say what the floor believes?
 *
 * In the kernel half: the ranges are sound; nothing is mapped where nobody holds
 * addresses; every guard page is absent and names its range; ranges that are
 * kept ready, or wait for a purge, are those of their chains; the linear array
 * shows each table of the half, and holes where there is none; the number of
 * tables is the one that was counted. In every root: its kernel slots are those
 * of the reference, accessed and dirty apart. In every user space: tables and
 * mapped pages are as many as were counted.
 *
 * Nobody may change mappings meanwhile. Locks are taken one after the other.
 *
 * Cost: O(kernel space / page, and the tables of every space).
 */
#include "space/internal.h"

#include "arch/entry.h"

/* --- kernel ranges ------------------------------------------------------------- */

/* Where the walk over an arena has come to. */
struct gaps {
    const struct arena *arena;
    ashlar_vpn next;
    size_t kept_pages; /* of ranges that are marked so, up to here */
    size_t given_pages;
    const char *broken;
};

/* Pages from this one on of which the spot's table says nothing, at most limit: none if the entry is not empty. */
COLD static size_t empty_pages(const struct ashlar_spot *spot, ashlar_vpn page, size_t limit)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned entries = ashlar_table_entries(paging, spot->level) - spot->index;
    size_t whole = (size_t)1 << ashlar_entry_shift(paging, spot->level);
    size_t empty = ashlar_run_first_nonempty(paging, spot->table, spot->index, entries);
    size_t pages = empty != 0 ? empty * whole - (page & (whole - 1u)) : 0;
    return pages < limit ? pages : limit;
}

COLD static bool all_absent(ashlar_vpn page, size_t pages)
{
    while (pages != 0) {
        struct ashlar_spot spot;
        ashlar_spot_find(NULL, page, 1, &spot);
        size_t step = empty_pages(&spot, page, pages);
        ashlar_spot_close(&spot);
        if (step == 0) {
            return false;
        }
        page += step;
        pages -= step;
    }
    return true;
}

COLD static bool names(ashlar_vpn guard, const struct ashlar_range_info *range)
{
    struct ashlar_range_info found;
    return ashlar_guard_range(guard, &found) && found.first == range->first && found.index == range->index;
}

/* Behind large pages it is empty: there may be no table for a note. */
COLD static bool guard_above_is_sound(const struct ashlar_range_info *range)
{
    ashlar_vpn guard = range->first + range->pages - 1u;
    if ((range->note & RANGE_KIND_MASK) == (uint32_t)RANGE_LARGE) {
        return all_absent(guard, 1);
    }
    return ashlar_range_guards_above(range->note) == 0 || names(guard, range);
}

COLD static int check_range(void *context, const struct ashlar_range_info *range)
{
    struct gaps *gaps = context;
    if (!all_absent(gaps->next, range->first - gaps->next)) {
        gaps->broken = "space: something is mapped where nobody holds the addresses";
    } else if (ashlar_range_guards_below(range->note) != 0 && !names(range->first, range)) {
        gaps->broken = "space: the guard below a range does not name it";
    } else if (!guard_above_is_sound(range)) {
        gaps->broken = "space: the guard behind a range does not name it";
    }
    if ((range->note & RANGE_KEPT) != 0 &&
        !all_absent(range->first + ashlar_range_guards_below(range->note), ashlar_range_pages(range))) {
        gaps->broken = "space: a range that is kept ready has something mapped";
    }
    gaps->next = range->first + range->pages;
    gaps->kept_pages += (range->note & RANGE_KEPT) != 0 ? range->pages : 0;
    gaps->given_pages += (range->note & RANGE_GIVEN) != 0 ? range->pages : 0;
    return gaps->broken != NULL;
}

/* Ranges of this size that are kept ready: adds up those of its chain; false if another one is in it, or it has no end. */
COLD static bool add_chain(const struct arena *arena, size_t size, size_t *count)
{
    struct ashlar_range_info range;
    for (uint32_t index = arena->kept[size]; index != 0; index = (uint32_t)range.tag) {
        if (!ashlar_ranges_by_index(&arena->ranges, index, &range) || (range.note & RANGE_KEPT) == 0 ||
            range.pages != size || *count == arena->kept_count) {
            return false;
        }
        *count += 1;
    }
    return true;
}

COLD static const char *audit_chains(const struct arena *arena, const struct gaps *gaps)
{
    size_t count = 0;
    for (size_t size = 0; size < KEPT_SIZES; size++) {
        if (!add_chain(arena, size, &count)) {
            return "space: a chain of ranges that are kept ready has one that is not";
        }
    }
    if (count != arena->kept_count || gaps->kept_pages != arena->kept_pages) {
        return "space: ranges that are kept ready are miscounted";
    }
    return gaps->given_pages == arena->given_pages ? NULL : "space: ranges that wait for a purge are miscounted";
}

COLD static const char *audit_arena(struct arena *arena)
{
    struct gaps gaps = {.arena = arena, .next = arena->ranges.first};
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    const char *broken = ashlar_ranges_audit_locked(&arena->ranges);
    if (broken == NULL) {
        (void)ashlar_ranges_walk_locked(&arena->ranges, check_range, &gaps);
        broken = gaps.broken != NULL ? gaps.broken : audit_chains(arena, &gaps);
    }
    if (broken == NULL && !all_absent(gaps.next, arena->ranges.first + arena->ranges.pages - gaps.next)) {
        broken = "space: something is mapped where nobody holds the addresses";
    }
    if (broken == NULL && !all_absent(arena->strip_first + ashlar_ranges_backed_pages(&arena->ranges),
                                      arena->strip_pages - ashlar_ranges_backed_pages(&arena->ranges))) {
        broken = "space: a strip is backed beyond what its ranges know of";
    }
    ashlar_lock_give(&arena->lock, interrupts);
    return broken;
}

/* --- tables ---------------------------------------------------------------------- */

typedef bool (*spot_test)(const struct ashlar_spot *spot);

COLD static bool is_link(const struct ashlar_spot *spot)
{
    return ashlar_entry_is_link(ashlar_half.paging, spot->level, spot->entry);
}

/* Entries of the level above for [page, page + pages) that pass: such as tables of this level that are linked. */
COLD static size_t count_level(const struct ashlar_space *space, unsigned level, ashlar_vpn page, size_t pages,
                               spot_test test)
{
    size_t found = 0;
    while (pages != 0) {
        struct ashlar_spot spot;
        ashlar_spot_find(space, page, level + 1u, &spot);
        size_t whole = (size_t)1 << ashlar_entry_shift(ashlar_half.paging, spot.level);
        size_t step = empty_pages(&spot, page, pages);
        if (step == 0) {
            step = whole - (page & (whole - 1u));
            found += spot.level == level + 1u && test(&spot);
        }
        ashlar_spot_close(&spot);
        step = step < pages ? step : pages;
        page += step;
        pages -= step;
    }
    return found;
}

COLD static size_t count_tables(const struct ashlar_space *space, ashlar_vpn page, size_t pages)
{
    size_t tables = 0;
    for (unsigned level = 1; level < ashlar_paging_levels(ashlar_half.paging); level++) {
        tables += count_level(space, level, page, pages, is_link);
    }
    return tables;
}

/* Does the array's page show this table, or nothing if there is none? */
COLD static bool shows(ashlar_vpn array_page, uint64_t link, bool linked)
{
    struct ashlar_spot spot;
    ashlar_spot_find(NULL, array_page, 1, &spot);
    ashlar_spot_close(&spot);
    if (!linked) {
        return spot.entry == 0;
    }
    return spot.level == 1 && ashlar_entry_is_present(spot.entry) &&
           ashlar_entry_frame(ashlar_half.paging, spot.entry) == ashlar_entry_frame(ashlar_half.paging, link);
}

COLD static const char *audit_array(void)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, 2);
    size_t slots = ashlar_half.array != NULL ? layout->kernel_pages >> shift : 0;
    for (size_t slot = 0; slot < slots; slot++) {
        struct ashlar_spot spot;
        ashlar_spot_find(NULL, layout->kernel_first + (slot << shift), 2, &spot);
        ashlar_spot_close(&spot);
        bool linked = spot.level == 2 && ashlar_entry_is_link(ashlar_half.paging, 2, spot.entry);
        if (!shows(layout->array_first + slot, spot.entry, linked)) {
            return "space: the linear array shows another table than the one that is linked";
        }
    }
    return NULL;
}

/* Those that lay made and those that were linked since; the image's own came with it. */
COLD static const char *audit_kernel_tables(void)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    ashlar_vpn first = ashlar_user_pages();
    ashlar_vpn image = ashlar_half.options.image_first;
    size_t counted = layout->table_frames + ashlar_half.table_frames;
    size_t found = 1u;
    for (unsigned level = 1; level < ashlar_paging_levels(ashlar_half.paging); level++) {
        size_t whole = (size_t)1 << ashlar_entry_shift(ashlar_half.paging, level + 1u);
        found += count_level(NULL, level, first, round_down(image, whole) - first, is_link);
    }
    return found == counted ? NULL : "space: there are other kernel tables than those that were counted";
}

/* As many are kept as large pages are marked, whether those are there or wait to be collected. */
COLD static const char *audit_deposits(void)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    size_t marked = count_level(NULL, 1, layout->arena_first, layout->arena_pages, ashlar_spot_is_deposited);
    size_t kept = 0;
    ashlar_pfn frame = ashlar_half.deposits;
    for (; kept < ashlar_half.deposit_count; kept++) {
        const uintptr_t *words = ashlar_port_open_frame(frame);
        frame = words[0];
        ashlar_port_close_frame((void *)(uintptr_t)words);
    }
    return marked == kept && frame == 0 ? NULL
                                        : "space: there are other large pages than tables that are kept for them";
}

/* --- address spaces ---------------------------------------------------------------- */

COLD static bool kernel_slots_agree(const struct ashlar_space *space)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned top = ashlar_paging_levels(paging);
    const void *root = ashlar_port_open_frame((ashlar_pfn)(space->root >> ASHLAR_PAGE_SHIFT));
    const void *reference = ashlar_port_open_frame((ashlar_pfn)(ashlar_half.root >> ASHLAR_PAGE_SHIFT));
    bool agree = true;
    for (unsigned slot = ashlar_entry_index(paging, top, ashlar_half.layout.kernel_first);
         slot < ashlar_table_entries(paging, top); slot++) {
        uint64_t entry = ashlar_entry_load(paging, root, slot);
        uint64_t different = entry ^ ashlar_entry_load(paging, reference, slot);
        bool behind = entry == 0 && ashlar_half.sharing->pull_on_fault;
        agree = agree && (behind || (different & ~ashlar_entry_mmu_bits(paging)) == 0);
    }
    ashlar_port_close_frame((void *)(uintptr_t)reference);
    ashlar_port_close_frame((void *)(uintptr_t)root);
    return agree;
}

COLD static int add_pages(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)first;
    (void)mapping;
    *(size_t *)context += pages;
    return 0;
}

COLD static const char *audit_space(struct ashlar_space *space)
{
    size_t mapped = 0;
    if (!kernel_slots_agree(space)) {
        return "space: a root's kernel slots are not those of the reference";
    }
    if (count_tables(space, 0, ashlar_user_pages()) != space->table_frames) {
        return "space: an address space has other tables than those that were counted";
    }
    ashlar_space_walk_mappings(space, add_pages, &mapped);
    return mapped == space->mapped_pages ? NULL : "space: other user pages are mapped than those that were counted";
}

COLD static const char *audit_spaces(void)
{
    size_t count = 0;
    const char *broken = NULL;
    for (struct ashlar_link *link = ashlar_half.spaces.next; link != &ashlar_half.spaces && broken == NULL;
         link = link->next) {
        broken = audit_space(list_member(link, struct ashlar_space, link));
        count++;
    }
    if (broken == NULL && count != ashlar_half.space_count) {
        broken = "space: the list has other address spaces than those that were counted";
    }
    return broken;
}

COLD const char *ashlar_space_audit(void)
{
    ashlar_port_pin();
    const char *broken = audit_arena(&ashlar_half.general);
    broken = broken != NULL ? broken : audit_arena(&ashlar_half.stacks);
    broken = broken != NULL ? broken : audit_array();
    broken = broken != NULL ? broken : audit_kernel_tables();
    broken = broken != NULL ? broken : audit_deposits();
    broken = broken != NULL ? broken : audit_spaces();
    ashlar_port_unpin();
    return broken;
}
