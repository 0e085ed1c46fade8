/* SPDX-License-Identifier: 0BSD */
/* ranges_audit.c - all ranges of an arena: walked, counted, and checked against each other.
 *
 * Cost: O(ranges).
 */
#include "kva/ranges.h"

#include "base/check.h"
#include "kva/descriptor.h"
#include "kva/lookup.h"

/* A range below, wherever it is by now: those from `from` on come behind it. */
COLD static uint32_t hint_below(const struct ashlar_ranges *r, ashlar_vpn from, const uint32_t hints[2])
{
    for (unsigned i = 0; i < 2; i++) {
        struct ashlar_range_info info;
        if (hints[i] != 0 && ashlar_ranges_by_index(r, hints[i], &info) && info.first < from) {
            return hints[i];
        }
    }
    return RANGE_END;
}

COLD bool ashlar_ranges_next_locked(const struct ashlar_ranges *r, ashlar_vpn from, uint32_t hints[2],
                                    struct ashlar_range_info *info)
{
    uint32_t index = hint_below(r, from, hints);
    for (index = descriptor_at(r, index)->after; index != RANGE_END; index = descriptor_at(r, index)->after) {
        if (ashlar_ranges_by_index(r, index, info) && info->first >= from) {
            hints[1] = hints[0];
            hints[0] = index;
            return true;
        }
    }
    return false;
}

COLD int ashlar_ranges_walk_locked(const struct ashlar_ranges *r, ashlar_ranges_visitor visit, void *context)
{
    int answer = 0;
    for (uint32_t index = descriptor_at(r, RANGE_END)->after; index != RANGE_END && answer == 0;
         index = descriptor_at(r, index)->after) {
        struct ashlar_range_info info;
        if (ashlar_ranges_by_index(r, index, &info)) {
            answer = visit(context, &info);
        }
    }
    return answer;
}

#define STATS_STEPS 1024u /* with the lock held */

COLD void ashlar_ranges_stats_locked(const struct ashlar_ranges *r, struct ashlar_ranges_stats *stats)
{
    size_t largest_pages = 0;
    if (r->level_bits != 0) {
        unsigned level = word_log2(r->level_bits);
        uint32_t index = r->bins[level * ASHLAR_RANGES_SUB_BINS + u32_log2(r->sub_bits[level])];
        for (unsigned i = 0; index != 0 && i < STATS_STEPS; index = descriptor_at(r, index)->chain, i++) {
            largest_pages =
                descriptor_at(r, index)->pages > largest_pages ? descriptor_at(r, index)->pages : largest_pages;
        }
    }
    stats->free_pages = r->free_pages;
    stats->largest_free_pages = largest_pages;
    stats->live = r->live;
    stats->strip_pages = r->strip_pages;
    stats->steps_worst = r->steps_worst;
}

/* --- audit --------------------------------------------------------------------- */

/* Descriptors that the strip has below this place. */
COLD static uint32_t descriptors_below(uint32_t index)
{
    uint32_t page = index / PAGE_UNITS;
    uint32_t bucket_pages = (page + GROUP_PAGES - 1u) / GROUP_PAGES;
    return (page - bucket_pages) * PAGE_DESCRIPTORS + index % PAGE_UNITS / DESCRIPTOR_UNITS;
}

