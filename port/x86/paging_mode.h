/* SPDX-License-Identifier: 0BSD */
/* paging_mode.h - the format that a CPU runs with. */
#ifndef ASHLAR_PORT_X86_PAGING_MODE_H
#define ASHLAR_PORT_X86_PAGING_MODE_H

#include <ashlar/paging.h>
#include <stdint.h>

/* What these registers mean, for struct ashlar_boot; NULL: paging is off. cr4 is 0 where there is none, efer where a CPU has no such
 * register (MSR C0000080h). A CPU with L1TF that runs with PAE may as well be given ashlar_paging_pae_l1tf. Pure. */
const struct ashlar_paging *ashlar_x86_paging(uintptr_t cr0, uintptr_t cr4, uint64_t efer);

#endif
