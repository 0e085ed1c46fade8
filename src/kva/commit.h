/* SPDX-License-Identifier: 0BSD */
/* commit.h - pages of a range that the floor itself holds. */
#ifndef ASHLAR_KVA_COMMIT_H
#define ASHLAR_KVA_COMMIT_H

#include <ashlar/kva.h>

/* ashlar_kva_commit, of a range of whatever kind. */
ashlar_status ashlar_range_commit(ashlar_vpn first, size_t pages, unsigned flags);

#endif
