/* SPDX-License-Identifier: 0BSD */
/* claim.c - any run of frames changes hands, piece by piece; what is given back is looked at first.
 *
 * A *piece* is the part of a run that lies in one chunk: bits change, the count
 * with them, and the chunk's class with that. A chunk that is taken as a whole
 * becomes HUGE and keeps its bits.
 *
 * Whoever gives back what is not his is stopped here, before anything is
 * changed, and named: frames that are free already, that are not RAM, that the
 * pool does not know; in debug builds also those of another shape (shape.c).
 *
 * Cost: O(frames / 512) plus the number of regions; debug builds O(frames).
 */
#include "frames/claim.h"

#include "base/mem.h"
#include "frames/bitmap.h"
#include "frames/classes.h"
#include "frames/frames_cursor.h"
#include "frames/regions.h"
#include "frames/shape.h"

OUT_OF_LINE void ashlar_frames_claim_piece(const struct piece *piece)
{
    uint16_t *chunk = &piece->region->chunks[piece->chunk];
    ashlar_frames_set_count(piece->region, piece->chunk, (*chunk & CHUNK_COUNT) - piece->frames);
    if (piece->frames == CHUNK_FRAMES) {
        *chunk = (uint16_t)(*chunk | CHUNK_HUGE);
    } else {
        ashlar_frames_bits_flip(chunk_words(piece->region, piece->chunk), piece->offset, piece->frames);
    }
}

COLD void ashlar_frames_claim(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape)
{
    struct piece piece;
    ashlar_frames_count(pool, first, frames, false);
    ashlar_frames_mark(pool, first, frames, shape);
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        ashlar_frames_claim_piece(&piece);
    }
}

ASHLAR_NORETURN COLD static void refuse_give(ashlar_pfn frame, const char *why, const void *caller)
{
    ashlar_panic("frames: give of frame 0x%lx, which is %s, by %p", (unsigned long)frame, why, caller);
}

/* All of the piece is RAM, and taken. */
COLD static void check_piece(const struct ashlar_frames *pool, const struct piece *piece, ashlar_pfn first,
                             const void *caller)
{
    unsigned state = piece->region->chunks[piece->chunk];
    const uintptr_t *words = chunk_words(piece->region, piece->chunk);
    size_t found = piece->offset + piece->frames;
    if ((state & CHUNK_MIXED) != 0) {
        found = ashlar_frames_bits_find(ashlar_frames_ram_words(pool, piece->region, piece->chunk), piece->offset,
                                        piece->frames, ~(uintptr_t)0);
    } else if ((state & CHUNK_RAM) == 0) {
        found = piece->offset;
    }
    if (found != piece->offset + piece->frames) {
        refuse_give(first + found - piece->offset, "not in the pool: reserved, a hole or a device", caller);
    }
    if ((state & CHUNK_HUGE) != 0) {
        return;
    }
    found = ashlar_frames_bits_find(words, piece->offset, piece->frames, 0);
    if (found != piece->offset + piece->frames) {
        refuse_give(first + found - piece->offset, "free already: a double free", caller);
    }
}

COLD void ashlar_frames_check_given(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames,
                                    const void *caller)
{
    struct piece piece;
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        if (!ashlar_frames_piece(pool, first, frames, &piece)) {
            const struct region *top = pool->regions;
            bool beyond = top == NULL || first >= top->base + top->span_frames;
            refuse_give(first, beyond ? "beyond the last frame" : "not in the pool: reserved, a hole or a device",
                        caller);
        }
        check_piece(pool, &piece, first, caller);
    }
}

COLD static void release_piece(const struct piece *piece)
{
    uint16_t *chunk = &piece->region->chunks[piece->chunk];
    uintptr_t *words = chunk_words(piece->region, piece->chunk);
    bool huge = (*chunk & CHUNK_HUGE) != 0;
    *chunk = (uint16_t)(*chunk & ~CHUNK_HUGE);
    if (!huge || piece->frames != CHUNK_FRAMES) {
        if (huge) {
            memset(words, 0, CHUNK_FRAMES / 8u);
        }
        ashlar_frames_bits_flip(words, piece->offset, piece->frames);
    }
    ashlar_frames_set_count(piece->region, piece->chunk, (*chunk & CHUNK_COUNT) + piece->frames);
}

COLD void ashlar_frames_release(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape,
                                const void *caller)
{
    struct piece piece;
    ashlar_frames_check_given(pool, first, frames, caller);
    ashlar_frames_check_shape(pool, first, frames, shape, caller);
    ashlar_frames_mark(pool, first, frames, 0);
    ashlar_frames_count(pool, first, frames, true);
    if (first + (frames - 1u) >= pool->cursor.better) {
        ashlar_frames_cursor_drop(pool);
    }
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        release_piece(&piece);
    }
}
