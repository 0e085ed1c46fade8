/* SPDX-License-Identifier: 0BSD */
/* descriptor.h - descriptors of ranges, and where they lie in the strip: for ranges.c and its audit.
 *
 * Inline, as every take and give looks at a few of them.
 */
#ifndef ASHLAR_KVA_DESCRIPTOR_H
#define ASHLAR_KVA_DESCRIPTOR_H

#include "base/atomic.h"
#include "base/bits.h"
#include "kva/strip.h"
#include <stdbool.h>

#define GROUP_PAGES 8u /* of the strip: the first has buckets, the others descriptors */
#define PAGE_UNITS (ASHLAR_PAGE_BYTES / ASHLAR_RANGES_UNIT_BYTES)
#define PAGE_BUCKETS (ASHLAR_PAGE_BYTES / (uint32_t)sizeof(uint32_t))
#define RANGE_BINS (ASHLAR_RANGES_LEVELS * ASHLAR_RANGES_SUB_BINS)
#define RANGE_END PAGE_UNITS /* the first descriptor: neighbour of the lowest and of the highest range */

enum range_state { RANGE_UNUSED, RANGE_FREE, RANGE_TAKEN, RANGE_BOUND };

/* Fields that ranges_by_index reads without the lock are written by single stores. */
struct range_descriptor {
    ashlar_vpn first;
    size_t pages;
    uintptr_t tag;   /* of the owner; while free: the bin that it is in */
    uint32_t before; /* neighbours in order of address */
    uint32_t after;
    uint32_t chain; /* next in bin, bucket or unused; 0: none */
    uint32_t note;  /* of the owner; while free: the range before it in its bin */
    uint32_t state;
};

#define DESCRIPTOR_UNITS ((uint32_t)(sizeof(struct range_descriptor) / ASHLAR_RANGES_UNIT_BYTES))
#define PAGE_DESCRIPTORS (PAGE_UNITS / DESCRIPTOR_UNITS)

_Static_assert(sizeof(struct range_descriptor) % ASHLAR_RANGES_UNIT_BYTES == 0, "descriptors are named by units");
_Static_assert((GROUP_PAGES - 1u) * PAGE_DESCRIPTORS <= PAGE_BUCKETS, "a group has a bucket for each descriptor");

static inline struct range_descriptor *descriptor_at(const struct ashlar_ranges *r, uint32_t index)
{
    return (struct range_descriptor *)(void *)(r->strip + (size_t)index * ASHLAR_RANGES_UNIT_BYTES);
}

/* The place of the next descriptor: none straddles two pages, none lies among buckets. */
static inline uint32_t descriptor_after(uint32_t index)
{
    index += DESCRIPTOR_UNITS;
    if (index % PAGE_UNITS > PAGE_UNITS - DESCRIPTOR_UNITS) {
        index += PAGE_UNITS - index % PAGE_UNITS;
    }
    return index / PAGE_UNITS % GROUP_PAGES == 0 ? index + PAGE_UNITS : index;
}

/* Does this number, from wherever, name a descriptor of this state? */
static inline bool descriptor_is(const struct ashlar_ranges *r, uint32_t index, enum range_state state)
{
    uint32_t in_page = index % PAGE_UNITS;
    return index < atomic_load_u32(&r->fresh) && index / PAGE_UNITS % GROUP_PAGES != 0 &&
           in_page % DESCRIPTOR_UNITS == 0 && in_page <= PAGE_UNITS - DESCRIPTOR_UNITS &&
           load_acquire(&descriptor_at(r, index)->state) == (uint32_t)state;
}

static inline uint32_t *range_bucket_at(const struct ashlar_ranges *r, uint32_t bucket)
{
    size_t page = (size_t)(bucket / PAGE_BUCKETS) * GROUP_PAGES;
    return (uint32_t *)(void *)(r->strip + page * ASHLAR_PAGE_BYTES) + bucket % PAGE_BUCKETS;
}

/* Twice: multiply by the golden ratio, and fold the well mixed upper half into the lower. Once is not enough where first
 * pages are multiples of a large power of two (chains of 22 were seen). */
static inline uint32_t *range_bucket_of(const struct ashlar_ranges *r, ashlar_vpn first)
{
    const uintptr_t golden = (uintptr_t)0x9e3779b97f4a7c15u;
    uintptr_t mixed = first * golden;
    mixed = (mixed ^ mixed >> WORD_BITS / 2u) * golden;
    uint32_t bucket = (uint32_t)(mixed ^ mixed >> WORD_BITS / 2u) & r->bucket_mask;
    return range_bucket_at(r, bucket < r->buckets ? bucket : bucket & r->bucket_mask >> 1);
}

/* Sizes below 16 have a bin each; above, a bin is an eighth of a power of two. */
static inline unsigned range_bin_of(size_t pages)
{
    unsigned shift = word_log2(pages | ASHLAR_RANGES_SUB_BINS) - 3u;
    return shift * ASHLAR_RANGES_SUB_BINS + (unsigned)(pages >> shift);
}

static inline void describe_range(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    const struct range_descriptor *d = descriptor_at(r, index);
    info->first = load_acquire(&d->first);
    info->pages = load_acquire(&d->pages);
    info->tag = load_acquire(&d->tag);
    info->note = load_acquire(&d->note);
    info->index = index;
}

#endif
