/* SPDX-License-Identifier: 0BSD */
/* kva_large.h - ranges in large pages. */
#ifndef ASHLAR_KVA_LARGE_H
#define ASHLAR_KVA_LARGE_H

#include "kva/ranges.h"

/* Pages of a large page of kernel ranges; 0: the format has none below the root. */
size_t ashlar_large_pages(void);
/* ashlar_kva_take for ASHLAR_MAP_LARGE; pages: at least a large page. */
ashlar_status ashlar_large_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first);
/* Leave the range to the next purge. Returns how many pages were missing. */
size_t ashlar_large_give(const struct ashlar_range_info *range);

#endif
