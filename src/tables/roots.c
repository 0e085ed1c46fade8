/* SPDX-License-Identifier: 0BSD */
/* roots.c - the kernel's slots in every root, and the list of address spaces.
 *
 * Invariants: a kernel slot, once set, is never cleared or repointed. A root that
 * joins enters the list first, with what is pending, and copies the reference's
 * slots afterwards, without the lock: what came into the reference before is
 * copied, and what comes later is pushed into a root that is in the list, or pulled
 * by one that knows an older generation. Pushing lets go of the lock every
 * PUSH_BATCH roots: a marker keeps the place in the list, and who joins meanwhile
 * finds the entries in `pending`.
 *
 * Cost: O(kernel slots) to join, O(1) of it with the lock held; O(1) to leave.
 */
#include "tables/roots.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/list.h"
#include "base/lock.h"

#define PUSH_BATCH 32u

/* Add the entry if the root lacks it; says whether it did. Two CPUs may both: they store the same. */
COLD bool ashlar_slot_add(void *root, unsigned slot, uint64_t entry)
{
    if (!ashlar_entry_is_present(entry) || ashlar_entry_is_present(ashlar_slot_load(root, slot))) {
        return false;
    }
    ashlar_entry_store(ashlar_half.paging, root, slot, entry);
    return true;
}

COLD size_t ashlar_slots_add(void *root, const struct growth *growth)
{
    size_t added = 0;
    for (unsigned i = 0; i < growth->count; i++) {
        added += ashlar_slot_add(root, growth->first + i, growth->entry[i]);
    }
    return added;
}

COLD size_t ashlar_slots_copy(void *root)
{
    size_t added = 0;
    void *reference = ashlar_root_open(ashlar_half.root);
    for (unsigned slot = ashlar_slot_of(ashlar_half.layout.kernel_first); slot < ashlar_slots_end(); slot++) {
        added += ashlar_slot_add(root, slot, ashlar_slot_load(reference, slot));
    }
    ashlar_port_close_frame(reference);
    return added;
}

/* Whoever changes the reference from when the lock is given finds this root in the list. It is nobody's to run in yet. */
COLD void ashlar_roots_join(struct ashlar_space *space, void *root)
{
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    space->generation = atomic_load_u32(&ashlar_half.generation);
    (void)ashlar_slots_add(root, &ashlar_half.pending);
    list_append(&ashlar_half.spaces, &space->link);
    ashlar_half.space_count++;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    (void)ashlar_slots_copy(root);
}

COLD void ashlar_roots_leave(struct ashlar_space *space)
{
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    list_remove(&space->link);
    ashlar_half.space_count--;
    ashlar_half.spaces_left++;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

/* The next batch of roots behind the marker; false at the list's end. The lock is held. */
COLD bool ashlar_roots_push_locked(struct ashlar_link *marker)
{
    for (unsigned i = 0; i < PUSH_BATCH; i++) {
        struct ashlar_link *link = marker->next;
        if (link == &ashlar_half.spaces) {
            return false;
        }
        void *root = ashlar_root_open(list_member(link, struct ashlar_space, link)->root);
        ashlar_half.root_writes += ashlar_slots_add(root, &ashlar_half.pending);
        ashlar_port_close_frame(root);
        list_remove(marker);
        list_append(link->next, marker);
    }
    return true;
}
