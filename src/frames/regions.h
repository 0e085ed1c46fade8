/* SPDX-License-Identifier: 0BSD */
/* regions.h - from a frame's number to its place in the bookkeeping: its region, chunk, bit, and whether it is RAM.
 *
 * Inline is what each take and give goes through.
 */
#ifndef ASHLAR_FRAMES_REGIONS_H
#define ASHLAR_FRAMES_REGIONS_H

#include "frames/internal.h"

/* Where the zone of a frame ends. */
static inline ashlar_pfn zone_end(ashlar_pfn frame)
{
    return frame < ZONE_16MIB_FRAMES  ? ZONE_16MIB_FRAMES
           : frame < ZONE_4GIB_FRAMES ? ZONE_4GIB_FRAMES
                                      : ASHLAR_PFN_NONE;
}

/* Does this limit, which is not 0, ask for what is kept low? */
static inline bool is_low_limit(const struct ashlar_frames *pool, ashlar_pfn limit_pfn)
{
    return limit_pfn <= pool->low_end;
}

static inline uintptr_t *chunk_words(const struct region *region, size_t chunk)
{
    return region->words + chunk * CHUNK_WORDS;
}

static inline struct region *region_of(const struct ashlar_frames *pool, ashlar_pfn frame)
{
    struct region *region = pool->regions;
    while (region != NULL && frame - region->base >= region->span_frames) {
        region = region->next;
    }
    return region;
}

/* Which frames of a mixed chunk are RAM: a bit for each. */
uintptr_t *ashlar_frames_ram_words(const struct ashlar_frames *pool, const struct region *region, size_t chunk);

/* index: of a frame in its region. */
static inline bool is_ram_frame(const struct ashlar_frames *pool, const struct region *region, size_t index)
{
    unsigned state = region->chunks[index >> CHUNK_ORDER];
    if ((state & CHUNK_MIXED) == 0) {
        return (state & CHUNK_RAM) != 0;
    }
    const uintptr_t *ram = ashlar_frames_ram_words(pool, region, index >> CHUNK_ORDER);
    return (ram[index % CHUNK_FRAMES / WORD_BITS] >> index % WORD_BITS & 1u) != 0;
}

static inline bool is_free_frame(const struct region *region, size_t index)
{
    return (region->chunks[index >> CHUNK_ORDER] & CHUNK_HUGE) == 0 &&
           (region->words[index / WORD_BITS] >> index % WORD_BITS & 1u) != 0;
}

/* So many more are free, or fewer. */
void ashlar_frames_count(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, bool are_free);

/* The part of the run in its first chunk. False: no region knows it. frames is not 0. */
bool ashlar_frames_piece(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames, struct piece *piece);

#endif
