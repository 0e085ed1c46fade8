/* SPDX-License-Identifier: 0BSD */
/* addresses.h - taking addresses, whatever has to be fetched first. */
#ifndef ASHLAR_KVA_ADDRESSES_H
#define ASHLAR_KVA_ADDRESSES_H

#include "kva/arena.h"

/* The caller holds nothing that a reliever may wait for. */
ashlar_status ashlar_addresses_take(struct arena *arena, const struct range_request *request,
                                    struct ashlar_range_info *info);

#endif
