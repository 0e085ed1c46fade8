/* SPDX-License-Identifier: 0BSD */
/* asid.h - translations that a CPU keeps across switches. */
#ifndef ASHLAR_TABLES_ASID_H
#define ASHLAR_TABLES_ASID_H

#include "tables/kernel_half.h"
#include <stdbool.h>

/* Folds to false where no format has them. */
static inline bool ashlar_asids_are_used(void)
{
    return sizeof(uintptr_t) > 4u && ashlar_half.root_keep != 0;
}
/* What of this user half any CPU keeps is out of date, where it does not run now. Before the flush. */
void ashlar_asid_renew(struct ashlar_space *space);
/* What to load so that this CPU goes on with the space (NULL: the reference root). Interrupts off until it is loaded. */
ashlar_phys ashlar_asid_root(const struct ashlar_space *space, unsigned cpu);

#endif
