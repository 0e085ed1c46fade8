/* SPDX-License-Identifier: 0BSD */
/* space_fault.c - faults that the tables have an answer to.
 *
 * A root may lack a kernel slot that the reference has, where the policy pulls:
 * the one entry is copied. Pulling takes no lock: it only adds what the reference
 * already has, and two CPUs that do so write the same. Where the CPU keeps the
 * root's entries (PAE), an entry in memory may still be unknown to it: the fault
 * loads the root again. And a page may be there by now, since another CPU has
 * just mapped it.
 *
 * Cost: one walk.
 */
#include "tables/half.h"

#include "arch/error_code.h"
#include "arch/walk.h"
#include "base/check.h"
#include "base/contexts.h"
#include "tables/policy.h"
#include "tables/roots.h"

/* Copy the one entry that the root in use lacks. CR3 says which root that is: between setting `current` and loading the
 * root, or on a stack that is not the task's, nothing else does. */
COLD static bool pull_one_slot(ashlar_phys root_in_use, ashlar_vpn page)
{
    if (!BUILT_PULL || !ashlar_half.sharing->pull_on_fault || root_in_use == ashlar_half.root) {
        return false;
    }
    void *reference = ashlar_root_open(ashlar_half.root);
    void *root = ashlar_root_open(root_in_use);
    bool added = ashlar_slot_add(root, ashlar_slot_of(page), ashlar_slot_load(reference, ashlar_slot_of(page)));
    ashlar_port_close_frame(root);
    ashlar_port_close_frame(reference);
    if (added) {
        ashlar_half.root_writes++;
        ashlar_half.pulls++;
    }
    return added;
}

/* Do the tables allow the access by now? */
COLD static bool tables_allow(ashlar_phys root, ashlar_vpn page, unsigned error)
{
    struct ashlar_walk found;
    ashlar_walk(ashlar_half.paging, root, page, &found);
    unsigned wanted = (error & FAULT_WRITE) != 0 ? ASHLAR_MAP_WRITE : 0u;
    wanted |= (error & FAULT_FETCH) != 0 ? ASHLAR_MAP_EXEC : 0u;
    wanted |= (error & FAULT_USER) != 0 ? ASHLAR_MAP_USER : 0u;
    return found.frame != ASHLAR_PFN_NONE && (found.flags & wanted) == wanted;
}

/* Is a page of the user half mapped, while this CPU has not read the root's entry yet (PAE), or still remembers a table
 * that another CPU is taking away? What the page does not allow the next fault says. With interrupts off no table is given
 * back meanwhile: that waits for this CPU's answer. */
COLD static bool may_retry_user(ashlar_vpn page)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_phys root = ashlar_port_get_root();
    bool retry = tables_allow(root, page, 0);
    if (retry && ashlar_paging_root_needs_reload(ashlar_half.paging)) {
        ashlar_port_set_root(root);
    }
    ashlar_port_irq_restore(interrupts);
    return retry;
}

COLD int ashlar_space_fault(uintptr_t address, unsigned error)
{
    CONTEXTS(yes, yes, yes, yes, no);
    const struct ashlar_paging *paging = ashlar_half.paging;
    ashlar_vpn page = ashlar_paging_page(paging, address);
    if ((error & (FAULT_PRESENT | FAULT_RESERVED)) != 0 || !ashlar_paging_address_is_valid(paging, address)) {
        return 0;
    }
    if (page < ashlar_user_end()) {
        return may_retry_user(page);
    }
    if ((error & FAULT_USER) != 0 || page < ashlar_half.layout.kernel_first) {
        return 0;
    }
    ashlar_port_pin();
    ashlar_phys root = ashlar_port_get_root();
    bool retry = pull_one_slot(root, page) || tables_allow(root, page, error);
    if (retry && ashlar_paging_root_needs_reload(paging)) {
        ashlar_port_set_root(root);
    }
    ashlar_port_unpin();
    return retry;
}
