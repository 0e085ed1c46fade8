/* SPDX-License-Identifier: 0BSD */
/* frames_audit.c - whether the pool's invariants hold.
 *
 * The audit counts every bit again. A bit that flipped shows as a count that is
 * wrong, as a free frame that is no RAM, or as a gap in a chunk taken whole; in
 * debug builds also as a free frame that has a shape.
 */
#include "base/contexts.h"
#include "frames/classes.h"
#include "frames/regions.h"
#include "frames/shape.h"

struct frame_tally {
    size_t free_frames;
    size_t low_frames;
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
                                   struct frame_tally *tally)
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
    unsigned right = owned || (state & CHUNK_COUNT) == 0 ? CLASSES : fill_class(state & CHUNK_COUNT);
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
        bool taken = is_ram_frame(pool, region, index) && !is_free_frame(region, index);
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

COLD static const char *audit_region(const struct ashlar_frames *pool, const struct region *region,
                                     struct frame_tally *tally)
{
    const char *broken = audit_maps(region);
    if (region->next != NULL && region->next->base + region->next->span_frames > region->base) {
        return "frames: regions overlap or are out of order";
    }
    if (region->base == 0) {
        tally->low_frames = bits_in(region->words, pool->low_end / WORD_BITS);
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

COLD static const char *audit_sums(const struct ashlar_frames *pool, const struct frame_tally *tally)
{
    size_t gate = pool->fail_in != 0 ? ~(size_t)0 : pool->kept_frames + pool->promised_frames;
    if (tally->low_frames != pool->low_frames) {
        return "frames: the count of free low frames is not that of the bitmap";
    }
    if (tally->free_frames - tally->low_frames != pool->free_frames) {
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
    CONTEXTS(yes, yes, yes, yes, no);
    struct frame_tally tally = {0, 0, 0};
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
