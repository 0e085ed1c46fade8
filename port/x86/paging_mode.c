/* SPDX-License-Identifier: 0BSD */
/* paging_mode.c - which format of page tables a CPU runs with, by its control registers.
 *
 * Intel SDM vol. 3, 4.1.1: long mode (EFER.LMA) has four levels, or five with CR4.LA57; without it CR4.PAE decides. So what the
 * loader or the kernel has turned on is asked of the CPU, not remembered: boot.paging cannot be another one.
 */
#include "paging_mode.h"

#include "cpu.h"

#define CR0_PG ((uintptr_t)1 << 31)
#define EFER_LMA ((uint64_t)1 << 10)

const struct ashlar_paging *ashlar_x86_paging(uintptr_t cr0, uintptr_t cr4, uint64_t efer)
{
    if ((cr0 & CR0_PG) == 0) {
        return 0;
    }
    if ((efer & EFER_LMA) != 0) {
        return (cr4 & X86_CR4_LA57) != 0 ? &ashlar_paging_5level : &ashlar_paging_4level;
    }
    return (cr4 & X86_CR4_PAE) != 0 ? &ashlar_paging_pae : &ashlar_paging_two_level;
}
