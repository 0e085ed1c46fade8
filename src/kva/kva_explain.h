/* SPDX-License-Identifier: 0BSD */
/* kva_explain.h - a range as a place, for reports. */
#ifndef ASHLAR_KVA_EXPLAIN_H
#define ASHLAR_KVA_EXPLAIN_H

#include "kva/ranges.h"
#include <ashlar/kva.h>

/* What this page is to the range in which it lies. Offset and mapped are left to the caller. */
void ashlar_range_place(const struct ashlar_range_info *range, ashlar_vpn page, struct ashlar_place *place);

#endif
