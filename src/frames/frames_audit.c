/* SPDX-License-Identifier: 0BSD */
/* frames_audit.c - what the pool knows of itself: states, statistics, and whether its invariants hold.
 *
 * The audit counts every bit again. A bit that flipped shows as a count that is
 * wrong, as a free frame that is no RAM, or as a gap in a chunk taken whole; in
 * debug builds also as a free frame that has a shape.
 */
#include "frames/internal.h"

#include "base/atomic.h"

static bool is_ram(const struct ashlar_frames *pool, const struct region *region, size_t index)
{
    unsigned state = region->chunks[index >> CHUNK_ORDER];
    if ((state & CHUNK_MIXED) == 0) {
        return (state & CHUNK_RAM) != 0;
    }
    const uintptr_t *ram = ashlar_frames_ram_words(pool, region, index >> CHUNK_ORDER);
    return (ram[index % CHUNK_FRAMES / WORD_BITS] >> index % WORD_BITS & 1u) != 0;
}

static bool is_free(const struct region *region, size_t index)
{
    return (region->chunks[index >> CHUNK_ORDER] & CHUNK_HUGE) == 0 &&
           (region->words[index / WORD_BITS] >> index % WORD_BITS & 1u) != 0;
}

COLD ashlar_frame_state ashlar_frames_state(struct ashlar_frames *pool, ashlar_pfn frame)
{
    ashlar_frame_state state = ASHLAR_FRAME_FOREIGN;
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    const struct region *region = region_of(pool, frame);
    if (region != NULL && is_ram(pool, region, frame - region->base)) {
        state = is_free(region, frame - region->base) ? ASHLAR_FRAME_FREE : ASHLAR_FRAME_TAKEN;
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return state;
}

static size_t low_watermark(const struct ashlar_frames *pool)
{
    return 2u * pool->kept_frames;
}

/* Two looks without the lock: the answer is a hint, and old as soon as it is given. */
int ashlar_frames_is_short(const struct ashlar_frames *pool)
{
    return atomic_load(&pool->free_frames) < low_watermark(pool) + atomic_load(&pool->promised_frames);
}

COLD void ashlar_frames_stats(struct ashlar_frames *pool, struct ashlar_frames_stats *stats)
{
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    stats->total_frames = pool->total_frames;
    stats->free_frames = pool->free_frames;
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

/* --- audit ------------------------------------------------------------------ */

struct tally {
    size_t free_frames;
    size_t ram_frames;
};

COLD static size_t bits_in(const uintptr_t *words, size_t count)
{
    size_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        bits += word_popcount(words[i]);
    }
    return bits;
}

COLD static const char *audit_bits(const struct ashlar_frames *pool, const struct region *region, size_t chunk,
                                   struct tally *tally)
{
    const uintptr_t *words = chunk_words(region, chunk);
    unsigned state = region->chunks[chunk];
    if ((state & CHUNK_MIXED) != 0 && (state & CHUNK_RAM) != 0) {
        return "frames: a chunk is all RAM and mixed";
    }
    size_t free_bits = bits_in(words, CHUNK_WORDS);
    size_t in_ram = (state & CHUNK_RAM) != 0 ? CHUNK_FRAMES : 0;
    uintptr_t outside = in_ram == 0 ? free_bits : 0;
    if ((state & CHUNK_MIXED) != 0) {
        const uintptr_t *ram = ashlar_frames_ram_words(pool, region, chunk);
        in_ram = bits_in(ram, CHUNK_WORDS);
        outside = 0;
        for (unsigned i = 0; i < CHUNK_WORDS; i++) {
            outside |= words[i] & ~ram[i];
        }
    }
    if (outside != 0) {
        return "frames: a frame is free that is not RAM";
    }
    tally->ram_frames += in_ram;
    tally->free_frames += state & CHUNK_COUNT;
    if ((state & CHUNK_MIXED) != 0 && in_ram == CHUNK_FRAMES) {
        return "frames: a mixed chunk is all RAM";
    }
    if ((state & CHUNK_HUGE) != 0) {
        return free_bits == CHUNK_FRAMES && (state & (CHUNK_COUNT | CHUNK_OWN)) == 0
                   ? NULL
                   : "frames: a chunk taken whole has lost frames";
    }
    return free_bits == (state & CHUNK_COUNT) ? NULL : "frames: a chunk's count is not that of its free bits";
}

COLD static const char *audit_class(const struct ashlar_frames *pool, const struct region *region, size_t chunk)
{
    unsigned state = region->chunks[chunk];
    bool owned = (state & CHUNK_OWN) != 0;
    unsigned right = owned || (state & CHUNK_COUNT) == 0 ? CLASSES : class_of(state & CHUNK_COUNT);
    for (unsigned class = 0; class < CLASSES; class ++) {
        uintptr_t word = region->maps[class * region->map_words + chunk / WORD_BITS];
        bool filed = (word >> chunk % WORD_BITS & 1u) != 0;
        if (filed != (class == right)) {
            return "frames: a chunk is in the wrong class";
        }
        if (filed && chunk / WORD_BITS < region->first_set[class]) {
            return "frames: a class begins below its first chunk";
        }
    }
    return owned != (pool->cursor.chunk == &region->chunks[chunk] && pool->cursor.region == region)
               ? "frames: a chunk is owned that is not the cursor's"
               : NULL;
}

/* Debug builds: what is free, or no RAM, has no shape; what is taken has one. */
COLD static const char *audit_states(const struct ashlar_frames *pool, const struct region *region, size_t chunk)
{
    for (size_t index = chunk * CHUNK_FRAMES; index < (chunk + 1u) * CHUNK_FRAMES; index++) {
        bool taken = is_ram(pool, region, index) && !is_free(region, index);
        if (taken != ((region->states[index] & SHAPE_MASK) != 0)) {
            return taken ? "frames: a taken frame has no shape" : "frames: a free frame has a shape";
        }
    }
    return NULL;
}

COLD static const char *audit_maps(const struct region *region)
{
    for (unsigned class = 0; class < CLASSES; class ++) {
        if (bits_in(region->maps + class * region->map_words, region->map_words) != region->in_class[class]) {
            return "frames: a class has lost count of its chunks";
        }
    }
    return NULL;
}

COLD static const char *audit_region(const struct ashlar_frames *pool, const struct region *region, struct tally *tally)
{
    const char *broken = audit_maps(region);
    if (region->next != NULL && region->next->base + region->next->span_frames > region->base) {
        return "frames: regions overlap or are out of order";
    }
    for (size_t chunk = 0; broken == NULL && chunk < region->span_frames >> CHUNK_ORDER; chunk++) {
        broken = audit_bits(pool, region, chunk, tally);
        if (broken == NULL) {
            broken = audit_class(pool, region, chunk);
        }
        if (broken == NULL && ASHLAR_DEBUG) {
            broken = audit_states(pool, region, chunk);
        }
    }
    return broken;
}

COLD static const char *audit_sums(const struct ashlar_frames *pool, const struct tally *tally)
{
    size_t gate = pool->fail_in != 0 ? ~(size_t)0 : pool->kept_frames + pool->promised_frames;
    if (tally->free_frames != pool->free_frames) {
        return "frames: the count of free frames is not that of the bitmap";
    }
    if (tally->ram_frames != pool->total_frames) {
        return "frames: the count of frames is not that of the RAM map";
    }
    if (pool->promised_frames > pool->free_frames) {
        return "frames: more frames are promised than are free";
    }
    return gate == pool->gate_frames ? NULL : "frames: the gate is not what is held back";
}

COLD const char *ashlar_frames_audit(struct ashlar_frames *pool)
{
    struct tally tally = {0, 0};
    const char *broken = NULL;
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    for (const struct region *region = pool->regions; broken == NULL && region != NULL; region = region->next) {
        broken = audit_region(pool, region, &tally);
    }
    if (broken == NULL) {
        broken = audit_sums(pool, &tally);
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return broken;
}
