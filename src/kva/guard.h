/* SPDX-License-Identifier: 0BSD */
/* guard.h - notes in absent entries, and the ranges that they name. */
#ifndef ASHLAR_KVA_GUARD_H
#define ASHLAR_KVA_GUARD_H

#include "kva/ranges.h"

/* The number that guards of a range hold, and the range that it names. */
uintptr_t ashlar_guard_note(const struct ashlar_range_info *range);
bool ashlar_note_range(uintptr_t note, struct ashlar_range_info *range);
/* The range whose guard page this is, found without a search or a lock; false if it is none. Any context. */
bool ashlar_guard_range(ashlar_vpn page, struct ashlar_range_info *range);
/* The notes in its guards go; its pages were collected. Any context. */
void ashlar_range_clear_guards(const struct ashlar_range_info *range);

#endif
