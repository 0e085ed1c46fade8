/* SPDX-License-Identifier: 0BSD */
/* mode.h - the paging formats that this kernel's width can run with, as data. */
#ifndef KERNEL_MODE_H
#define KERNEL_MODE_H

#include <ashlar/paging.h>
#include <stdbool.h>

struct paging_mode {
    const char *word; /* after `paging=` on the command line */
    const struct ashlar_paging *paging;
    const struct ashlar_paging *paging_l1tf; /* the same for a CPU with L1TF */
    unsigned address_bits;
    unsigned levels;
    unsigned index_bits; /* of an address, for each level but the top, which has what is left */
    unsigned entry_bytes;
    unsigned root_entries;
    unsigned link;          /* bits of an entry of the root that names a table */
    uintptr_t cr4;          /* bits of CR4 that select it */
    uint64_t reserved_bits; /* of an entry: one that maps a page with these set faults; 0: there are none */
    bool is_wide;           /* addresses RAM above 4 GiB */
};

/* modes.c of each width: the first runs on every CPU that the image starts on. */
#define PAGING_MODES 2
extern const struct paging_mode paging_modes[PAGING_MODES];

/* Can this CPU run with it? */
bool mode_is_possible(const struct paging_mode *mode);
/* Worth it where nobody asked, given that there is RAM above 4 GiB or not. */
bool mode_is_preferred(const struct paging_mode *mode, bool high_ram);

#endif
