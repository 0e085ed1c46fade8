/* SPDX-License-Identifier: 0BSD */
/* roots.h - top-level slots of roots, and the list of address spaces. The caller is pinned. */
#ifndef ASHLAR_TABLES_ROOTS_H
#define ASHLAR_TABLES_ROOTS_H

#include "arch/entry.h"
#include "tables/kernel_half.h"
#include <ashlar/port.h>

static inline unsigned ashlar_slot_of(ashlar_vpn page)
{
    return ashlar_entry_index(ashlar_half.paging, ashlar_paging_levels(ashlar_half.paging), page);
}

static inline unsigned ashlar_slots_end(void)
{
    return ashlar_table_entries(ashlar_half.paging, ashlar_paging_levels(ashlar_half.paging));
}

static inline void *ashlar_root_open(ashlar_phys root)
{
    return ashlar_port_open_frame((ashlar_pfn)(root >> ASHLAR_PAGE_SHIFT));
}

static inline uint64_t ashlar_slot_load(const void *root, unsigned slot)
{
    return ashlar_entry_load(ashlar_half.paging, root, slot);
}

/* Add the entry if the root lacks it; says whether it did. Two CPUs may both: they store the same. */
bool ashlar_slot_add(void *root, unsigned slot, uint64_t entry);
size_t ashlar_slots_add(void *root, const struct growth *growth);
/* All kernel slots that the reference has and this root lacks. Returns how many. */
size_t ashlar_slots_copy(void *root);

/* A new root gets its kernel slots, and joins the list. */
void ashlar_roots_join(struct ashlar_space *space, void *root);
void ashlar_roots_leave(struct ashlar_space *space);

/* What is pending, into the next roots behind the marker; false at the list's end. The half's lock is held. */
bool ashlar_roots_push_locked(struct ashlar_link *marker);

#endif
