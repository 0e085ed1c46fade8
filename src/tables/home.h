/* SPDX-License-Identifier: 0BSD */
/* home.h - the kernel's low addresses in every root. The caller is pinned. */
#ifndef ASHLAR_TABLES_HOME_H
#define ASHLAR_TABLES_HOME_H

#include "tables/kernel_half.h"

#define HOME_LEVEL 2u /* of its entries, which are taken over and shared: each is of 2 or 4 MiB */

/* A new root gets the home of a low image, through as many tables of its own as ashlar_home_tables says. */
void ashlar_home_join(void *root, const ashlar_pfn *tables);
/* Those tables go to the pool. Nobody runs under this root any more. */
void ashlar_home_leave(ashlar_phys root);

/* Do all roots have the home as the reference has it, accessed and dirty apart? */
bool ashlar_home_agrees(ashlar_phys root);

#endif
