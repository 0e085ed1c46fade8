/* SPDX-License-Identifier: 0BSD */
/* space_audit.c - do the tables say what the floor believes?
 *
 * In the kernel half: the linear array shows each table of the half, and holes
 * where there is none; the number of tables is the one that was counted; there
 * is a deposit for each large page that is marked. In every root: its kernel
 * slots, and a low image, are those of the reference, accessed and dirty apart. In every user
 * space: tables and mapped pages are as many as were counted.
 *
 * Nobody may change the kernel half meanwhile. Of each user half the audit is
 * the changer; where somebody else is, the answer is "busy".
 *
 * Cost: O(kernel space / page, and the tables of every space).
 */
#include "tables/half.h"

#include "arch/entry.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/token.h"
#include "tables/home.h"
#include "tables/policy.h"
#include "tables/reach.h"

/* --- tables ---------------------------------------------------------------------- */

typedef bool (*spot_test)(const struct ashlar_spot *spot);

COLD static bool spot_is_link(const struct ashlar_spot *spot)
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
        size_t step = ashlar_spot_empty_pages(&spot, page, pages);
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

/* Of the user half, and those that lead to a low image. */
COLD static size_t count_user_tables(const struct ashlar_space *space)
{
    size_t tables = 0;
    for (unsigned level = 1; level < ashlar_paging_levels(ashlar_half.paging); level++) {
        ashlar_vpn first = level == 1 ? ashlar_half.layout.user_first : 0; /* the image's of level 1 are shared */
        tables += count_level(space, level, first, ashlar_user_end() - first, spot_is_link);
    }
    return tables;
}

/* Does the array's page show this table, or nothing if there is none? */
COLD static bool array_shows(ashlar_vpn array_page, uint64_t link, bool linked)
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
        if (!array_shows(layout->array_first + slot, spot.entry, linked)) {
            return "space: the linear array shows another table than the one that is linked";
        }
    }
    return NULL;
}

/* Those that lay made and those that were linked since, on the way to a low image as well; the home's of level 1 came with
 * the image. */
COLD static const char *audit_kernel_tables(void)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    const struct ashlar_space_options *options = &ashlar_half.options;
    ashlar_vpn first = ashlar_user_end();
    size_t pages = layout->kernel_first + layout->kernel_pages - first;
    size_t found = 1u + ashlar_home_tables();
    for (unsigned level = 1; level < ashlar_paging_levels(ashlar_half.paging); level++) {
        found += count_level(NULL, level, first, pages, spot_is_link);
    }
    if (layout->user_first == 0) {
        found -= count_level(NULL, 1, options->home_first, options->home_pages, spot_is_link);
    }
    return found == layout->table_frames + ashlar_half.table_frames
               ? NULL
               : "space: there are other kernel tables than those that were counted";
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

COLD static int add_mapped_pages(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)first;
    (void)mapping;
    *(size_t *)context += pages;
    return 0;
}

/* By its changer: its tables stay as they are. */
COLD static const char *audit_space(struct ashlar_space *space)
{
    size_t mapped = 0;
    if (!kernel_slots_agree(space)) {
        return "space: a root's kernel slots are not those of the reference";
    }
    if (!ashlar_home_agrees(space->root)) {
        return "space: a root has another low image than the reference";
    }
    if (count_user_tables(space) != space->table_frames + ashlar_home_tables()) {
        return "space: an address space has other tables than those that were counted";
    }
    ashlar_space_walk_mappings(space, add_mapped_pages, &mapped);
    return mapped == space->mapped_pages ? NULL : "space: other user pages are mapped than those that were counted";
}

#define BUSY "space: busy: an address space, or the kernel half, is changed during the audit"

struct spaces_walk {
    bool busy;
    size_t counted; /* on the way */
    size_t wanted;  /* in the list, at its end */
    size_t left;    /* spaces that had left the list before */
};

/* The next one of the list, with its token, so that it stays there; NULL at the end, or if somebody changes it. */
COLD static struct ashlar_space *next_space(const struct ashlar_link *link, struct spaces_walk *walk)
{
    struct ashlar_space *space = NULL;
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    if (link->next != &ashlar_half.spaces) {
        space = list_member(link->next, struct ashlar_space, link);
        walk->busy = !ashlar_token_try(&space->changing);
    } else {
        walk->busy = ashlar_half.spaces_left != walk->left; /* among those that were counted */
        walk->wanted = ashlar_half.space_count;
    }
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    return walk->busy ? NULL : space;
}

/* Nobody pushes entries into roots meanwhile: that leaves marks in the list. */
COLD static const char *audit_spaces(void)
{
    struct spaces_walk walk = {false, 0, 0, ashlar_half.spaces_left};
    const char *broken = NULL;
    if (!ashlar_token_try(&ashlar_half.growing)) {
        return BUSY;
    }
    struct ashlar_space *space = next_space(&ashlar_half.spaces, &walk);
    while (space != NULL) {
        broken = broken != NULL ? broken : audit_space(space);
        struct ashlar_space *next = next_space(&space->link, &walk);
        ashlar_token_give(&space->changing);
        space = next;
        walk.counted++;
    }
    ashlar_token_give(&ashlar_half.growing);
    if (broken == NULL && walk.busy) {
        broken = BUSY;
    }
    if (broken == NULL && walk.counted != walk.wanted) {
        broken = "space: the list has other address spaces than those that were counted";
    }
    return broken;
}

COLD const char *ashlar_space_audit(void)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_port_pin();
    const char *broken = audit_array();
    broken = broken != NULL ? broken : audit_kernel_tables();
    broken = broken != NULL ? broken : audit_deposits();
    broken = broken != NULL ? broken : audit_spaces();
    ashlar_port_unpin();
    return broken;
}