COLD static const char *audit_range_order(const struct ashlar_ranges *r, uint32_t *free_ranges)
{
    ashlar_vpn next = r->first;
    size_t free_pages = 0;
    uint32_t before = RANGE_END;
    uint32_t taken = 0;
    for (uint32_t index = descriptor_at(r, RANGE_END)->after; index != RANGE_END;
         index = descriptor_at(r, index)->after) {
        bool is_free = descriptor_is(r, index, RANGE_FREE);
        if (!is_free && !descriptor_is(r, index, RANGE_TAKEN)) {
            return "a range's neighbour is no range";
        }
        const struct range_descriptor *d = descriptor_at(r, index);
        if (d->before != before || d->first != next || d->pages == 0 || d->pages > r->pages) {
            return "a range does not begin where the one before it ends";
        }
        if (is_free && descriptor_at(r, before)->state == RANGE_FREE) {
            return "two free ranges are neighbours";
        }
        taken += !is_free;
        *free_ranges += is_free;
        free_pages += is_free ? d->pages : 0;
        before = index;
        next += d->pages;
    }
    if (descriptor_at(r, RANGE_END)->before != before || next != r->first + r->pages) {
        return "the ranges do not cover the arena";
    }
    return taken == r->live && free_pages == r->free_pages ? NULL : "counts of taken ranges or free pages are wrong";
}

COLD static const char *audit_range_bins(const struct ashlar_ranges *r, uint32_t free_ranges)
{
    for (unsigned bin = 0; bin < RANGE_BINS; bin++) {
        unsigned level = bin / ASHLAR_RANGES_SUB_BINS;
        uint32_t before = 0;
        if ((r->bins[bin] != 0) != ((r->sub_bits[level] >> bin % ASHLAR_RANGES_SUB_BINS & 1u) != 0) ||
            (r->sub_bits[level] != 0) != ((r->level_bits >> level & 1u) != 0)) {
            return "a bin's bit is wrong";
        }
        for (uint32_t index = r->bins[bin]; index != 0; index = descriptor_at(r, index)->chain) {
            if (!descriptor_is(r, index, RANGE_FREE) || descriptor_at(r, index)->note != before ||
                descriptor_at(r, index)->tag != bin || range_bin_of(descriptor_at(r, index)->pages) != bin ||
                free_ranges-- == 0) {
                return "a bin has what does not belong there";
            }
            before = index;
        }
    }
    return free_ranges == 0 ? NULL : "a free range is in no bin";
}

COLD static const char *audit_range_hash(const struct ashlar_ranges *r)
{
    uint32_t left = r->live;
    uint32_t groups = (r->strip_pages + GROUP_PAGES - 1u) / GROUP_PAGES;
    if (r->buckets < PAGE_BUCKETS || (r->buckets - 1u) / PAGE_BUCKETS >= groups) {
        return "buckets of the hash are not backed";
    }
    for (uint32_t bucket = 0; bucket < r->buckets; bucket++) {
        const uint32_t *head = range_bucket_at(r, bucket);
        for (uint32_t index = *head; index != 0; index = descriptor_at(r, index)->chain) {
            if (!descriptor_is(r, index, RANGE_TAKEN) || range_bucket_of(r, descriptor_at(r, index)->first) != head ||
                left-- == 0) {
                return "a bucket has what does not belong there";
            }
        }
    }
    return left == 0 ? NULL : "a taken range is in no bucket";
}

COLD static const char *audit_spare_descriptors(const struct ashlar_ranges *r, uint32_t free_ranges)
{
    uint32_t all = descriptors_below(r->strip_pages * PAGE_UNITS);
    uint32_t left = r->spare;
    if (all != 1u + free_ranges + r->live + r->spare) {
        return "descriptors are lost";
    }
    for (uint32_t index = r->unused; index != 0; index = descriptor_at(r, index)->chain) {
        if (!descriptor_is(r, index, RANGE_UNUSED) || left-- == 0) {
            return "a descriptor in use is among the unused ones";
        }
    }
    return left == all - descriptors_below(r->fresh) ? NULL : "the count of spare descriptors is wrong";
}

COLD const char *ashlar_ranges_audit_locked(const struct ashlar_ranges *r)
{
    uint32_t free_ranges = 0;
    const char *broken = audit_range_hash(r);
    if (broken == NULL) {
        broken = audit_range_order(r, &free_ranges);
    }
    if (broken == NULL) {
        broken = audit_range_bins(r, free_ranges);
    }
    return broken != NULL ? broken : audit_spare_descriptors(r, free_ranges);
}
