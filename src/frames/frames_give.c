/* SPDX-License-Identifier: 0BSD */
/* frames_give.c - gives: blocks, bulks and ranges.
 *
 * Frames of one word are given at once: their bits are looked at, and set, all
 * together, and the count changes once. Whatever is out of the ordinary goes
 * frame by frame through claim.c, which names the culprit.
 *
 * Cost: single frames O(1) plus the number of regions; others O(frames / 512).
 */
#include "base/contexts.h"
#include "frames/chunk.h"
#include "frames/claim.h"
#include "frames/classes.h"
#include "frames/regions.h"
#include "frames/shape.h"

/* Which frames of the word are RAM, in a chunk of this state that is not taken as a whole, nor kept in part. */
static inline uintptr_t ram_bits(const struct ashlar_frames *pool, const struct region *region, size_t index,
                                 unsigned state)
{
    if ((state & (CHUNK_RAM | CHUNK_HUGE)) == CHUNK_RAM) {
        return ~(uintptr_t)0;
    }
    if ((state & (CHUNK_MIXED | CHUNK_HUGE | CHUNK_LOW)) != CHUNK_MIXED) {
        return 0;
    }
    return ashlar_frames_ram_words(pool, region, index >> CHUNK_ORDER)[index % CHUNK_FRAMES / WORD_BITS];
}

/* Frames of one word: bits says which of those from base on, count how many. Taken ones are given at once; everything
 * else one by one, so that the culprit is named. */
OUT_OF_LINE static void give_word(struct ashlar_frames *pool, ashlar_pfn base, uintptr_t bits, unsigned count,
                                  const void *caller)
{
    struct region *region = region_of(pool, base);
    if (!ASHLAR_DEBUG && region != NULL && base < pool->cursor.better) {
        size_t index = base - region->base;
        unsigned state = region->chunks[index >> CHUNK_ORDER];
        uintptr_t *word = &region->words[index / WORD_BITS];
        if ((bits & (*word | ~ram_bits(pool, region, index, state))) == 0) {
            *word |= bits;
            pool->free_frames += count;
            set_count(region, index >> CHUNK_ORDER, (state & CHUNK_COUNT) + count);
            return;
        }
    }
    for (; bits != 0; bits &= bits - 1u) {
        ashlar_frames_release(pool, base + word_ctz(bits), 1, 1, caller);
    }
}

static inline uintptr_t bit_of(ashlar_pfn frame)
{
    return (uintptr_t)1 << frame % WORD_BITS;
}

void ashlar_frames_give(struct ashlar_frames *pool, ashlar_pfn first, unsigned order)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ASHLAR_CHECK(order <= ASHLAR_FRAMES_ORDER_MAX && first >> order << order == first,
                 "frames: give of frame 0x%lx, which is misaligned for order %u, by %p", (unsigned long)first, order,
                 ASHLAR_CALLER());
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->gives++;
    if (order == 0) {
        give_word(pool, round_down(first, WORD_BITS), bit_of(first), 1, ASHLAR_CALLER());
    } else if (ASHLAR_DEBUG || order != CHUNK_ORDER || !ashlar_frames_give_chunk(pool, first)) {
        ashlar_frames_release(pool, first, (size_t)1 << order, 1u + order, ASHLAR_CALLER());
    }
    ashlar_lock_give(&pool->lock, interrupts);
}

/* How many of these frames follow each other, at most `most`, which is not 0. */
static inline size_t run_length(const ashlar_pfn *frames, size_t most)
{
    ashlar_pfn next = *frames;
    size_t i = 0;
    do {
        next++;
        i++;
    } while (i != most && frames[i] == next);
    return i;
}

/* How many of these frames, each another one, lie in the word of frames from base on; their bits. Mostly they were taken
 * one after the other, so runs are looked for. */
static inline size_t word_bits_of(ashlar_pfn base, const ashlar_pfn *frames, size_t count, uintptr_t *bits)
{
    size_t left = count;
    *bits = 0;
    while (left != 0 && *frames - base < WORD_BITS) {
        size_t offset = *frames - base, room = WORD_BITS - offset;
        size_t run = run_length(frames, left < room ? left : room);
        uintptr_t mask = word_mask((unsigned)run) << offset;
        if ((*bits & mask) != 0) {
            break;
        }
        *bits |= mask;
        frames += run;
        left -= run;
    }
    return count - left;
}

void ashlar_frames_give_bulk(struct ashlar_frames *pool, const ashlar_pfn *frames, size_t count)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->gives++;
    for (;;) {
        size_t left = count < BULK_PIECE ? count : BULK_PIECE;
        count -= left;
        while (left != 0) {
            ashlar_pfn base = round_down(*frames, WORD_BITS);
            uintptr_t bits;
            size_t given = word_bits_of(base, frames, left, &bits);
            give_word(pool, base, bits, (unsigned)given, ASHLAR_CALLER());
            frames += given;
            left -= given;
        }
        if (count == 0) {
            break;
        }
        ashlar_lock_give(&pool->lock, interrupts);
        interrupts = ashlar_lock_take(&pool->lock);
    }
    ashlar_lock_give(&pool->lock, interrupts);
}

/* All of it is looked at before the first piece is given: they are the caller's, so nothing changes meanwhile. */
COLD static void check_range(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, const void *caller)
{
    for (size_t step; frames != 0; first += step, frames -= step) {
        step = frames < RANGE_PIECE ? frames : RANGE_PIECE;
        uintptr_t interrupts = ashlar_lock_take(&pool->lock);
        ashlar_frames_check_given(pool, first, step, caller);
        ashlar_lock_give(&pool->lock, interrupts);
    }
}

COLD void ashlar_frames_give_range(struct ashlar_frames *pool, ashlar_pfn first, size_t frames)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ASHLAR_CHECK(frames != 0 && first + (frames - 1u) >= first,
                 "frames: give of %zu frames from 0x%lx, an empty or wrapping range, by %p", frames,
                 (unsigned long)first, ASHLAR_CALLER());
    if (frames > RANGE_PIECE) {
        check_range(pool, first, frames, ASHLAR_CALLER());
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->gives++;
    while (frames > RANGE_PIECE) {
        ashlar_frames_release(pool, first, RANGE_PIECE, SHAPE_RANGE, ASHLAR_CALLER());
        first += RANGE_PIECE;
        frames -= RANGE_PIECE;
        ashlar_lock_give(&pool->lock, interrupts);
        interrupts = ashlar_lock_take(&pool->lock);
    }
    ashlar_frames_release(pool, first, frames, SHAPE_RANGE, ASHLAR_CALLER());
    ashlar_lock_give(&pool->lock, interrupts);
}
