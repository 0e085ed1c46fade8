/* SPDX-License-Identifier: 0BSD */
/* modes.c - two-level paging and PAE.
 *
 * PAE is worth its larger tables where the CPU can forbid execution, or where
 * there is RAM that two-level paging cannot name.
 */
#include "cpu/mode.h"

#include "cpu/feature.h"

const struct paging_mode paging_modes[PAGING_MODES] = {
    {.word = "two-level",
     .paging = &ashlar_paging_two_level,
     .paging_l1tf = &ashlar_paging_two_level,
     .address_bits = 32,
     .levels = 2,
     .index_bits = 10,
     .entry_bytes = 4,
     .root_entries = 1024,
     .link = 0x23},
    {.word = "pae",
     .paging = &ashlar_paging_pae,
     .paging_l1tf = &ashlar_paging_pae_l1tf,
     .address_bits = 32,
     .levels = 3,
     .index_bits = 9,
     .entry_bytes = 8,
     .root_entries = 4,
     .link = 0x01, /* the root has no permissions */
     .cr4 = X86_CR4_PAE,
     .reserved_bits = (uint64_t)1 << 51,
     .is_wide = true},
};

/* A library that is built for one format answers for that one, whichever it is asked about: then it is two-level. */
bool mode_is_possible(const struct paging_mode *mode)
{
    bool has_both = ashlar_paging_name(paging_modes[0].paging) != ashlar_paging_name(paging_modes[1].paging);
    return mode == &paging_modes[0] || (has_both && feature_has(FEATURE_PAE));
}

bool mode_is_preferred(const struct paging_mode *mode, bool high_ram)
{
    return mode_is_possible(mode) && mode->is_wide && (feature_has(FEATURE_NX) || high_ram);
}
