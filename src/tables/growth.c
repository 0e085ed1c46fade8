/* SPDX-License-Identifier: 0BSD */
/* growth.c - the kernel half gets top-level entries that it lacks.
 *
 * A step makes the tables first; then, under the lock, writes the entries into
 * every root, where the policy pushes, and into the reference last. So the
 * reference's entry is there before an address below it is published. One thread
 * grows at a time, and others wait for it without a lock.
 *
 * Cost: O(roots) where the policy pushes, else O(1).
 */
#include "tables/growth.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/token.h"
#include "tables/policy.h"
#include "tables/reach.h"
#include "tables/roots.h"

static ashlar_vpn slot_first_page(unsigned slot)
{
    return (ashlar_vpn)slot << ashlar_slot_shift(ashlar_half.paging);
}

/* The first slot from this one up to the last that the reference lacks; last + 1 if it has them all. */
COLD static unsigned first_missing(unsigned slot, unsigned last)
{
    ashlar_port_pin();
    void *reference = ashlar_root_open(ashlar_half.root);
    while (slot <= last && ashlar_entry_is_present(ashlar_slot_load(reference, slot))) {
        slot++;
    }
    ashlar_port_close_frame(reference);
    ashlar_port_unpin();
    return slot;
}

COLD static unsigned step_slots(void)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned bytes = ashlar_half.sharing->step == SHARING_LINE ? CACHE_LINE_BYTES : 0u;
    unsigned slots = bytes / ashlar_paging_entry_bytes(paging);
    return slots == 0 || slots >= ashlar_slots_end() ? 1u : slots; /* PAE's root is less than a line */
}

/* A table for this slot, zeroed; the entry that names it. */
COLD static ashlar_status make_slot_table(unsigned slot, uint64_t *entry)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned top = ashlar_paging_levels(paging);
    ashlar_pfn frame;
    struct ashlar_frames_request request = {0, ashlar_paging_table_limit(paging), ASHLAR_FRAMES_ANY_NODE,
                                            ASHLAR_FRAMES_MAY_USE_RESERVE};
    ashlar_status status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    if (status != ASHLAR_OK) {
        return status;
    }
    ashlar_port_pin();
    void *table = ashlar_port_open_frame(frame);
    memset(table, 0, ASHLAR_PAGE_BYTES);
    ashlar_port_close_frame(table);
    ashlar_array_show(top - 1u, slot_first_page(slot), frame);
    ashlar_port_unpin();
    *entry = (uint64_t)frame << ASHLAR_PAGE_SHIFT | ashlar_entry_link_bits(paging, top, 0);
    return ASHLAR_OK;
}

/* Tables for the step in which this slot lies; only for itself where there are not enough frames. */
COLD static ashlar_status prepare_growth(unsigned slot)
{
    struct growth *growth = &ashlar_half.prepared;
    unsigned step = step_slots();
    unsigned first = slot & ~(step - 1u);
    unsigned kernel = ashlar_slot_of(ashlar_half.layout.kernel_first);
    growth->first = slot;
    growth->count = 1;
    ashlar_status status = make_slot_table(slot, &growth->entry[0]);
    if (status != ASHLAR_OK) {
        return status;
    }
    while (growth->first > first && growth->first > kernel &&
           first_missing(growth->first - 1u, growth->first - 1u) < growth->first) {
        uint64_t entry;
        if (make_slot_table(growth->first - 1u, &entry) != ASHLAR_OK) {
            break;
        }
        memmove(&growth->entry[1], &growth->entry[0], growth->count * sizeof growth->entry[0]);
        growth->entry[0] = entry;
        growth->first--;
        growth->count++;
    }
    for (unsigned next = slot + 1u; next < first + step && first_missing(next, next) == next; next++) {
        if (make_slot_table(next, &growth->entry[growth->count]) != ASHLAR_OK) {
            break;
        }
        growth->count++;
    }
    return ASHLAR_OK;
}

/* Into every root, if the policy says so; then into the reference. */
COLD static void publish_growth(void)
{
    const struct growth *growth = &ashlar_half.prepared;
    struct ashlar_link marker;
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    ashlar_half.pending = *growth;
    if (BUILT_PUSH && ashlar_half.sharing->push) {
        list_append(ashlar_half.spaces.next, &marker);
        while (ashlar_roots_push_locked(&marker)) {
            ashlar_lock_give(&ashlar_half.lock, interrupts);
            ashlar_port_relax();
            interrupts = ashlar_lock_take(&ashlar_half.lock);
        }
        list_remove(&marker);
    }
    void *reference = ashlar_root_open(ashlar_half.root);
    (void)ashlar_slots_add(reference, growth);
    ashlar_port_close_frame(reference);
    ashlar_half.pending.count = 0;
    ashlar_half.table_frames += growth->count;
    atomic_store_u32(&ashlar_half.generation, ashlar_half.generation + 1u);
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

/* One thread grows at a time. */
COLD static ashlar_status grow_slots(unsigned slot, unsigned last)
{
    ashlar_status status = ASHLAR_OK;
    if (!ashlar_token_get(&ashlar_half.growing)) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    while (status == ASHLAR_OK && (slot = first_missing(slot, last)) <= last) {
        status = prepare_growth(slot);
        if (status == ASHLAR_OK) {
            publish_growth();
        }
    }
    ashlar_token_give(&ashlar_half.growing);
    return status;
}

COLD ashlar_status ashlar_kernel_grow(ashlar_vpn first, size_t pages)
{
    unsigned last = ashlar_slot_of(first + pages - 1u);
    if (first_missing(ashlar_slot_of(first), last) > last) {
        return ASHLAR_OK;
    }
    return grow_slots(ashlar_slot_of(first), last);
}
