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
 * spare descriptors are all that the strip has.
 *
 * Cost: O(1), expected for the hash. Sources: Knuth 2.5 (boundary tags);
 * Masmano, Ripoll, Crespo, Real, "TLSF" (ECRTS 2004); Bonwick and Adams,
 * "Magazines and Vmem" (USENIX 2001); Litwin, "Linear hashing" (VLDB 1980).
 */
#include "kva/ranges.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/mem.h"

#define EXACT_STEPS 32u
#define TAKE_DESCRIPTORS 2u /* what is left in front, and behind */
#define GROUP_PAGES 8u      /* of the strip: the first has buckets, the others descriptors */
#define PAGE_UNITS (ASHLAR_PAGE_BYTES / ASHLAR_RANGES_UNIT_BYTES)
#define PAGE_BUCKETS (ASHLAR_PAGE_BYTES / (uint32_t)sizeof(uint32_t))
#define BINS (ASHLAR_RANGES_LEVELS * ASHLAR_RANGES_SUB_BINS)
#define END PAGE_UNITS /* the first descriptor: neighbour of the lowest and of the highest range */

enum state { UNUSED, FREE, TAKEN, BOUND };

struct descriptor {
    ashlar_vpn first;
    size_t pages;
    uintptr_t tag;   /* of the owner; while free: the bin that it is in */
    uint32_t before; /* neighbours in order of address */
    uint32_t after;
    uint32_t chain; /* next in bin, bucket or unused; 0: none */
    uint32_t note;  /* of the owner; while free: the range before it in its bin */
    uint32_t state;
};

#define UNITS ((uint32_t)(sizeof(struct descriptor) / ASHLAR_RANGES_UNIT_BYTES))
#define PAGE_DESCRIPTORS (PAGE_UNITS / UNITS)

_Static_assert(sizeof(struct descriptor) % ASHLAR_RANGES_UNIT_BYTES == 0, "descriptors are named by units");
_Static_assert((GROUP_PAGES - 1u) * PAGE_DESCRIPTORS <= PAGE_BUCKETS, "a group has a bucket for each descriptor");

/* --- the strip ------------------------------------------------------------ */

static struct descriptor *at(const struct ashlar_ranges *r, uint32_t index)
{
    return (struct descriptor *)(void *)(r->strip + (size_t)index * ASHLAR_RANGES_UNIT_BYTES);
}

/* The place of the next descriptor: none straddles two pages, none lies among buckets. */
COLD static uint32_t place_after(uint32_t index)
{
    index += UNITS;
    if (index % PAGE_UNITS > PAGE_UNITS - UNITS) {
        index += PAGE_UNITS - index % PAGE_UNITS;
    }
    return index / PAGE_UNITS % GROUP_PAGES == 0 ? index + PAGE_UNITS : index;
}

/* Does this number, from wherever, name a descriptor of this state? */
COLD static bool is_in_state(const struct ashlar_ranges *r, uint32_t index, enum state state)
{
    uint32_t in_page = index % PAGE_UNITS;
    return index < atomic_load_u32(&r->fresh) && index / PAGE_UNITS % GROUP_PAGES != 0 && in_page % UNITS == 0 &&
           in_page <= PAGE_UNITS - UNITS && at(r, index)->state == (uint32_t)state;
}

/* r->spare is not 0. */
static uint32_t pop_descriptor(struct ashlar_ranges *r)
{
    uint32_t index = r->unused;
    r->spare--;
    if (index != 0) {
        r->unused = at(r, index)->chain;
        return index;
    }
    index = atomic_load_u32(&r->fresh);
    at(r, index)->state = UNUSED;
    atomic_store_u32(&r->fresh, place_after(index));
    return index;
}

static void push_descriptor(struct ashlar_ranges *r, uint32_t index)
{
    at(r, index)->state = UNUSED;
    at(r, index)->chain = r->unused;
    r->unused = index;
    r->spare++;
}

bool ashlar_ranges_hungry(const struct ashlar_ranges *r)
{
    return r->spare < TAKE_DESCRIPTORS && r->strip_pages < r->strip_pages_max;
}

