/* SPDX-License-Identifier: 0BSD */
/* frames_state.c - what the pool tells of itself: the state of a frame, statistics, whether it is short. */
#include "base/contexts.h"
#include "frames/regions.h"

COLD ashlar_frame_state ashlar_frames_state(struct ashlar_frames *pool, ashlar_pfn frame)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ashlar_frame_state state = ASHLAR_FRAME_FOREIGN;
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    const struct region *region = region_of(pool, frame);
    if (region != NULL && is_ram_frame(pool, region, frame - region->base)) {
        state = is_free_frame(region, frame - region->base) ? ASHLAR_FRAME_FREE : ASHLAR_FRAME_TAKEN;
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return state;
}

static size_t low_watermark(const struct ashlar_frames *pool)
{
    return 2u * pool->kept_frames;
}

/* What takes change they change by plain stores, under the lock. */
int ashlar_frames_is_short(struct ashlar_frames *pool)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    bool is_short = pool->free_frames < low_watermark(pool) + pool->promised_frames;
    ashlar_lock_give(&pool->lock, interrupts);
    return is_short;
}

COLD void ashlar_frames_stats(struct ashlar_frames *pool, struct ashlar_frames_stats *stats)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    stats->total_frames = pool->total_frames;
    stats->free_frames = pool->free_frames;
    stats->low_frames = pool->low_frames;
    stats->reserved_frames = pool->promised_frames;
    stats->kept_frames = pool->kept_frames;
    stats->low_watermark_frames = low_watermark(pool);
    stats->metadata_bytes = pool->metadata_bytes;
    stats->takes = pool->takes;
    stats->gives = pool->gives;
    stats->failures = pool->failures;
    stats->free_2mib_blocks = 0;
    for (const struct region *region = pool->regions; region != NULL; region = region->next) {
        stats->free_2mib_blocks += region->in_class[CLASS_WHOLE];
    }
    if (pool->cursor.region != NULL && (*pool->cursor.chunk & CHUNK_COUNT) == CHUNK_FRAMES) {
        stats->free_2mib_blocks++;
    }
    ashlar_lock_give(&pool->lock, interrupts);
}
