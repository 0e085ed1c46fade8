/* SPDX-License-Identifier: 0BSD */
/* half.h - addresses of the kernel half, and where it begins. */
#ifndef ASHLAR_TABLES_HALF_H
#define ASHLAR_TABLES_HALF_H

#include "arch/formats.h"
#include "tables/kernel_half.h"

/* The address of a page: page numbers have no sign extension, addresses do. */
static inline uintptr_t ashlar_page_address(ashlar_vpn page)
{
    return ashlar_paging_address(ashlar_half.paging, page);
}

/* Where tables of a user half (NULL: the kernel's) are read by others than its changer: no table is given back meanwhile.
 * Locks: SPACE, none for the kernel half. */
uintptr_t ashlar_half_enter(struct ashlar_space *space);
void ashlar_half_leave(struct ashlar_space *space, uintptr_t interrupts);

/* One past the last page of the user half: the kernel's first top-level slot, or the canonical hole. */
static inline ashlar_vpn ashlar_user_end(void)
{
    return ashlar_half.layout.user_first + ashlar_half.layout.user_pages;
}

/* Tables that each root has of its own, so that a low image is in it: of all levels from 2 on, below the root. */
static inline unsigned ashlar_home_tables(void)
{
    return ashlar_half.layout.user_first != 0 ? ashlar_paging_levels(ashlar_half.paging) - 2u : 0;
}

#endif
