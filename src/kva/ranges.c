/* SPDX-License-Identifier: 0BSD */
/* ranges.c - boundary tags for page numbers, kept out of the pages.
 *
 * The arena is cut into ranges, taken or free, without gaps. Each has a
 * descriptor that knows its neighbours in order of address, so a range that is
 * given back merges with both at once, and no two free ranges ever touch.
 * Descriptors are named by 32-bit indexes: units of 16 bytes from the strip's
 * start. Each is in one further list, through its `chain`:
 *
 *     order   [END] <-> [free 0..7] <-> [taken 8..11] <-> [free 12..99] <-> [END]
 *     bins    free ones, doubly linked: eight for each power of two, two levels
 *             of bitmaps above them (TLSF)
 *     hash    taken ones, by their first page
 *     unused  descriptors that are in nobody's hands
 *
 *     strip   page 0        1 .. 7        8        9 .. 15       16
 *             [buckets][descriptors ...][buckets][descriptors ...][...
 *
 * Take: the head of the bin of just this size, if it fits (that is what was
 * given last); else the first bin of which *every* range fits, alignment
 * included; else a search of at most 32 links through the bins between, where
 * some may. The rest in front and behind goes back into the bins, so a take
 * needs at most two descriptors more and a give none: hungry means fewer than
 * two. Takes are from a free range's front; those that want to keep apart from
 * the others, from the end of one of the largest.
 *
 * The hash is linear: when there are more taken ranges than buckets, one bucket
 * is split. A page of buckets comes before the descriptors that could want it.
 * So nothing is ever moved as a whole, and a take splits one bucket at most.
 *
 * Invariants: the ranges cover the arena; no two free ones are neighbours; each
 * free one is in its own bin, each taken one in its own bucket; bits tell which
 * bins are empty; a descriptor below `fresh` has a state; END + free + taken +
 * spare descriptors are all that the strip has (ranges_audit.c).
 *
 * Cost: O(1), expected for the hash. Sources: Knuth 2.5 (boundary tags);
 * Masmano, Ripoll, Crespo, Real, "TLSF" (ECRTS 2004); Bonwick and Adams,
 * "Magazines and Vmem" (USENIX 2001); Litwin, "Linear hashing" (VLDB 1980).
 */
#include "kva/ranges.h"

#include "base/check.h"
#include "base/mem.h"
#include "kva/descriptor.h"
#include "kva/lookup.h"

#define EXACT_STEPS 32u
#define TAKE_DESCRIPTORS 2u /* what is left in front, and behind */

/* --- the strip ------------------------------------------------------------ */

/* r->spare is not 0. */
static uint32_t take_descriptor(struct ashlar_ranges *r)
{
    uint32_t index = r->unused;
    r->spare--;
    if (index != 0) {
        r->unused = descriptor_at(r, index)->chain;
        return index;
    }
    index = atomic_load_u32(&r->fresh);
    store_relaxed(&descriptor_at(r, index)->state, RANGE_UNUSED);
    atomic_store_u32(&r->fresh, descriptor_after(index));
    return index;
}

static void give_descriptor(struct ashlar_ranges *r, uint32_t index)
{
    store_relaxed(&descriptor_at(r, index)->state, RANGE_UNUSED);
    descriptor_at(r, index)->chain = r->unused;
    r->unused = index;
    r->spare++;
}

bool ashlar_ranges_hungry(const struct ashlar_ranges *r)
{
    return r->spare < TAKE_DESCRIPTORS && r->strip_pages < r->strip_pages_max;
}

COLD void ashlar_ranges_feed_locked(struct ashlar_ranges *r)
{
    ASHLAR_CHECK(r->strip_pages < r->strip_pages_max, "kva: strip of %u pages fed beyond its end by %p",
                 r->strip_pages_max, ASHLAR_CALLER());
    if (r->strip_pages % GROUP_PAGES != 0) {
        r->spare += PAGE_DESCRIPTORS;
    }
    r->strip_pages++;
}

size_t ashlar_ranges_strip_pages(size_t pages)
{
    size_t wanted = pages / 128u + ASHLAR_RANGES_FIRST_PAGES;
    return wanted < ASHLAR_RANGES_STRIP_PAGES_MAX ? wanted : ASHLAR_RANGES_STRIP_PAGES_MAX;
}

