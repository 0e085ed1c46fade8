/* SPDX-License-Identifier: 0BSD */
/* asid.c - translations that outlive a change of the root.
 *
 * Where the CPU tags its translations (x86: PCIDs), a space that it comes back
 * to need not be walked anew. Each CPU has a few ASIDs and says which space each
 * of them is about. What it does not run it is not asked to flush either: that
 * would be an interrupt for nothing. Instead each space has an *epoch*, a number
 * that is never used twice; a flush gives it another one, and what a CPU keeps
 * counts only under the epoch that it was kept for:
 *
 *     shooter                                CPU that switches, interrupts off
 *     entries are changed                    set its bit in space->cpus
 *     space->epoch = a new number            read space->epoch
 *     flush here                               the one of its ASID: keep
 *     read the CPUs that run in it, ask them   another one: forget
 *                                            load the root
 *
 * Both sides write before they read, by read-modify-writes or with one between.
 * So either the CPU sees the new epoch, and forgets; or the shooter sees its bit,
 * and the CPU answers after the load, with the space's own ASID in use. What a CPU
 * does between two flushes of a space it runs is lost with the second: it forgets
 * more than it must when it comes back.
 *
 * The kernel half is not concerned: its pages are global, so a flush of one
 * reaches it under every ASID, and tables of it are never given back. On some
 * CPUs (Intel's Alder and Raptor Lake before a microcode of 2023) INVLPG may
 * leave global translations while PCIDs are on; a kernel that runs on one says
 * so by a feature, and every change of the kernel half is a flush of all then.
 *
 * Cost: O(ASIDs of a CPU), 8, for a switch. Source: Intel SDM vol. 3, 4.10.1
 * and 4.10.4.1.
 */
#include "tables/asid.h"

#include "base/atomic.h"

void ashlar_asid_renew(struct ashlar_space *space)
{
    atomic_store(&space->epoch, atomic_fetch_add(&ashlar_half.epochs, 1) + 1u);
}

/* The ASID of this space on this CPU, or one that is taken over. */
static unsigned choose_asid(struct asids *asids, const struct ashlar_space *space)
{
    for (unsigned i = 0; i < ASIDS; i++) {
        if (asids->asid[i].space == space) {
            return i;
        }
    }
    return asids->next++ % ASIDS;
}

ashlar_phys ashlar_asid_root(const struct ashlar_space *space, unsigned cpu)
{
    bool kept = true;
    unsigned number = 0;
    if (space != NULL) {
        struct asids *asids = &ashlar_half.cpus[cpu].asids;
        const struct asid now = {space, atomic_load(&space->epoch)};
        unsigned index = choose_asid(asids, space);
        kept = asids->asid[index].space == space && asids->asid[index].epoch == now.epoch;
        asids->asid[index] = now;
        number = index + 1u;
    }
    ashlar_half.cpus[cpu].root_keeps += kept;
    return ashlar_space_root(space) | number | (kept ? ashlar_half.root_keep : 0);
}
