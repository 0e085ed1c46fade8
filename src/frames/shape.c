/* SPDX-License-Identifier: 0BSD */
/* shape.c - debug builds: in which shape each frame was taken, and how often it is mapped.
 *
 * A byte for each frame. The head of a block has its order, the rest of the
 * block are tails, and frames of a range are all alike, for a range may be
 * given back in parts. The count of mappings stops at seven and stays there:
 * such a frame is no longer watched until it is given back.
 */
#include "frames/shape.h"

#include "base/contexts.h"
#include "base/mem.h"
#include "frames/regions.h"

static uint8_t *state_of(const struct ashlar_frames *pool, ashlar_pfn frame)
{
    const struct region *region = region_of(pool, frame);
    return region == NULL ? NULL : region->states + (frame - region->base);
}

void ashlar_frames_mark(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape)
{
    struct piece piece;
    if (!ASHLAR_DEBUG) {
        return;
    }
    unsigned rest = shape == 0 || shape == SHAPE_RANGE ? shape : SHAPE_TAIL;
    uint8_t *head = state_of(pool, first);
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        memset(state_of(pool, first), (int)rest, piece.frames);
    }
    *head = (uint8_t)shape;
}

/* May a frame in this state be given as number index of a block or range of this shape? */
static bool fits_shape(unsigned state, unsigned shape, size_t index)
{
    if (state == SHAPE_RANGE) {
        return true;
    }
    return shape == SHAPE_RANGE ? state == 1u : state == (index == 0 ? shape : SHAPE_TAIL);
}

void ashlar_frames_check_shape(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape,
                               const void *caller)
{
    for (size_t i = 0; ASHLAR_DEBUG && i < frames; i++) {
        unsigned state = *state_of(pool, first + i);
        unsigned mapped = state & ~SHAPE_MASK;
        unsigned taken = state & SHAPE_MASK;
        unsigned long frame = (unsigned long)(first + i);
        ASHLAR_CHECK(mapped == 0 || mapped == SHAPE_MAPPED_MANY,
                     "frames: give of frame 0x%lx, still mapped %u times, by %p", frame, mapped / SHAPE_MAPPED_ONE,
                     caller);
        if (!fits_shape(taken, shape, i)) {
            ASHLAR_CHECK(taken > ASHLAR_FRAMES_ORDER_MAX + 1u,
                         "frames: give of frame 0x%lx, taken as order %u: the wrong order, by %p", frame, taken - 1u,
                         caller);
            ashlar_panic("frames: give of frame 0x%lx, taken within a larger block: the wrong order, by %p", frame,
                         caller);
        }
    }
}

void ashlar_frames_note_range(struct ashlar_frames *pool, ashlar_pfn first, size_t frames)
{
    CONTEXTS(yes, yes, yes, yes, no);
    if (!ASHLAR_DEBUG) {
        return;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    ashlar_frames_mark(pool, first, frames, SHAPE_RANGE);
    ashlar_lock_give(&pool->lock, interrupts);
}

static void count_mapping(struct ashlar_frames *pool, ashlar_pfn frame, bool mapped)
{
    if (!ASHLAR_DEBUG) {
        return;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    uint8_t *state = state_of(pool, frame);
    if (state != NULL && *state < SHAPE_MAPPED_MANY && (mapped || *state >= SHAPE_MAPPED_ONE)) {
        *state = (uint8_t)(mapped ? *state + SHAPE_MAPPED_ONE : *state - SHAPE_MAPPED_ONE);
    }
    ashlar_lock_give(&pool->lock, interrupts);
}

void ashlar_frames_note_mapped(struct ashlar_frames *pool, ashlar_pfn frame)
{
    CONTEXTS(yes, yes, yes, yes, no);
    count_mapping(pool, frame, true);
}

void ashlar_frames_note_unmapped(struct ashlar_frames *pool, ashlar_pfn frame)
{
    CONTEXTS(yes, yes, yes, yes, no);
    count_mapping(pool, frame, false);
}
