/* SPDX-License-Identifier: 0BSD */
/* walk_ranges.c - all kernel ranges, in order of address; and how many there are.
 *
 * A walk is resumed by address: the arena's lock is open while the visitor runs,
 * and where the last range was is looked at first. What is taken or given back
 * meanwhile is told of or not; what stays is told of once.
 *
 * Cost: O(ranges); a range that was given back while the visitor ran costs a
 * search from the start, under the lock.
 */
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "kva/arena.h"
#include "kva/kva_explain.h"
#include "space/leaves.h"

struct range_walk {
    ashlar_kva_visitor visit;
    void *context;
};

COLD static int tell_of_range(const struct range_walk *walk, const struct ashlar_range_info *range)
{
    struct ashlar_place place;
    ashlar_vpn first = ashlar_range_first(range);
    ashlar_range_place(range, first, &place);
    place.offset = 0;
    place.mapped = ashlar_leaf_is_mapped(first);
    return walk->visit(walk->context, &place);
}

COLD static int walk_ranges_of(struct arena *arena, const struct range_walk *walk)
{
    struct ashlar_range_info range;
    ashlar_vpn next = 0;
    uint32_t hints[2] = {0, 0};
    for (;;) {
        uintptr_t interrupts = ashlar_lock_take(&arena->lock);
        bool found = ashlar_ranges_next_locked(&arena->ranges, next, hints, &range);
        ashlar_lock_give(&arena->lock, interrupts);
        if (!found) {
            return 0;
        }
        if (tell_of_range(walk, &range) != 0) {
            return 1;
        }
        next = range.first + range.pages;
    }
}

COLD void ashlar_kva_walk_ranges(ashlar_kva_visitor visit, void *context)
{
    CONTEXTS(yes, yes, no, no, no);
    const struct range_walk walk = {visit, context};
    if (walk_ranges_of(&ashlar_kva.general, &walk) == 0) {
        (void)walk_ranges_of(&ashlar_kva.stacks, &walk);
    }
}

COLD static struct ashlar_ranges_stats count_ranges(struct arena *arena, size_t *given_pages)
{
    struct ashlar_ranges_stats stats;
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    ashlar_ranges_stats_locked(&arena->ranges, &stats);
    stats.live -= (uint32_t)arena->kept_count;
    *given_pages += arena->given_pages;
    ashlar_lock_give(&arena->lock, interrupts);
    return stats;
}

COLD void ashlar_kva_stats(struct ashlar_kva_stats *stats)
{
    CONTEXTS(yes, yes, yes, no, no);
    size_t given_pages = 0;
    const struct ashlar_ranges_stats general = count_ranges(&ashlar_kva.general, &given_pages);
    const struct ashlar_ranges_stats stacks = count_ranges(&ashlar_kva.stacks, &given_pages);
    stats->arena_free_pages = general.free_pages;
    stats->arena_largest_pages = general.largest_free_pages;
    stats->ranges = general.live;
    stats->stacks = stacks.live;
    stats->strip_frames = general.strip_pages + stacks.strip_pages;
    stats->purges = ashlar_kva.purges;
    stats->purge_pages = given_pages;
}
