/* SPDX-License-Identifier: 0BSD */
/* range.c - the search for contiguous frames: ranges of any length, and blocks above 2 MiB.
 *
 * From the top down, so that low memory is kept. A candidate is the highest
 * place below `end` that meets alignment and boundary; it is looked through
 * from its upper end. The first frame that is not free, the *obstacle*, moves
 * `end`: nothing that contains the obstacle can be taken.
 *
 *     end'      obstacle    end
 *      v           v         v
 *     .............X.........|          next candidate ends at end'
 *      ^^^^^^^^^^^^
 *      a run that ends in here would have to reach below the word (the chunk),
 *      if it is as long as one: so end' is the lowest taken bit of that word
 *
 * What was looked through lies above the new end: no word is looked at twice,
 * and whole chunks only by their counters. O(frames / 32) at worst; for ranges
 * shorter than a word O(frames).
 */
#include "frames/range.h"

#include "frames/bitmap.h"
#include "frames/regions.h"

/* The highest start that meets all but freedom, in *start. */
COLD static bool place_below(const struct need *need, ashlar_pfn end, ashlar_pfn *start)
{
    if (end < need->frames) {
        return false;
    }
    ashlar_pfn first = round_down(end - need->frames, need->align_frames);
    if (need->boundary_frames != 0) {
        ashlar_pfn crossed = round_down(first + need->frames - 1u, need->boundary_frames);
        if (crossed > first) {
            first = round_down(crossed - need->frames, need->align_frames);
        }
    }
    *start = first;
    return first >= need->from_pfn;
}

static bool is_usable(const struct region *region, unsigned node)
{
    return region != NULL && (node == ASHLAR_FRAMES_ANY_NODE || region->node == node);
}

/* One past the highest frame of [first, end) that is not free, or first. */
COLD static ashlar_pfn after_obstacle(const struct ashlar_frames *pool, ashlar_pfn first, ashlar_pfn end, unsigned node)
{
    while (end > first) {
        const struct region *region = region_of(pool, end - 1u);
        if (!is_usable(region, node)) {
            return end;
        }
        size_t index = end - 1u - region->base;
        size_t start = round_down(index, CHUNK_FRAMES);
        unsigned count = region->chunks[index >> CHUNK_ORDER] & CHUNK_COUNT;
        if (first > region->base + start) {
            start = first - region->base;
        }
        if (count == 0) {
            return end;
        }
        if (count != CHUNK_FRAMES) {
            size_t after = ashlar_frames_bits_last_clear(region->words, start, index + 1u - start);
            if (after != start) {
                return region->base + after;
            }
        }
        end = region->base + start;
    }
    return first;
}

/* Where the highest region ends that lies below the frame. */
COLD static ashlar_pfn end_below(const struct ashlar_frames *pool, ashlar_pfn frame)
{
    const struct region *region = pool->regions;
    while (region != NULL && region->base > frame) {
        region = region->next;
    }
    return region == NULL ? 0 : region->base + region->span_frames;
}

/* The highest end that a run can have without the obstacle, as far as one look tells. */
COLD static ashlar_pfn next_end(const struct ashlar_frames *pool, const struct need *need, ashlar_pfn obstacle)
{
    const struct region *region = region_of(pool, obstacle);
    if (region == NULL) {
        return end_below(pool, obstacle);
    }
    if (!is_usable(region, need->node)) {
        return region->base;
    }
    size_t index = obstacle - region->base;
    size_t unit = need->frames >= CHUNK_FRAMES ? CHUNK_FRAMES : need->frames >= WORD_BITS ? WORD_BITS : 1u;
    size_t start = round_down(index, unit);
    if ((region->chunks[index >> CHUNK_ORDER] & CHUNK_COUNT) == 0) {
        return region->base + round_down(index, CHUNK_FRAMES);
    }
    return region->base + ashlar_frames_bits_find(region->words, start, index - start, ~(uintptr_t)0);
}

COLD bool ashlar_frames_find_run(const struct ashlar_frames *pool, const struct need *need, ashlar_pfn *first)
{
    ashlar_pfn end = need->limit_pfn; /* without one, the first obstacle is all that lies above RAM */
    ashlar_pfn start;
    while (place_below(need, end, &start)) {
        ashlar_pfn after = after_obstacle(pool, start, start + need->frames, need->node);
        if (after == start) {
            *first = start;
            return true;
        }
        end = next_end(pool, need, after - 1u);
    }
    return false;
}
