/* SPDX-License-Identifier: 0BSD */
/* walk_mappings.c - what is mapped, as runs of equal pages.
 *
 * Looks at one table after another; a user space's lock is held for one table at
 * a time, never while the visitor runs. What changes meanwhile may be told of as
 * it was before or as it is after. Neighbouring pages are one run where flags
 * and page size agree, whatever their frames.
 *
 * Cost: O(tables + entries in them).
 */
#include "tables/half.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/check.h"
#include "base/contexts.h"
#include "tables/reach.h"

struct mapping_run {
    ashlar_vpn first;
    size_t pages;
    bool present;
    struct ashlar_mapping mapping;
};

/* Entries of the spot's table from this one on that are present alike, or absent. */
COLD static size_t equal_entries(const struct ashlar_spot *spot, size_t most, struct mapping_run *run)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned count = (unsigned)most;
    if (!run->present) {
        return ashlar_run_first_present(paging, spot->table, spot->index, count);
    }
    unsigned present = ashlar_run_first_absent(paging, spot->table, spot->index, count);
    unsigned equal = 1;
    while (equal < present &&
           ashlar_entry_flags(paging, 1, ashlar_entry_load(paging, spot->table, spot->index + equal)) ==
               run->mapping.flags) {
        equal++;
    }
    return equal;
}

/* Pages from this one on of absent entries above level 1, at most limit. */
COLD static size_t absent_pages(const struct ashlar_spot *spot, ashlar_vpn page, size_t limit)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned entries = ashlar_table_entries(paging, spot->level) - spot->index;
    size_t whole = (size_t)1 << ashlar_entry_shift(paging, spot->level);
    size_t absent = ashlar_run_first_present(paging, spot->table, spot->index, entries);
    size_t pages = absent * whole - (page & (whole - 1u));
    return pages < limit ? pages : limit;
}

/* What begins at page, at most limit pages long. */
COLD static void look_at_mappings(struct ashlar_space *space, ashlar_vpn page, size_t limit, struct mapping_run *run)
{
    struct ashlar_spot spot;
    uintptr_t interrupts = ashlar_half_enter(space);
    ashlar_spot_find(space, page, 1, &spot);
    size_t pages = ashlar_spot_pages(&spot, page, limit);
    run->first = page;
    run->present = ashlar_entry_is_present(spot.entry);
    if (run->present) {
        ashlar_spot_describe(&spot, page, &run->mapping);
    }
    if (spot.level == 1) {
        pages = equal_entries(&spot, pages, run);
    } else if (!run->present) {
        pages = absent_pages(&spot, page, limit);
    }
    run->pages = pages;
    ashlar_spot_close(&spot);
    ashlar_half_leave(space, interrupts);
}

COLD static bool continues_run(const struct mapping_run *run, const struct mapping_run *next)
{
    return run->present == next->present && (!run->present || (run->mapping.flags == next->mapping.flags &&
                                                               run->mapping.page_pages == next->mapping.page_pages));
}

COLD static int tell_run(const struct mapping_run *run, ashlar_mapping_visitor visit, void *context)
{
    return run->present && run->pages != 0 ? visit(context, run->first, run->pages, &run->mapping) : 0;
}

COLD void ashlar_space_walk_mappings(struct ashlar_space *space, ashlar_mapping_visitor visit, void *context)
{
    CONTEXTS(yes, yes, yes, no, no);
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    ashlar_vpn page = space != NULL ? layout->user_first : layout->kernel_first;
    size_t left = space != NULL ? layout->user_pages : layout->kernel_pages;
    struct mapping_run run = {page, 0, false, {0, 0, 0}};
    while (left != 0) {
        struct mapping_run next;
        look_at_mappings(space, page, left, &next);
        if (continues_run(&run, &next)) {
            run.pages += next.pages;
        } else if (tell_run(&run, visit, context) != 0) {
            return;
        } else {
            run = next;
        }
        page += next.pages;
        left -= next.pages;
    }
    (void)tell_run(&run, visit, context);
}
