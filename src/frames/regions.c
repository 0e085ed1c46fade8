/* SPDX-License-Identifier: 0BSD */
/* regions.c - where the bookkeeping of a frame lies.
 *
 * A region knows each of its frames by its index; of chunks that are not all
 * RAM, *mixed* ones, a slot says which frames are. Slots lie in blocks, one for
 * each time that memory came; the newest is looked at first.
 */
#include "frames/regions.h"

OUT_OF_LINE uintptr_t *ashlar_frames_ram_words(const struct ashlar_frames *pool, const struct region *region,
                                               size_t chunk)
{
    struct slot_block *block = pool->slots;
    size_t slot = region->slots[chunk];
    while (slot < block->first) {
        block = block->next;
    }
    return block->words + (slot - block->first) * CHUNK_WORDS;
}

COLD OUT_OF_LINE bool ashlar_frames_piece(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames,
                                          struct piece *piece)
{
    struct region *region = region_of(pool, first);
    unsigned offset = first % CHUNK_FRAMES;
    piece->region = region;
    piece->offset = offset;
    piece->frames = frames < CHUNK_FRAMES - offset ? (unsigned)frames : CHUNK_FRAMES - offset;
    if (region == NULL) {
        return false;
    }
    piece->chunk = (first - region->base) >> CHUNK_ORDER;
    return true;
}

COLD OUT_OF_LINE void ashlar_frames_count(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, bool are_free)
{
    size_t low = 0;
    if (first < pool->low_end) {
        low = pool->low_end - first < frames ? pool->low_end - first : frames;
    }
    if (!are_free) {
        low = 0 - low;
        frames = 0 - frames;
    }
    pool->low_frames += low;
    pool->free_frames += frames - low;
}
