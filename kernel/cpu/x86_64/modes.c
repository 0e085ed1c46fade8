/* SPDX-License-Identifier: 0BSD */
/* modes.c - four levels, and five.
 *
 * Five are taken wherever the CPU has them: it is the larger case, and this
 * kernel is there to show it.
 */
#include "cpu/mode.h"

#include "cpu/feature.h"

const struct paging_mode paging_modes[PAGING_MODES] = {
    {.word = "4-level",
     .paging = &ashlar_paging_4level,
     .paging_l1tf = &ashlar_paging_4level,
     .address_bits = 48,
     .levels = 4,
     .index_bits = 9,
     .entry_bytes = 8,
     .root_entries = 512,
     .link = 0x23,
     .cr4 = X86_CR4_PAE,
     .reserved_bits = (uint64_t)1 << 51,
     .is_wide = true},
    {.word = "5-level",
     .paging = &ashlar_paging_5level,
     .paging_l1tf = &ashlar_paging_5level,
     .address_bits = 57,
     .levels = 5,
     .index_bits = 9,
     .entry_bytes = 8,
     .root_entries = 512,
     .link = 0x23,
     .cr4 = X86_CR4_PAE | X86_CR4_LA57,
     .reserved_bits = (uint64_t)1 << 51,
     .is_wide = true},
};

bool mode_is_possible(const struct paging_mode *mode)
{
    return mode == &paging_modes[0] || feature_has(FEATURE_LA57);
}

bool mode_is_preferred(const struct paging_mode *mode, bool high_ram)
{
    (void)high_ram;
    return mode == &paging_modes[1] && mode_is_possible(mode);
}
