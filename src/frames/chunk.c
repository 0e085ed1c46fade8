/* SPDX-License-Identifier: 0BSD */
/* chunk.c - which chunk to take from.
 *
 * By its class (classes.c):
 *
 *     class   FEW   SOME   MANY   WHOLE
 *     choice   3      1      2      4
 *
 * Small blocks come from chunks that are well used already, but not so full
 * that the search has to move on at once; whole chunks are broken last. So the
 * emptiest chunks are left alone, fill up with free frames, and become whole
 * again (the order of LLFree, Wrenger et al., USENIX ATC'23).
 *
 * Low memory is kept for those who cannot use other: a search goes through the
 * regions from the highest down, each of which lies in one zone, and in a region
 * from low to high, but first over what lies above 1 MiB. Where the pool keeps
 * what lies below, only a search with such a limit comes there.
 *
 * A chunk taken as a whole keeps its bits and gets HUGE instead: blocks of
 * 2 MiB and more cost a counter for each chunk. The bits are cleared when a
 * part of it is given back.
 *
 * Cost: O(chunks / 32) to find a chunk; orders 1 to 8 O(frames / 32) where none
 * of the chunks tried has such a block.
 */
#include "frames/chunk.h"

#include "frames/bitmap.h"
#include "frames/classes.h"
#include "frames/regions.h"
#include "frames/shape.h"

static const uint8_t classes_by_choice[CLASSES] = {CLASS_SOME, CLASS_MANY, CLASS_FEW, CLASS_WHOLE};
static const uint16_t most_in_class[CLASSES] = {15, 255, 511, 512};

/* A block within the chunk's frames that lie in [first, end) of its region. */
static bool find_in_chunk(struct region *region, size_t chunk, unsigned order, size_t first, size_t end,
                          struct piece *piece)
{
    size_t base = chunk * CHUNK_FRAMES;
    unsigned from = first > base ? (unsigned)(first - base) : 0;
    unsigned to = end - base < CHUNK_FRAMES ? (unsigned)(end - base) : CHUNK_FRAMES;
    piece->offset = ashlar_frames_bits_block(chunk_words(region, chunk), order, from, to);
    piece->region = region;
    piece->chunk = chunk;
    piece->frames = 1u << order;
    return piece->offset != CHUNK_FRAMES;
}

/* A block within [first, end) of the region, from the class that suits best. */
static bool find_in_region(struct region *region, unsigned order, size_t first, size_t end, struct piece *piece)
{
    size_t end_chunk = (end + CHUNK_FRAMES - 1u) >> CHUNK_ORDER;
    for (unsigned choice = 0; choice < CLASSES; choice++) {
        unsigned class = classes_by_choice[choice];
        if (region->in_class[class] == 0 || most_in_class[class] >> order == 0) {
            continue;
        }
        size_t chunk = first >> CHUNK_ORDER;
        while ((chunk = ashlar_frames_next_in_class(region, class, chunk, end_chunk)) < end_chunk) {
            if (find_in_chunk(region, chunk, order, first, end, piece)) {
                return true;
            }
            chunk++;
        }
    }
    return false;
}

static bool suits(const struct region *region, const struct need *need)
{
    return region->base < need->limit_pfn && (need->node == ASHLAR_FRAMES_ANY_NODE || need->node == region->node);
}

/* How much of the region lies below the limit. */
static size_t frames_below(const struct region *region, const struct need *need)
{
    size_t below = need->limit_pfn - region->base;
    return below < region->span_frames ? below : region->span_frames;
}

OUT_OF_LINE bool ashlar_frames_find(struct ashlar_frames *pool, unsigned order, const struct need *need,
                                    struct piece *piece)
{
    for (struct region *region = pool->regions; region != NULL; region = region->next) {
        if (!suits(region, need)) {
            continue;
        }
        size_t end = frames_below(region, need);
        size_t low = region->base == 0 ? LOW_FRAMES : 0;
        if ((end > low && find_in_region(region, order, low, end, piece)) ||
            (low != 0 && need->limit_pfn - 1u <= pool->low_end - 1u && /* it is low, or nothing is kept */
             find_in_region(region, order, 0, end < low ? end : low, piece))) {
            return true;
        }
    }
    return false;
}

bool ashlar_frames_take_chunk(struct ashlar_frames *pool, const struct need *need, ashlar_pfn *first)
{
    for (struct region *region = pool->regions; region != NULL; region = region->next) {
        if (region->in_class[CLASS_WHOLE] == 0 || !suits(region, need)) {
            continue;
        }
        size_t end = frames_below(region, need) >> CHUNK_ORDER;
        size_t chunk = ashlar_frames_next_in_class(region, CLASS_WHOLE, 0, end);
        if (chunk < end) {
            region->chunks[chunk] = CHUNK_RAM | CHUNK_HUGE;
            ashlar_frames_class_toggle(region, chunk, CLASS_WHOLE);
            pool->free_frames -= CHUNK_FRAMES;
            *first = region->base + chunk * CHUNK_FRAMES;
            ashlar_frames_mark(pool, *first, CHUNK_FRAMES, 1u + CHUNK_ORDER);
            return true;
        }
    }
    return false;
}

bool ashlar_frames_give_chunk(struct ashlar_frames *pool, ashlar_pfn first)
{
    struct region *region = region_of(pool, first);
    if (region == NULL || first >= pool->cursor.better) {
        return false;
    }
    size_t chunk = (first - region->base) >> CHUNK_ORDER;
    if (region->chunks[chunk] != (CHUNK_RAM | CHUNK_HUGE)) {
        return false;
    }
    region->chunks[chunk] = CHUNK_RAM | CHUNK_FRAMES;
    ashlar_frames_class_toggle(region, chunk, CLASS_WHOLE);
    pool->free_frames += CHUNK_FRAMES;
    return true;
}
