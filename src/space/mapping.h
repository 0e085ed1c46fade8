/* SPDX-License-Identifier: 0BSD */
/* mapping.h - parts of whole operations, for other operations that are made of them. */
#ifndef ASHLAR_SPACE_MAPPING_H
#define ASHLAR_SPACE_MAPPING_H

#include <ashlar/space.h>

/* In the kernel half. Out of reach of every CPU, the frame numbers kept in the entries. Fails as a cursor that changes. */
ashlar_status ashlar_pages_withdraw(ashlar_vpn first, size_t pages);
/* Then: the frames of hidden pages go to the pool; returns how many. Other entries stay as they are. */
size_t ashlar_pages_collect(ashlar_vpn first, size_t pages);
/* ashlar_map_flags_status, and whether they go with this space (NULL: the kernel half). */
ashlar_status ashlar_flags_status(const struct ashlar_space *space, unsigned flags);
/* May these frames be mapped so? */
ashlar_status ashlar_linear_status(const struct ashlar_space *space, size_t pages, ashlar_pfn frame, unsigned flags);

#endif
