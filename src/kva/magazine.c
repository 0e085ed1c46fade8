/* SPDX-License-Identifier: 0BSD */
/* magazine.c - small ranges kept ready for their next user.
 *
 * A range of a few pages is taken and given back all the time: a stack, a
 * buffer. What that costs beside the pages themselves (a descriptor, a place in
 * the hash, guards, neighbours to merge with) is the same each time. So after
 * its flush a small range may stay a range, with its guards, but without pages,
 * in a chain of its size:
 *
 *     purge ──> keep ──> [4 pages] ──> [4 pages] ──> ...     take: the first one
 *
 * Kept ranges hold addresses only. They are a share of the arena at most, and go
 * back to it when addresses are short.
 *
 * Source: Bonwick and Adams, "Magazines and Vmem" (USENIX 2001): quantum caches.
 *
 * Cost: O(1); emptying O(ranges kept).
 */
#include "kva/magazine.h"

#include "base/check.h"
#include "base/lock.h"
#include "kva/guard.h"
#include "kva/lookup.h"
#include "space/leaves.h"

#define ARENA_SHARE 16u /* kept pages are at most 1 / this of an arena */

static bool can_be_kept(uint32_t note)
{
    uint32_t kind = note & RANGE_KIND_MASK;
    return kind == (uint32_t)RANGE_PAGES || kind == (uint32_t)RANGE_STACK;
}

static void take_kept_locked(struct arena *arena, const struct range_request *request, uint32_t index,
                             struct ashlar_range_info *range)
{
    ashlar_ranges_at_locked(&arena->ranges, index, range);
    arena->kept[request->pages] = (uint32_t)range->tag;
    arena->kept_pages -= range->pages;
    arena->kept_count--;
    range->note = (uint32_t)request->kind;
    ashlar_ranges_set_at_locked(&arena->ranges, index, range->note, ashlar_range_tag(request->name));
}

/* The pages are few, and the lock keeps this CPU. */
bool ashlar_magazine_take(struct arena *arena, const struct range_request *request, const ashlar_pfn *frames,
                          unsigned flags, ashlar_vpn *first)
{
    if (request->pages >= KEPT_SIZES || arena->kept[request->pages] == 0) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    uint32_t index = arena->kept[request->pages];
    if (index != 0) {
        struct ashlar_range_info range;
        take_kept_locked(arena, request, index, &range);
        *first = ashlar_range_first(&range);
        ashlar_leaves_set(*first, ashlar_range_pages(&range), frames, flags);
    }
    ashlar_lock_give(&arena->lock, interrupts);
    return index != 0;
}

bool ashlar_magazine_keep_locked(struct arena *arena, const struct ashlar_range_info *range)
{
    if (range->pages >= KEPT_SIZES || !can_be_kept(range->note) ||
        arena->kept_pages + range->pages > arena->ranges.pages / ARENA_SHARE) {
        return false;
    }
    ashlar_ranges_set_at_locked(&arena->ranges, range->index, (range->note & RANGE_KIND_MASK) | RANGE_KEPT,
                                arena->kept[range->pages]);
    arena->kept[range->pages] = range->index;
    arena->kept_pages += range->pages;
    arena->kept_count++;
    return true;
}

static uint32_t detach_kept(struct arena *arena, size_t size)
{
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    uint32_t chain = arena->kept[size];
    arena->kept[size] = 0;
    ashlar_lock_give(&arena->lock, interrupts);
    return chain;
}

/* It counts as kept up to here: so nothing is to be added up with the lock held, however long the chain is. */
COLD static void give_kept(struct arena *arena, const struct ashlar_range_info *range)
{
    ashlar_range_clear_guards(range);
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    arena->kept_pages -= range->pages;
    arena->kept_count--;
    (void)ashlar_ranges_give_locked(&arena->ranges, range->first, ASHLAR_CALLER());
    ashlar_lock_give(&arena->lock, interrupts);
}

COLD bool ashlar_magazines_empty(struct arena *arena)
{
    bool found = false;
    for (size_t size = 0; size < KEPT_SIZES; size++) {
        uint32_t chain = detach_kept(arena, size);
        while (chain != 0) {
            struct ashlar_range_info range;
            found = true;
            ashlar_ranges_at_locked(&arena->ranges, chain, &range); /* nobody else knows it any more */
            chain = (uint32_t)range.tag;
            give_kept(arena, &range);
        }
    }
    return found;
}
