/* SPDX-License-Identifier: 0BSD */
/* port.c - the port hooks that memory and MMU serve: windows, kernel pointers, flushes, roots.
 *
 * Apart from hooks.c, so that a test of a low floor may bring its own.
 */
#include "machine.h"
#include "sim.h"

#include <ashlar/port.h>

static void (*before_flush)(void);
static void (*before_open)(void);

void sim_before_flush(void (*hook)(void))
{
    before_flush = hook;
}

void sim_before_open(void (*hook)(void))
{
    before_open = hook;
}

static void tell(void)
{
    if (before_flush != NULL) {
        before_flush();
    }
}

void ashlar_port_flush_page(uintptr_t address)
{
    tell();
    sim_mmu_flush_page(ashlar_port_cpu(), address);
    sim_tlb_fill(ashlar_port_cpu(), address); /* a CPU may look again at once: at a table that is empty, but linked */
}

void ashlar_port_flush_all(void)
{
    tell();
    sim_mmu_flush_all(ashlar_port_cpu());
}

ashlar_phys ashlar_port_get_root(void)
{
    return sim_mmu_root(ashlar_port_cpu());
}

void ashlar_port_set_root(ashlar_phys root)
{
    sim_mmu_set_root(ashlar_port_cpu(), root);
}

void *ashlar_port_open_frame(ashlar_pfn frame)
{
    if (before_open != NULL) {
        before_open();
    }
    return sim_window_open(ashlar_port_cpu(), frame);
}

void ashlar_port_close_frame(void *pointer)
{
    sim_window_close(ashlar_port_cpu(), pointer);
}

void *ashlar_port_pointer(uintptr_t address)
{
    return sim_pointer(address);
}
