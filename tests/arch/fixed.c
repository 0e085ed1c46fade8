/* SPDX-License-Identifier: 0BSD */
/* fixed.c - a format fixed at build time counts, whatever format is named. */
#define ASHLAR_PAGING_FIXED PAE
#include "arch/formats.h"

#include "tap.h"

int main(void)
{
    const struct ashlar_paging *named = &ashlar_paging_two_level;
    ok(paging_fold(named) != named, "another row than the one named");
    is_u(ashlar_paging_levels(named), 3, "levels of the fixed one");
    is_u(ashlar_entry_shift(named, 2), 9, "its large pages");
    is_u(ashlar_slot_shift(named), 18, "its slots");
    is_u(ashlar_entry_index(named, 2, 0x12345), 0x12345 >> 9 & 511, "its indexes");
    is_u(ashlar_entry_permission_bits(named), UINT64_C(0x8000000000000006), "its bits");
    ok(ashlar_paging_root_needs_reload(NULL), "no row is looked at");
    return done_testing();
}
