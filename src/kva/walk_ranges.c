/* SPDX-License-Identifier: 0BSD */
/* walk_ranges.c - all kernel ranges, in order of address; and how many there are.
 *
 * Cost: O(ranges), with the arena's lock held.
 */
#include "base/check.h"
#include "base/lock.h"
#include "kva/arena.h"
#include "kva/kva_explain.h"
#include "space/leaves.h"

struct range_walk {
    ashlar_kva_visitor visit;
    void *context;
};

COLD static int tell_of_range(void *context, const struct ashlar_range_info *range)
{
    const struct range_walk *walk = context;
    struct ashlar_place place;
    ashlar_vpn first = ashlar_range_first(range);
    ashlar_range_place(range, first, &place);
    place.offset = 0;
    place.mapped = ashlar_leaf_is_mapped(first);
    return walk->visit(walk->context, &place);
}

COLD static int walk_ranges_of(struct arena *arena, struct range_walk *walk)
{
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    int stopped = ashlar_ranges_walk_locked(&arena->ranges, tell_of_range, walk);
    ashlar_lock_give(&arena->lock, interrupts);
    return stopped;
}

COLD void ashlar_kva_walk_ranges(ashlar_kva_visitor visit, void *context)
{
    struct range_walk walk = {visit, context};
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
