/* SPDX-License-Identifier: 0BSD */
/* kernel_read.c - kernel memory that another CPU may take away, read nevertheless.
 *
 * Not by its address: between a look at the tables and the access the page may go,
 * and a report of a fault would fault itself. But by its frame, through a window: a
 * frame that is taken from the kernel half goes to nobody before every CPU has
 * answered the flush, and this one does not answer with interrupts off.
 *
 *     here                            the CPU that takes the page away
 *     interrupts off                  hide the entry
 *     read the entry: frame 5         ask all CPUs, and wait
 *     read frame 5 in a window          ...
 *     interrupts on, answer           frame 5 goes to the pool
 *
 * Tables of the kernel half are never given back. In an NMI it is the same: its CPU
 * answers when it is over; or this very CPU was at it, and the entry says absent.
 *
 * Cost: a walk for each page. Interrupts are off for one page at a time.
 */
#include "boot/kernel_read.h"

#include "arch/walk.h"
#include "base/check.h"
#include "base/mem.h"
#include <ashlar/port.h>
#include <ashlar/space.h>

/* Within one page. */
COLD static bool read_page(const struct ashlar_paging *paging, uintptr_t address, void *to, size_t bytes)
{
    ashlar_phys physical;
    uintptr_t interrupts = ashlar_port_irq_save();
    bool mapped = ashlar_walk_translate(paging, ashlar_space_root(NULL), address, &physical);
    if (mapped) {
        char *frame = ashlar_port_open_frame((ashlar_pfn)(physical >> ASHLAR_PAGE_SHIFT));
        memcpy(to, frame + (physical & (ASHLAR_PAGE_BYTES - 1u)), bytes);
        ashlar_port_close_frame(frame);
    }
    ashlar_port_irq_restore(interrupts);
    return mapped;
}

COLD bool ashlar_kernel_read(const struct ashlar_paging *paging, uintptr_t address, void *to, size_t bytes)
{
    char *next = to;
    while (bytes != 0) {
        size_t step = ASHLAR_PAGE_BYTES - (address & (ASHLAR_PAGE_BYTES - 1u));
        step = step < bytes ? step : bytes;
        if (!read_page(paging, address, next, step)) {
            return false;
        }
        address += step;
        next += step;
        bytes -= step;
    }
    return true;
}
