/* SPDX-License-Identifier: 0BSD */
/* lookup.h - taken ranges by the index of their descriptor, or by a page in them. */
#ifndef ASHLAR_KVA_LOOKUP_H
#define ASHLAR_KVA_LOOKUP_H

#include "kva/strip.h"
#include <stdbool.h>

/* A taken range by its index, which the owner knows to be one; other notes of the owner's for it. O(1). */
void ashlar_ranges_at_locked(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info);
void ashlar_ranges_set_at_locked(struct ashlar_ranges *r, uint32_t index, uint32_t note, uintptr_t tag);

/* Without a lock, for fault handlers. Any index may be asked for; false if it names no taken range. Exact for a range
 * that stays taken meanwhile; one that is just being taken or given may be seen half changed. O(1). */
bool ashlar_ranges_by_index(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info);

/* The range in which this page lies, likewise without a lock. Looks at every descriptor, follows no link: O(ranges), for reports. */
bool ashlar_ranges_containing(const struct ashlar_ranges *r, ashlar_vpn vpn, struct ashlar_range_info *info);

#endif
