/* SPDX-License-Identifier: 0BSD */
/* hooks.c - the port hooks that are the same for every kernel on x86.
 *
 * Interrupts, the TLB and the root of this CPU; 32 and 64 bits. What depends on
 * how a kernel is made stays with the kernel: ashlar_port_cpu, pin and unpin,
 * context, fatal, log. window.c has open_frame and close_frame.
 *
 * A 486 may have no CR4: then it has no global translations either, and CR4 is not
 * looked at. CPUID is asked once, for it is slow in virtual machines.
 *
 * The low bits of CR3 are flags (PWT and PCD), or on 64-bit machines a PCID; a
 * PAE root is aligned to 32 bytes only.
 */
#include "cpu.h"
#include <ashlar/port.h>

#define CR3_FLAGS (sizeof(uintptr_t) == 8 ? (uintptr_t)0xfff : (uintptr_t)0x1f)

uintptr_t ashlar_port_irq_save(void)
{
    return x86_irq_save();
}

void ashlar_port_irq_restore(uintptr_t saved)
{
    x86_irq_restore(saved);
}

void ashlar_port_relax(void)
{
    x86_pause();
}

void ashlar_port_flush_page(uintptr_t address)
{
    x86_invlpg(address);
}

/* Zero where there is no CR4. Every CPU finds the same, so that they may find it at the same time. */
static uintptr_t cr4_or_zero(void)
{
    static volatile unsigned char known; /* 1: there is none; 2: there is one */
    if (sizeof(uintptr_t) == 4 && known == 0) {
        known = x86_has_cr4() ? 2 : 1;
    }
    return sizeof(uintptr_t) == 8 || known == 2 ? x86_read_cr4() : 0;
}

/* Global translations survive a load of CR3, and so do those of other PCIDs, but neither a change of CR4.PGE. */
void ashlar_port_flush_all(void)
{
    uintptr_t cr4 = cr4_or_zero();
    if ((cr4 & X86_CR4_PGE) == 0) {
        x86_write_cr3(x86_read_cr3());
        return;
    }
    uintptr_t interrupts = x86_irq_save();
    x86_write_cr4(cr4 & ~X86_CR4_PGE);
    x86_write_cr4(cr4);
    x86_irq_restore(interrupts);
}

ashlar_phys ashlar_port_get_root(void)
{
    return x86_read_cr3() & ~CR3_FLAGS;
}

void ashlar_port_set_root(ashlar_phys root)
{
    x86_write_cr3((uintptr_t)root);
}

void *ashlar_port_pointer(uintptr_t address)
{
    return (void *)address;
}