/* --- hash of taken ranges -------------------------------------------------- */

/* The link that holds the index of the range that begins at first; it holds 0 if none does. */
static __attribute__((noinline)) uint32_t *range_link_of(struct ashlar_ranges *r, ashlar_vpn first)
{
    uint32_t *link = range_bucket_of(r, first);
    while (*link != 0 && descriptor_at(r, *link)->first != first) {
        link = &descriptor_at(r, *link)->chain;
        r->steps++;
    }
    return link;
}

static void range_hash_insert(struct ashlar_ranges *r, uint32_t index)
{
    uint32_t *bucket = range_bucket_of(r, descriptor_at(r, index)->first);
    descriptor_at(r, index)->chain = *bucket;
    *bucket = index;
}

/* One bucket more: what belongs there was in the bucket that has the same lower bits. */
COLD static void split_bucket(struct ashlar_ranges *r)
{
    uint32_t *old = range_bucket_at(r, r->buckets & r->bucket_mask >> 1);
    uint32_t index = *old;
    *old = 0;
    *range_bucket_at(r, r->buckets) = 0;
    r->bucket_mask |= r->buckets++;
    while (index != 0) {
        uint32_t next = descriptor_at(r, index)->chain;
        range_hash_insert(r, index);
        index = next;
        r->steps++;
    }
}

/* --- bins of free ranges ---------------------------------------------------- */

static void range_bin_insert(struct ashlar_ranges *r, uint32_t index)
{
    struct range_descriptor *d = descriptor_at(r, index);
    unsigned bin = range_bin_of(d->pages);
    store_relaxed(&d->state, RANGE_FREE);
    store_relaxed(&d->tag, bin);
    store_relaxed(&d->note, 0);
    d->chain = r->bins[bin];
    if (d->chain != 0) {
        store_relaxed(&descriptor_at(r, d->chain)->note, index);
    }
    r->bins[bin] = index;
    r->sub_bits[bin / ASHLAR_RANGES_SUB_BINS] |= (uint8_t)(1u << bin % ASHLAR_RANGES_SUB_BINS);
    r->level_bits |= (uintptr_t)1 << bin / ASHLAR_RANGES_SUB_BINS;
}

static void range_bin_remove(struct ashlar_ranges *r, uint32_t index)
{
    const struct range_descriptor *d = descriptor_at(r, index);
    unsigned bin = (unsigned)d->tag;
    unsigned level = bin / ASHLAR_RANGES_SUB_BINS;
    if (d->chain != 0) {
        store_relaxed(&descriptor_at(r, d->chain)->note, d->note);
    }
    if (d->note != 0) {
        descriptor_at(r, d->note)->chain = d->chain;
        return;
    }
    r->bins[bin] = d->chain;
    if (d->chain == 0) {
        r->sub_bits[level] &= (uint8_t) ~(1u << bin % ASHLAR_RANGES_SUB_BINS);
        r->level_bits &= ~((uintptr_t)(r->sub_bits[level] == 0) << level);
    }
}

/* The first bin from this one on that is not empty; BINS if none is. */
static unsigned range_bin_from(const struct ashlar_ranges *r, unsigned bin)
{
    unsigned level = bin / ASHLAR_RANGES_SUB_BINS;
    uint32_t bits = r->sub_bits[level] & (0xffu << bin % ASHLAR_RANGES_SUB_BINS);
    if (bits == 0) {
        uintptr_t levels = r->level_bits & ~word_mask(level + 1u);
        if (levels == 0) {
            return RANGE_BINS;
        }
        level = word_ctz(levels);
        bits = r->sub_bits[level];
    }
    return level * ASHLAR_RANGES_SUB_BINS + u32_ctz(bits);
}

static bool fits_in_range(const struct range_descriptor *d, size_t pages, size_t align_pages)
{
    size_t lead = round_up(d->first, align_pages) - d->first;
    return pages <= d->pages && lead <= d->pages - pages;
}