COLD void ashlar_ranges_feed_locked(struct ashlar_ranges *r)
{
    ASHLAR_CHECK(r->strip_pages < r->strip_pages_max, "space: strip of %u pages fed beyond its end by %p",
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

static uint32_t *bucket_at(const struct ashlar_ranges *r, uint32_t bucket)
{
    size_t page = (size_t)(bucket / PAGE_BUCKETS) * GROUP_PAGES;
    return (uint32_t *)(void *)(r->strip + page * ASHLAR_PAGE_BYTES) + bucket % PAGE_BUCKETS;
}

/* Twice: multiply by the golden ratio, and fold the well mixed upper half into the lower. Once is not enough where first
 * pages are multiples of a large power of two (chains of 22 were seen). */
static uint32_t *bucket_of(const struct ashlar_ranges *r, ashlar_vpn first)
{
    const uintptr_t golden = (uintptr_t)0x9e3779b97f4a7c15u;
    uintptr_t mixed = first * golden;
    mixed = (mixed ^ mixed >> WORD_BITS / 2u) * golden;
    uint32_t bucket = (uint32_t)(mixed ^ mixed >> WORD_BITS / 2u) & r->bucket_mask;
    return bucket_at(r, bucket < r->buckets ? bucket : bucket & r->bucket_mask >> 1);
}

/* The link that holds the index of the range that begins at first; it holds 0 if none does. */
static __attribute__((noinline)) uint32_t *link_of(struct ashlar_ranges *r, ashlar_vpn first)
{
    uint32_t *link = bucket_of(r, first);
    while (*link != 0 && at(r, *link)->first != first) {
        link = &at(r, *link)->chain;
        r->steps++;
    }
    return link;
}

static void hash_insert(struct ashlar_ranges *r, uint32_t index)
{
    uint32_t *bucket = bucket_of(r, at(r, index)->first);
    at(r, index)->chain = *bucket;
    *bucket = index;
}

/* One bucket more: what belongs there was in the bucket that has the same lower bits. */
COLD static void split_bucket(struct ashlar_ranges *r)
{
    uint32_t *old = bucket_at(r, r->buckets & r->bucket_mask >> 1);
    uint32_t index = *old;
    *old = 0;
    *bucket_at(r, r->buckets) = 0;
    r->bucket_mask |= r->buckets++;
    while (index != 0) {
        uint32_t next = at(r, index)->chain;
        hash_insert(r, index);
        index = next;
        r->steps++;
    }
}

/* --- bins of free ranges ---------------------------------------------------- */

/* Sizes below 16 have a bin each; above, a bin is an eighth of a power of two. */
static unsigned bin_of(size_t pages)
{
    unsigned shift = word_log2(pages | ASHLAR_RANGES_SUB_BINS) - 3u;
    return shift * ASHLAR_RANGES_SUB_BINS + (unsigned)(pages >> shift);
}

static void bin_insert(struct ashlar_ranges *r, uint32_t index)
{
    struct descriptor *d = at(r, index);
    unsigned bin = bin_of(d->pages);
    d->state = FREE;
    d->tag = bin;
    d->note = 0;
    d->chain = r->bins[bin];
    if (d->chain != 0) {
        at(r, d->chain)->note = index;
    }
    r->bins[bin] = index;
    r->sub_bits[bin / ASHLAR_RANGES_SUB_BINS] |= (uint8_t)(1u << bin % ASHLAR_RANGES_SUB_BINS);
    r->level_bits |= (uintptr_t)1 << bin / ASHLAR_RANGES_SUB_BINS;
}

static void bin_remove(struct ashlar_ranges *r, uint32_t index)
{
    const struct descriptor *d = at(r, index);
    unsigned bin = (unsigned)d->tag;
    unsigned level = bin / ASHLAR_RANGES_SUB_BINS;
    if (d->chain != 0) {
        at(r, d->chain)->note = d->note;
    }
    if (d->note != 0) {
        at(r, d->note)->chain = d->chain;
        return;
    }
    r->bins[bin] = d->chain;
    if (d->chain == 0) {
        r->sub_bits[level] &= (uint8_t) ~(1u << bin % ASHLAR_RANGES_SUB_BINS);
        r->level_bits &= ~((uintptr_t)(r->sub_bits[level] == 0) << level);
    }
}

/* The first bin from this one on that is not empty; BINS if none is. */
static unsigned bin_from(const struct ashlar_ranges *r, unsigned bin)
{
    unsigned level = bin / ASHLAR_RANGES_SUB_BINS;
    uint32_t bits = r->sub_bits[level] & (0xffu << bin % ASHLAR_RANGES_SUB_BINS);
    if (bits == 0) {
        uintptr_t levels = r->level_bits & ~word_mask(level + 1u);
        if (levels == 0) {
            return BINS;
        }
        level = word_ctz(levels);
        bits = r->sub_bits[level];
    }
    return level * ASHLAR_RANGES_SUB_BINS + u32_ctz(bits);
}

static bool fits(const struct descriptor *d, size_t pages, size_t align_pages)
{
    size_t lead = round_up(d->first, align_pages) - d->first;
    return pages <= d->pages && lead <= d->pages - pages;
}

/* Bins [bin, stop): some of their ranges may be long enough, and lie well. */
COLD static uint32_t search(struct ashlar_ranges *r, unsigned bin, unsigned stop, size_t pages, size_t align_pages)
{
    uint32_t last = r->steps + EXACT_STEPS;
    for (bin = bin_from(r, bin); bin < stop; bin = bin_from(r, bin + 1u)) {
        for (uint32_t index = r->bins[bin]; index != 0; index = at(r, index)->chain) {
            if (fits(at(r, index), pages, align_pages)) {
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
static uint32_t find_fit(struct ashlar_ranges *r, size_t pages, size_t align_pages)
{
    size_t padded = pages + (align_pages - 1u); /* what is enough wherever it begins */
    unsigned stop = BINS;
    if (pages > r->free_pages) {
        return 0;
    }
    uint32_t index = r->bins[bin_of(pages)];
    if (index != 0 && fits(at(r, index), pages, align_pages)) {
        return index;
    }
    if (padded >= pages && padded <= r->free_pages) {
        stop = bin_of(padded - 1u) + 1u;
        unsigned bin = bin_from(r, stop);
        if (bin < BINS) {
            return r->bins[bin];
        }
    }
    return search(r, bin_of(pages), stop, pages, align_pages);
}

/* --- take and give ---------------------------------------------------------- */

/* A free range gets other bounds. Mostly its bin stays, and then nothing of the bins is touched. */
static void resize(struct ashlar_ranges *r, uint32_t index, ashlar_vpn first, size_t pages)
{
    struct descriptor *d = at(r, index);
    bool moves = d->tag != bin_of(pages);
    if (moves) {
        bin_remove(r, index);
    }
    d->first = first;
    d->pages = pages;
    if (moves) {
        bin_insert(r, index);
    }
}

/* A new range between this one and its neighbour above. */
static uint32_t insert_after(struct ashlar_ranges *r, uint32_t before, ashlar_vpn first, size_t pages)
{
    uint32_t index = pop_descriptor(r);
    struct descriptor *d = at(r, index);
    d->first = first;
    d->pages = pages;
    d->before = before;
    d->after = at(r, before)->after;
    at(r, d->after)->before = index;
    at(r, before)->after = index;
    return index;
}

/* Take [first, first + pages) out of this free range. What is left in front, or else behind, keeps its descriptor. */
static uint32_t cut(struct ashlar_ranges *r, uint32_t index, ashlar_vpn first, size_t pages)
{
    const struct descriptor *d = at(r, index);
    size_t front = first - d->first;
    size_t behind = d->pages - front - pages;
    if (front == 0 && behind == 0) {
        bin_remove(r, index);
        return index;
    }
    if (front == 0) {
        resize(r, index, first + pages, behind);
        return insert_after(r, d->before, first, pages);
    }
    resize(r, index, d->first, front);
    index = insert_after(r, index, first, pages);
    if (behind != 0) {
        bin_insert(r, insert_after(r, index, first + pages, behind));
    }
    return index;
}

/* 0 to 2: what remains of a free range out of which these pages are taken. */
COLD static uint32_t pieces_around(const struct descriptor *d, ashlar_vpn first, size_t pages)
{
    size_t front = first - d->first;
    return (uint32_t)(front != 0) + (uint32_t)(d->pages - front != pages);
}

/* info->first and pages, within this free range, become a taken one, with info's tag and note. */
static ashlar_status carve(struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    if (r->spare < TAKE_DESCRIPTORS && r->spare < pieces_around(at(r, index), info->first, info->pages)) {
        return r->strip_pages < r->strip_pages_max ? ASHLAR_NO_FRAMES : ASHLAR_NO_ADDRESSES;
    }
    index = cut(r, index, info->first, info->pages);
    struct descriptor *d = at(r, index);
    info->index = index;
    d->tag = info->tag;
    d->note = info->note;
    hash_insert(r, index);
    d->state = TAKEN;
    r->free_pages -= info->pages;
    if (++r->live > r->buckets) {
        split_bucket(r);
    }
    return ASHLAR_OK;
}

static void record_steps(struct ashlar_ranges *r)
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
    uint32_t index = find_fit(r, info->pages, align_pages);
    if (index != 0) {
        info->first = round_up(at(r, index)->first, align_pages);
        status = carve(r, index, info);
    }
    record_steps(r);
    return status;
}

/* The last multiple of align_pages from which on pages fit in this free range, or its first page where none does. */
COLD static ashlar_vpn highest_in(const struct descriptor *d, size_t pages, size_t align_pages)
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
        ashlar_vpn first = highest_in(at(r, index), info->pages, align_pages);
        if (first != at(r, index)->first) {
            info->first = first;
            r->steps = 0;
            return carve(r, index, info);
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
    uint32_t index = at(r, END)->after;
    while (first - at(r, index)->first >= at(r, index)->pages) {
        index = at(r, index)->after;
    }
    const struct descriptor *d = at(r, index);
    if (d->state != FREE || d->pages - (first - d->first) < pages) {
        return ASHLAR_EXISTS;
    }
    struct ashlar_range_info info = {first, pages, 0, note, 0};
    return carve(r, index, &info);
}

/* Why nothing begins at first: for the report that ends all. */
ASHLAR_NORETURN COLD static void panic_no_range(const struct ashlar_ranges *r, ashlar_vpn first, const void *caller)
{
    struct ashlar_range_info info = {0, 0, 0, 0, 0};
    const char *why = first - r->first >= r->pages ? "it lies outside of the arena" : "it is free: given back before?";
    if (ashlar_ranges_containing(r, first, &info)) {
        why = "it lies within the one at";
    }
    ashlar_panic("space: no range begins at page 0x%lx (address 0x%lx), named by %p: %s 0x%lx, %zu pages",
                 (unsigned long)first, (unsigned long)(first << ASHLAR_PAGE_SHIFT), caller, why,
                 (unsigned long)info.first, info.pages);
}

/* Its pages have become those of a neighbour. */
static void drop(struct ashlar_ranges *r, uint32_t index)
{
    const struct descriptor *d = at(r, index);
    at(r, d->before)->after = d->after;
    at(r, d->after)->before = d->before;
    push_descriptor(r, index);
}

/* File a range that is nobody's, and in no list but that of addresses, as free: as part of a free neighbour if it has
 * one. */
static void file_free(struct ashlar_ranges *r, uint32_t index)
{
    const struct descriptor *d = at(r, index);
    const struct descriptor *before = at(r, d->before);
    const struct descriptor *after = at(r, d->after);
    size_t pages = d->pages;
    if (before->state == FREE) {
        if (after->state == FREE) {
            pages += after->pages;
            bin_remove(r, d->after);
            drop(r, d->after);
        }
        resize(r, d->before, before->first, before->pages + pages);
        drop(r, index);
    } else if (after->state == FREE) {
        resize(r, d->after, d->first, after->pages + pages);
        drop(r, index);
    } else {
        bin_insert(r, index);
    }
}

size_t ashlar_ranges_give_locked(struct ashlar_ranges *r, ashlar_vpn first, const void *caller)
{
    r->steps = 0;
    uint32_t *link = link_of(r, first);
    uint32_t index = *link;
    if (index == 0) {
        panic_no_range(r, first, caller);
    }
    size_t pages = at(r, index)->pages;
    *link = at(r, index)->chain;
    r->live--;
    r->free_pages += pages;
    file_free(r, index);
    record_steps(r);
    return pages;
}

COLD void ashlar_ranges_init(struct ashlar_ranges *r, ashlar_vpn first_vpn, size_t pages, void *strip_base,
                             size_t strip_pages_max, size_t strip_pages_backed)
{
    ASHLAR_CHECK(pages != 0 && pages >> (ASHLAR_RANGES_LEVELS + 1u) == 0 && first_vpn + (pages - 1u) >= first_vpn &&
                     strip_pages_backed >= ASHLAR_RANGES_FIRST_PAGES && strip_pages_backed <= strip_pages_max &&
                     strip_pages_max <= ASHLAR_RANGES_STRIP_PAGES_MAX,
                 "space: arena of %zu pages at page 0x%lx, strip of %zu pages, %zu backed, by %p", pages,
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
    r->fresh = END;
    struct descriptor *end = at(r, pop_descriptor(r));
    *end = (struct descriptor){.before = END, .after = END, .state = BOUND};
    bin_insert(r, insert_after(r, END, first_vpn, pages));
}

/* --- what is known ----------------------------------------------------------- */

static void describe(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    const struct descriptor *d = at(r, index);
    info->first = d->first;
    info->pages = d->pages;
    info->tag = d->tag;
    info->note = d->note;
    info->index = index;
}

bool ashlar_ranges_find_locked(struct ashlar_ranges *r, ashlar_vpn first, struct ashlar_range_info *info)
{
    uint32_t index = *link_of(r, first);
    if (index != 0) {
        describe(r, index, info);
    }
    return index != 0;
}

void ashlar_ranges_at_locked(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    ASHLAR_ASSERT(is_in_state(r, index, TAKEN));
    describe(r, index, info);
}

void ashlar_ranges_set_at_locked(struct ashlar_ranges *r, uint32_t index, uint32_t note, uintptr_t tag)
{
    ASHLAR_ASSERT(is_in_state(r, index, TAKEN));
    at(r, index)->note = note;
    at(r, index)->tag = tag;
}

bool ashlar_ranges_by_index(const struct ashlar_ranges *r, uint32_t index, struct ashlar_range_info *info)
{
    bool taken = is_in_state(r, index, TAKEN);
    if (taken) {
        describe(r, index, info);
    }
    return taken;
}

COLD bool ashlar_ranges_containing(const struct ashlar_ranges *r, ashlar_vpn vpn, struct ashlar_range_info *info)
{
    struct ashlar_range_info one;
    uint32_t fresh = atomic_load_u32(&r->fresh);
    for (uint32_t index = END; index < fresh; index = place_after(index)) {
        if (ashlar_ranges_by_index(r, index, &one) && vpn - one.first < one.pages) {
            *info = one;
            return true;
        }
    }
    return false;
}

COLD int ashlar_ranges_walk_locked(const struct ashlar_ranges *r, ashlar_ranges_visitor visit, void *context)
{
    int answer = 0;
    for (uint32_t index = at(r, END)->after; index != END && answer == 0; index = at(r, index)->after) {
        struct ashlar_range_info info;
        if (ashlar_ranges_by_index(r, index, &info)) {
            answer = visit(context, &info);
        }
    }
    return answer;
}

COLD void ashlar_ranges_stats_locked(const struct ashlar_ranges *r, struct ashlar_ranges_stats *stats)
{
    size_t largest_pages = 0;
    if (r->level_bits != 0) {
        unsigned level = word_log2(r->level_bits);
        uint32_t index = r->bins[level * ASHLAR_RANGES_SUB_BINS + u32_log2(r->sub_bits[level])];
        for (; index != 0; index = at(r, index)->chain) {
            largest_pages = at(r, index)->pages > largest_pages ? at(r, index)->pages : largest_pages;
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
COLD static uint32_t places_below(uint32_t index)
{
    uint32_t page = index / PAGE_UNITS;
    uint32_t bucket_pages = (page + GROUP_PAGES - 1u) / GROUP_PAGES;
    return (page - bucket_pages) * PAGE_DESCRIPTORS + index % PAGE_UNITS / UNITS;
}

COLD static const char *audit_order(const struct ashlar_ranges *r, uint32_t *free_ranges)
{
    ashlar_vpn next = r->first;
    size_t free_pages = 0;
    uint32_t before = END;
    uint32_t taken = 0;
    for (uint32_t index = at(r, END)->after; index != END; index = at(r, index)->after) {
        bool is_free = is_in_state(r, index, FREE);
        if (!is_free && !is_in_state(r, index, TAKEN)) {
            return "a range's neighbour is no range";
        }
        const struct descriptor *d = at(r, index);
        if (d->before != before || d->first != next || d->pages == 0 || d->pages > r->pages) {
            return "a range does not begin where the one before it ends";
        }
        if (is_free && at(r, before)->state == FREE) {
            return "two free ranges are neighbours";
        }
        taken += !is_free;
        *free_ranges += is_free;
        free_pages += is_free ? d->pages : 0;
        before = index;
        next += d->pages;
    }
    if (at(r, END)->before != before || next != r->first + r->pages) {
        return "the ranges do not cover the arena";
    }
    return taken == r->live && free_pages == r->free_pages ? NULL : "counts of taken ranges or free pages are wrong";
}

COLD static const char *audit_bins(const struct ashlar_ranges *r, uint32_t free_ranges)
{
    for (unsigned bin = 0; bin < BINS; bin++) {
        unsigned level = bin / ASHLAR_RANGES_SUB_BINS;
        uint32_t before = 0;
        if ((r->bins[bin] != 0) != ((r->sub_bits[level] >> bin % ASHLAR_RANGES_SUB_BINS & 1u) != 0) ||
            (r->sub_bits[level] != 0) != ((r->level_bits >> level & 1u) != 0)) {
            return "a bin's bit is wrong";
        }
        for (uint32_t index = r->bins[bin]; index != 0; index = at(r, index)->chain) {
            if (!is_in_state(r, index, FREE) || at(r, index)->note != before || at(r, index)->tag != bin ||
                bin_of(at(r, index)->pages) != bin || free_ranges-- == 0) {
                return "a bin has what does not belong there";
            }
            before = index;
        }
    }
    return free_ranges == 0 ? NULL : "a free range is in no bin";
}

COLD static const char *audit_hash(const struct ashlar_ranges *r)
{
    uint32_t left = r->live;
    uint32_t groups = (r->strip_pages + GROUP_PAGES - 1u) / GROUP_PAGES;
    if (r->buckets < PAGE_BUCKETS || (r->buckets - 1u) / PAGE_BUCKETS >= groups) {
        return "buckets of the hash are not backed";
    }
    for (uint32_t bucket = 0; bucket < r->buckets; bucket++) {
        const uint32_t *head = bucket_at(r, bucket);
        for (uint32_t index = *head; index != 0; index = at(r, index)->chain) {
            if (!is_in_state(r, index, TAKEN) || bucket_of(r, at(r, index)->first) != head || left-- == 0) {
                return "a bucket has what does not belong there";
            }
        }
    }
    return left == 0 ? NULL : "a taken range is in no bucket";
}

COLD static const char *audit_spare(const struct ashlar_ranges *r, uint32_t free_ranges)
{
    uint32_t all = places_below(r->strip_pages * PAGE_UNITS);
    uint32_t left = r->spare;
    if (all != 1u + free_ranges + r->live + r->spare) {
        return "descriptors are lost";
    }
    for (uint32_t index = r->unused; index != 0; index = at(r, index)->chain) {
        if (!is_in_state(r, index, UNUSED) || left-- == 0) {
            return "a descriptor in use is among the unused ones";
        }
    }
    return left == all - places_below(r->fresh) ? NULL : "the count of spare descriptors is wrong";
}

COLD const char *ashlar_ranges_audit_locked(const struct ashlar_ranges *r)
{
    uint32_t free_ranges = 0;
    const char *broken = audit_hash(r);
    if (broken == NULL) {
        broken = audit_order(r, &free_ranges);
    }
    if (broken == NULL) {
        broken = audit_bins(r, free_ranges);
    }
    return broken != NULL ? broken : audit_spare(r, free_ranges);
}
