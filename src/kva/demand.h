/* SPDX-License-Identifier: 0BSD */
/* demand.h - regions whose pages come when they are touched. */
#ifndef ASHLAR_KVA_DEMAND_H
#define ASHLAR_KVA_DEMAND_H

#include "kva/ranges.h"

/* The range was claimed. */
void ashlar_demand_give(const struct ashlar_range_info *range);

#endif
