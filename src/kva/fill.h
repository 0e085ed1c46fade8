/* SPDX-License-Identifier: 0BSD */
/* fill.h - ranges of single pages of the pool, of whatever kind. */
#ifndef ASHLAR_KVA_FILL_H
#define ASHLAR_KVA_FILL_H

#include "kva/kinds.h"

/* All or nothing. first: of the pages proper. */
ashlar_status ashlar_range_take(enum range_kind kind, size_t pages, unsigned flags, const char *name,
                                ashlar_vpn *first);

#endif
