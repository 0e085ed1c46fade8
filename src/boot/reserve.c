/* SPDX-License-Identifier: 0BSD */
/* reserve.c - what stands in RAM already when the library comes up, and must not be handed out.
 *
 * The loader's own tables are the adapter's affair. Here: the image; the stack,
 * which is known by address, so that the tables in use say where it lies; and
 * those tables themselves. They are walked without recursion, a place in each
 * level, through two windows at most. Frames side by side become one
 * reservation: a loader may have made hundreds of tables, one after the other.
 *
 * Cost: O(entries of all tables in use).
 */
#include "boot/reserve.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "arch/walk.h"
#include "base/check.h"

/* Frames that were found in use, not yet told to the map. */
struct in_use {
    struct ashlar_memmap *map;
    ashlar_pfn first;
    size_t frames;
    const struct ashlar_boot *boot;
};

static void flush_found(struct in_use *found)
{
    if (found->frames != 0) {
        ashlar_memmap_reserve(found->map, (ashlar_phys)found->first << ASHLAR_PAGE_SHIFT,
                              (ashlar_phys)found->frames << ASHLAR_PAGE_SHIFT, ASHLAR_MEMMAP_KERNEL);
    }
    found->frames = 0;
}

static void add_frame(struct in_use *found, ashlar_pfn frame)
{
    ashlar_phys address = (ashlar_phys)frame << ASHLAR_PAGE_SHIFT;
    if (address - found->boot->image_base < found->boot->image_bytes) {
        return;
    }
    if (found->frames != 0 && frame == found->first + found->frames) {
        found->frames++;
        return;
    }
    flush_found(found);
    found->first = frame;
    found->frames = 1;
}

/* The next present entry of a table from *index on, which moves past it; false at the table's end. */
static bool next_present(const struct ashlar_paging *paging, ashlar_phys table, unsigned level, unsigned *index,
                         uint64_t *entry)
{
    unsigned entries = ashlar_table_entries(paging, level);
    char *window = ashlar_port_open_frame((ashlar_pfn)(table >> ASHLAR_PAGE_SHIFT));
    const void *first = window + (table & (ASHLAR_PAGE_BYTES - 1u));
    *index += ashlar_run_first_present(paging, first, *index, entries - *index);
    bool found = *index < entries;
    if (found) {
        *entry = ashlar_entry_load(paging, first, (*index)++);
    }
    ashlar_port_close_frame(window);
    return found;
}

static void reserve_tables(const struct ashlar_paging *paging, struct in_use *found)
{
    ashlar_phys table[PAGING_LEVELS_MAX + 1u];
    unsigned index[PAGING_LEVELS_MAX + 1u];
    unsigned top = ashlar_paging_levels(paging), level = top;
    table[level] = ashlar_port_get_root();
    index[level] = 0;
    add_frame(found, (ashlar_pfn)(table[level] >> ASHLAR_PAGE_SHIFT));
    while (level <= top) {
        uint64_t entry;
        if (!next_present(paging, table[level], level, &index[level], &entry)) {
            level++;
        } else if (ashlar_entry_is_link(paging, level, entry)) {
            add_frame(found, ashlar_entry_frame(paging, entry));
            if (level > 2) {
                level--;
                table[level] = (ashlar_phys)ashlar_entry_frame(paging, entry) << ASHLAR_PAGE_SHIFT;
                index[level] = 0;
            }
        }
    }
}

static void reserve_stack(const struct ashlar_boot *boot, struct in_use *found)
{
    uintptr_t address = boot->stack_address & ~(uintptr_t)(ASHLAR_PAGE_BYTES - 1u);
    size_t pages = (boot->stack_address - address + boot->stack_bytes + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT;
    for (size_t i = 0; i < pages; i++, address += ASHLAR_PAGE_BYTES) {
        ashlar_phys physical;
        if (ashlar_walk_translate(boot->paging, ashlar_port_get_root(), address, &physical)) {
            add_frame(found, (ashlar_pfn)(physical >> ASHLAR_PAGE_SHIFT));
        }
    }
}

void ashlar_boot_reserve(const struct ashlar_boot *boot)
{
    struct in_use found = {boot->map, 0, 0, boot};
    ashlar_memmap_reserve(boot->map, boot->image_base, boot->image_bytes, ASHLAR_MEMMAP_KERNEL);
    ashlar_port_pin();
    reserve_tables(boot->paging, &found);
    reserve_stack(boot, &found);
    ashlar_port_unpin();
    flush_found(&found);
}