/* Bins [bin, stop): some of their ranges may be long enough, and lie well. */
COLD static uint32_t search_bins(struct ashlar_ranges *r, unsigned bin, unsigned stop, size_t pages, size_t align_pages)
{
    uint32_t last = r->steps + EXACT_STEPS;
    for (bin = range_bin_from(r, bin); bin < stop; bin = range_bin_from(r, bin + 1u)) {
        for (uint32_t index = r->bins[bin]; index != 0; index = descriptor_at(r, index)->chain) {
            if (fits_in_range(descriptor_at(r, index), pages, align_pages)) {
                return index;
            }
            if (++r->steps == last) {
                return 0;
            }
        }
    }
    return 0;
}

/* A free range in which pages fit at a multiple of align_pages, or 0. */
static uint32_t find_free_range(struct ashlar_ranges *r, size_t pages, size_t align_pages)
{
    size_t padded = pages + (align_pages - 1u); /* what is enough wherever it begins */
    unsigned stop = RANGE_BINS;
    if (pages > r->free_pages) {
        return 0;
    }
    uint32_t index = r->bins[range_bin_of(pages)];
    if (index != 0 && fits_in_range(descriptor_at(r, index), pages, align_pages)) {
        return index;
    }
    if (padded >= pages && padded <= r->free_pages) {
        stop = range_bin_of(padded - 1u) + 1u;
        unsigned bin = range_bin_from(r, stop);
        if (bin < RANGE_BINS) {
            return r->bins[bin];
        }
    }
    return search_bins(r, range_bin_of(pages), stop, pages, align_pages);
}

bool ashlar_ranges_find_locked(struct ashlar_ranges *r, ashlar_vpn first, struct ashlar_range_info *info)
{
    uint32_t index = *range_link_of(r, first);
    if (index != 0) {
        describe_range(r, index, info);
    }
    return index != 0;
}

/* --- take and give ---------------------------------------------------------- */

/* A free range gets other bounds. Mostly its bin stays, and then nothing of the bins is touched. */
static void resize_free_range(struct ashlar_ranges *r, uint32_t index, ashlar_vpn first, size_t pages)
{
    struct range_descriptor *d = descriptor_at(r, index);
    bool moves = d->tag != range_bin_of(pages);
    if (moves) {
        range_bin_remove(r, index);
    }
    store_relaxed(&d->first, first);
    store_relaxed(&d->pages, pages);
    if (moves) {
        range_bin_insert(r, index);
    }
}

/* A new range between this one and its neighbour above. */
static uint32_t insert_range_after(struct ashlar_ranges *r, uint32_t before, ashlar_vpn first, size_t pages)
{
    uint32_t index = take_descriptor(r);
    struct range_descriptor *d = descriptor_at(r, index);
    store_relaxed(&d->first, first);
    store_relaxed(&d->pages, pages);
    d->before = before;
    d->after = descriptor_at(r, before)->after;
    descriptor_at(r, d->after)->before = index;
    descriptor_at(r, before)->after = index;
    return index;
}

/* Take [first, first + pages) out of this free range. What is left in front, or else behind, keeps its descriptor. */
static uint32_t cut_range(struct ashlar_ranges *r, uint32_t index, ashlar_vpn first, size_t pages)
{
    const struct range_descriptor *d = descriptor_at(r, index);
    size_t front = first - d->first;
    size_t behind = d->pages - front - pages;
    if (front == 0 && behind == 0) {
        range_bin_remove(r, index);
        return index;
    }
    if (front == 0) {
        resize_free_range(r, index, first + pages, behind);
        return insert_range_after(r, d->before, first, pages);
    }
    resize_free_range(r, index, d->first, front);
    index = insert_range_after(r, index, first, pages);
    if (behind != 0) {
        range_bin_insert(r, insert_range_after(r, index, first + pages, behind));
    }
    return index;
}

/* 0 to 2: what remains of a free range out of which these pages are taken. */
COLD static uint32_t pieces_around(const struct range_descriptor *d, ashlar_vpn first, size_t pages)
{
    size_t front = first - d->first;
    return (uint32_t)(front != 0) + (uint32_t)(d->pages - front != pages);
}

