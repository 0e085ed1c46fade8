/* SPDX-License-Identifier: 0BSD */
/* fault.c - a page fault in the kernel's hands: which floor has an answer to it?
 *
 * Each floor has its share as a function of its own. A kernel page is first
 * looked for among demand regions: that takes one entry, and most faults of a
 * kernel that boots are those. What is left are tables that this root or this
 * CPU does not know yet; and if another CPU has brought a demand page meanwhile,
 * the tables say so, too.
 *
 * A handler may be there before the floors are: one that is not up has no answer.
 */
#include "base/contexts.h"
#include <ashlar/boot.h>

int ashlar_fault(uintptr_t address, unsigned error)
{
    CONTEXTS(yes, yes, yes, yes, no);
    return (ashlar_kva_layout()->kernel_pages != 0 && ashlar_kva_fault(address, error) != 0) ||
           (ashlar_space_layout()->kernel_pages != 0 && ashlar_space_fault(address, error) != 0);
}