/* info->first and pages, within this free range, become a taken one, with info's tag and note. */
static ashlar_status carve_range(struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    if (r->spare < TAKE_DESCRIPTORS && r->spare < pieces_around(descriptor_at(r, index), info->first, info->pages)) {
        return r->strip_pages < r->strip_pages_max ? ASHLAR_NO_FRAMES : ASHLAR_NO_ADDRESSES;
    }
    index = cut_range(r, index, info->first, info->pages);
    struct range_descriptor *d = descriptor_at(r, index);
    info->index = index;
    store_relaxed(&d->tag, info->tag);
    store_relaxed(&d->note, info->note);
    range_hash_insert(r, index);
    store_release(&d->state, RANGE_TAKEN);
    r->free_pages -= info->pages;
    if (++r->live > r->buckets) {
        split_bucket(r);
    }
    return ASHLAR_OK;
}

static void record_range_steps(struct ashlar_ranges *r)
{
    r->steps_worst = r->steps > r->steps_worst ? r->steps : r->steps_worst;
}

ashlar_status ashlar_ranges_take_info_locked(struct ashlar_ranges *r, size_t align_pages,
                                             struct ashlar_range_info *info)
{
    ashlar_status status = ASHLAR_NO_ADDRESSES;
    align_pages += align_pages == 0;
    if (info->pages == 0 || !is_power_of_two(align_pages)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    r->steps = 0;
    uint32_t index = find_free_range(r, info->pages, align_pages);
    if (index != 0) {
        info->first = round_up(descriptor_at(r, index)->first, align_pages);
        status = carve_range(r, index, info);
    }
    record_range_steps(r);
    return status;
}

/* The last multiple of align_pages from which on pages fit in this free range, or its first page where none does. */
COLD static ashlar_vpn highest_fit_in(const struct range_descriptor *d, size_t pages, size_t align_pages)
{
    if (pages > d->pages) {
        return d->first;
    }
    ashlar_vpn first = round_down(d->first + (d->pages - pages), align_pages);
    return first > d->first ? first : d->first;
}

COLD ashlar_status ashlar_ranges_take_high_locked(struct ashlar_ranges *r, size_t align_pages,
                                                  struct ashlar_range_info *info)
{
    unsigned level = r->level_bits != 0 ? word_log2(r->level_bits) : 0;
    uint32_t index = r->level_bits != 0 ? r->bins[level * ASHLAR_RANGES_SUB_BINS + u32_log2(r->sub_bits[level])] : 0;
    if (index != 0 && info->pages != 0 && is_power_of_two(align_pages)) {
        ashlar_vpn first = highest_fit_in(descriptor_at(r, index), info->pages, align_pages);
        if (first != descriptor_at(r, index)->first) {
            info->first = first;
            r->steps = 0;
            return carve_range(r, index, info);
        }
    }
    return ashlar_ranges_take_info_locked(r, align_pages, info);
}

ashlar_status ashlar_ranges_take_locked(struct ashlar_ranges *r, size_t pages, size_t align_pages, uint32_t note,
                                        ashlar_vpn *first)
{
    struct ashlar_range_info info = {0, pages, 0, note, 0};
    ashlar_status status = ashlar_ranges_take_info_locked(r, align_pages, &info);
    if (status == ASHLAR_OK) {
        *first = info.first;
    }
    return status;
}

COLD ashlar_status ashlar_ranges_take_at_locked(struct ashlar_ranges *r, ashlar_vpn first, size_t pages, uint32_t note)
{
    if (pages == 0 || pages > r->pages || first - r->first > r->pages - pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uint32_t index = descriptor_at(r, RANGE_END)->after;
    while (first - descriptor_at(r, index)->first >= descriptor_at(r, index)->pages) {
        index = descriptor_at(r, index)->after;
    }
    const struct range_descriptor *d = descriptor_at(r, index);
    if (d->state != RANGE_FREE || d->pages - (first - d->first) < pages) {
        return ASHLAR_EXISTS;
    }
    struct ashlar_range_info info = {first, pages, 0, note, 0};
    return carve_range(r, index, &info);
}

/* Why nothing begins at first: for the report that ends all. */
ASHLAR_NORETURN COLD static void panic_no_range(const struct ashlar_ranges *r, ashlar_vpn first, const void *caller)
{
    struct ashlar_range_info info = {0, 0, 0, 0, 0};
    const char *why = first - r->first >= r->pages ? "it lies outside of the arena" : "it is free: given back before?";
    if (ashlar_ranges_containing(r, first, &info)) {
        why = "it lies within the one at";
    }
    ashlar_panic("kva: no range begins at page 0x%lx (address 0x%lx), named by %p: %s 0x%lx, %zu pages",
                 (unsigned long)first, (unsigned long)(first << ASHLAR_PAGE_SHIFT), caller, why,
                 (unsigned long)info.first, info.pages);
}

/* Its pages have become those of a neighbour. */
static void drop_descriptor(struct ashlar_ranges *r, uint32_t index)
{
    const struct range_descriptor *d = descriptor_at(r, index);
    descriptor_at(r, d->before)->after = d->after;
    descriptor_at(r, d->after)->before = d->before;
    give_descriptor(r, index);
}

/* File a range that is nobody's, and in no list but that of addresses, as free: as part of a free neighbour if it has
 * one. */
static void file_free_range(struct ashlar_ranges *r, uint32_t index)
{
    const struct range_descriptor *d = descriptor_at(r, index);
    const struct range_descriptor *before = descriptor_at(r, d->before);
    const struct range_descriptor *after = descriptor_at(r, d->after);
    size_t pages = d->pages;
    if (before->state == RANGE_FREE) {
        if (after->state == RANGE_FREE) {
            pages += after->pages;
            range_bin_remove(r, d->after);
            drop_descriptor(r, d->after);
        }
        resize_free_range(r, d->before, before->first, before->pages + pages);
        drop_descriptor(r, index);
    } else if (after->state == RANGE_FREE) {
        resize_free_range(r, d->after, d->first, after->pages + pages);
        drop_descriptor(r, index);
    } else {
        range_bin_insert(r, index);
    }
}

size_t ashlar_ranges_give_locked(struct ashlar_ranges *r, ashlar_vpn first, const void *caller)
{
    r->steps = 0;
    uint32_t *link = range_link_of(r, first);
    uint32_t index = *link;
    if (index == 0) {
        panic_no_range(r, first, caller);
    }
    size_t pages = descriptor_at(r, index)->pages;
    *link = descriptor_at(r, index)->chain;
    r->live--;
    r->free_pages += pages;
    file_free_range(r, index);
    record_range_steps(r);
    return pages;
}

COLD void ashlar_ranges_init(struct ashlar_ranges *r, ashlar_vpn first_vpn, size_t pages, void *strip_base,
                             size_t strip_pages_max, size_t strip_pages_backed)
{
    ASHLAR_CHECK(pages != 0 && pages >> (ASHLAR_RANGES_LEVELS + 1u) == 0 && first_vpn + (pages - 1u) >= first_vpn &&
                     strip_pages_backed >= ASHLAR_RANGES_FIRST_PAGES && strip_pages_backed <= strip_pages_max &&
                     strip_pages_max <= ASHLAR_RANGES_STRIP_PAGES_MAX,
                 "kva: arena of %zu pages at page 0x%lx, strip of %zu pages, %zu backed, by %p", pages,
                 (unsigned long)first_vpn, strip_pages_max, strip_pages_backed, ASHLAR_CALLER());
    memset(r, 0, sizeof *r);
    r->strip = strip_base;
    r->first = first_vpn;
    r->pages = pages;
    r->free_pages = pages;
    r->strip_pages_max = (uint32_t)strip_pages_max;
    while (r->strip_pages < strip_pages_backed) {
        ashlar_ranges_feed_locked(r);
    }
    r->buckets = PAGE_BUCKETS;
    r->bucket_mask = PAGE_BUCKETS - 1u;
    memset(r->strip, 0, ASHLAR_PAGE_BYTES);
    r->fresh = RANGE_END;
    struct range_descriptor *end = descriptor_at(r, take_descriptor(r));
    *end = (struct range_descriptor){.before = RANGE_END, .after = RANGE_END, .state = RANGE_BOUND};
    range_bin_insert(r, insert_range_after(r, RANGE_END, first_vpn, pages));
}
