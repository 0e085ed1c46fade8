/* SPDX-License-Identifier: 0BSD */
/* frames_take.c - takes: blocks, bulks and ranges.
 *
 * Single frames come from the *cursor*, one word of one chunk: count trailing
 * zeros and clear. When the word is empty it moves on in its chunk, then to
 * another (frames_cursor.c). Blocks up to order 9 lie in one chunk (chunk.c);
 * larger ones, and ranges, are searched over the chunks' counters (range.c).
 * Nothing is ever merged or split: that is what bitmaps are for. Whether there
 * are enough frames is decided first, by counting (admission.c).
 *
 * Cost: single frames O(1); blocks O(chunks / 32) to find a chunk.
 */
#include "base/contexts.h"
#include "frames/admission.h"
#include "frames/chunk.h"
#include "frames/claim.h"
#include "frames/frames_cursor.h"
#include "frames/range.h"
#include "frames/regions.h"
#include "frames/shape.h"

#define FLAGS_KNOWN                                                                                                    \
    (ASHLAR_FRAMES_MAY_USE_RESERVE | ASHLAR_FRAMES_ONLY_NODE | ASHLAR_FRAMES_NO_DRAIN | ASHLAR_FRAMES_FROM_RESERVATION)

static const struct need anywhere = {1, 1, 0, 0, ASHLAR_PFN_NONE, ASHLAR_FRAMES_ANY_NODE};

static void check_promise(const struct ashlar_frames *pool, size_t frames, unsigned flags, const void *caller)
{
    ASHLAR_CHECK((flags & ASHLAR_FRAMES_FROM_RESERVATION) == 0 || pool->promised_frames >= frames,
                 "frames: %zu frames taken from a reservation of %zu, by %p", frames, pool->promised_frames, caller);
}

/* A frame of the cursor's word, if it has one. */
static inline bool take_at_cursor(struct ashlar_frames *pool, ashlar_pfn *first)
{
    struct cursor *cursor = &pool->cursor;
    uintptr_t word = *cursor->word;
    if (word == 0) {
        return false;
    }
    *cursor->word = word & (word - 1u);
    --*cursor->chunk;
    pool->free_frames--;
    *first = cursor->first + word_ctz(word);
    if (ASHLAR_DEBUG) {
        ashlar_frames_mark(pool, *first, 1, 1);
    }
    return true;
}

/* A block of less than a chunk. */
static bool take_part(struct ashlar_frames *pool, unsigned order, const struct need *need, ashlar_pfn *first)
{
    struct piece piece;
    if (!ashlar_frames_find(pool, order, need, &piece)) {
        return false;
    }
    *first = piece.region->base + piece.chunk * CHUNK_FRAMES + piece.offset;
    ashlar_frames_count(pool, *first, piece.frames, false);
    ashlar_frames_claim_piece(&piece);
    ashlar_frames_mark(pool, *first, piece.frames, 1u + order);
    return true;
}

static bool take_in_chunk(struct ashlar_frames *pool, unsigned order, const struct need *need, ashlar_pfn *first)
{
    return order == CHUNK_ORDER ? ashlar_frames_take_chunk(pool, need, first) : take_part(pool, order, need, first);
}

static bool take_contiguous(struct ashlar_frames *pool, const struct need *need, unsigned shape, ashlar_pfn *first)
{
    if (!ashlar_frames_find_run(pool, need, first)) {
        return false;
    }
    ashlar_frames_cursor_drop(pool);
    ashlar_frames_claim(pool, *first, need->frames, shape);
    return true;
}

static bool take_aligned(struct ashlar_frames *pool, unsigned order, const struct need *need, ashlar_pfn *first)
{
    if (order > CHUNK_ORDER) {
        return take_contiguous(pool, need, 1u + order, first);
    }
    if (order == 0 && need->limit_pfn == ASHLAR_PFN_NONE && need->node == ASHLAR_FRAMES_ANY_NODE &&
        ashlar_frames_cursor_refill(pool)) {
        return take_at_cursor(pool, first);
    }
    if (take_in_chunk(pool, order, need, first)) {
        return true;
    }
    ashlar_frames_cursor_drop(pool); /* so that its chunk is seen, too */
    return take_in_chunk(pool, order, need, first);
}

/* A limit above all regions is none. */
static ashlar_pfn limit_of(const struct ashlar_frames *pool, ashlar_pfn limit_pfn)
{
    const struct region *top = pool->regions;
    bool none = limit_pfn == 0 || top == NULL || limit_pfn >= top->base + top->span_frames;
    return none ? ASHLAR_PFN_NONE : limit_pfn;
}

static unsigned low_flag(const struct ashlar_frames *pool, ashlar_pfn limit_pfn)
{
    return is_low_limit(pool, limit_pfn) ? ADMIT_LOW : 0;
}

static ashlar_status take_request_locked(struct ashlar_frames *pool, const struct ashlar_frames_request *request,
                                         ashlar_pfn *first)
{
    size_t frames = (size_t)1 << request->order;
    struct need need = {frames, frames, 0, 0, limit_of(pool, request->limit_pfn), request->node};
    bool taken = false;
    if (ashlar_frames_admit(pool, frames, request->flags | low_flag(pool, need.limit_pfn))) {
        taken = take_aligned(pool, request->order, &need, first);
        if (!taken && need.node != ASHLAR_FRAMES_ANY_NODE && (request->flags & ASHLAR_FRAMES_ONLY_NODE) == 0) {
            need.node = ASHLAR_FRAMES_ANY_NODE;
            taken = take_aligned(pool, request->order, &need, first);
        }
    }
    return ashlar_frames_book(pool, taken, frames, request->flags);
}

/* So many for an ordinary take, and no test that wants to see it fail. */
static inline bool is_plenty(const struct ashlar_frames *pool, size_t frames)
{
    return pool->free_frames >= pool->gate_frames && pool->free_frames - pool->gate_frames >= frames;
}

/* The same of 2^order: a shift of what there is, and no number to compare it with. */
static inline bool is_plenty_for(const struct ashlar_frames *pool, unsigned order)
{
    return pool->free_frames >= pool->gate_frames && (pool->free_frames - pool->gate_frames) >> order != 0;
}

/* Out of line: the request is built only where it is wanted. */
OUT_OF_LINE static ashlar_status take_plain_locked(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first)
{
    const struct ashlar_frames_request request = {order, 0, ASHLAR_FRAMES_ANY_NODE, 0};
    return take_request_locked(pool, &request, first);
}

ashlar_status ashlar_frames_take(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ashlar_status status = ASHLAR_OK;
    if (order > ASHLAR_FRAMES_ORDER_MAX) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    if (is_plenty_for(pool, order) &&
        (order == 0 ? take_at_cursor(pool, first)
                    : order == CHUNK_ORDER && ashlar_frames_take_chunk(pool, &anywhere, first))) {
        pool->takes++;
    } else {
        status = take_plain_locked(pool, order, first);
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

ashlar_status ashlar_frames_take_request(struct ashlar_frames *pool, const struct ashlar_frames_request *request,
                                         ashlar_pfn *first)
{
    CONTEXTS(yes, yes, yes, yes, no);
    if (request->order > ASHLAR_FRAMES_ORDER_MAX || (request->flags & ~FLAGS_KNOWN) != 0 ||
        request->node > ASHLAR_FRAMES_ANY_NODE) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    check_promise(pool, (size_t)1 << request->order, request->flags, ASHLAR_CALLER());
    ashlar_status status = take_request_locked(pool, request, first);
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

/* Up to count frames of the cursor's word: one look at it for all of them. */
static size_t take_from_word(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count)
{
    struct cursor *cursor = &pool->cursor;
    uintptr_t word = *cursor->word;
    size_t taken = 0;
    for (; taken < count && word != 0; word &= word - 1u) {
        frames[taken++] = cursor->first + word_ctz(word);
    }
    *cursor->word = word;
    *cursor->chunk = (uint16_t)(*cursor->chunk - taken);
    pool->free_frames -= taken;
    if (ASHLAR_DEBUG) {
        for (size_t i = 0; i < taken; i++) {
            ashlar_frames_mark(pool, frames[i], 1, 1);
        }
    }
    return taken;
}

/* There are as many: each frame that is free can be found one by one. */
static void take_all(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count)
{
    while (count != 0) {
        size_t taken = 1;
        if (*pool->cursor.word != 0 || ashlar_frames_cursor_refill(pool)) {
            taken = take_from_word(pool, frames, count);
        } else {
            bool found = take_part(pool, 0, &anywhere, frames);
            ASHLAR_ASSERT(found);
            (void)found;
        }
        frames += taken;
        count -= taken;
    }
}

OUT_OF_LINE static ashlar_status take_bulk_locked(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count,
                                                  unsigned flags, const void *caller)
{
    check_promise(pool, count, flags, caller);
    bool admitted = ashlar_frames_admit(pool, count, flags);
    if (admitted) {
        take_all(pool, frames, count);
    }
    return ashlar_frames_book(pool, admitted, count, flags);
}

/* First they are promised, all or none; then they are taken out of that, and the lock is open in between. */
COLD static ashlar_status take_in_pieces(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count, unsigned flags,
                                         const void *caller)
{
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    check_promise(pool, count, flags, caller);
    bool admitted = ashlar_frames_admit(pool, count, flags);
    ashlar_status status = ashlar_frames_book(pool, admitted, 0, 0);
    if (admitted && (flags & ASHLAR_FRAMES_FROM_RESERVATION) == 0) {
        pool->promised_frames += count;
        ashlar_frames_set_gate(pool);
    }
    while (admitted && count != 0) {
        size_t step = count < BULK_PIECE ? count : BULK_PIECE;
        take_all(pool, frames, step);
        pool->promised_frames -= step;
        ashlar_frames_set_gate(pool);
        frames += step;
        count -= step;
        ashlar_lock_give(&pool->lock, interrupts);
        interrupts = ashlar_lock_take(&pool->lock);
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

ashlar_status ashlar_frames_take_bulk(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count, unsigned flags)
{
    CONTEXTS(yes, yes, yes, yes, no);
    if ((flags & ~FLAGS_KNOWN) != 0) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (count > BULK_PIECE) {
        return take_in_pieces(pool, frames, count, flags, ASHLAR_CALLER());
    }
    ashlar_status status = ASHLAR_OK;
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    if (flags == 0 && is_plenty(pool, count)) {
        take_all(pool, frames, count);
        pool->takes++;
    } else {
        status = take_bulk_locked(pool, frames, count, flags, ASHLAR_CALLER());
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

static bool is_sane(const struct ashlar_frames_range *range)
{
    return range->frames != 0 && (range->align_frames == 0 || is_power_of_two(range->align_frames)) &&
           (range->boundary_frames == 0 ||
            (is_power_of_two(range->boundary_frames) && range->boundary_frames >= range->frames));
}

COLD ashlar_status ashlar_frames_take_range(struct ashlar_frames *pool, const struct ashlar_frames_range *range,
                                            ashlar_pfn *first)
{
    CONTEXTS(yes, yes, yes, yes, no);
    if (!is_sane(range)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    struct need need = {range->frames,
                        range->align_frames == 0 ? 1u : range->align_frames,
                        range->boundary_frames,
                        range->from_pfn,
                        limit_of(pool, range->limit_pfn),
                        ASHLAR_FRAMES_ANY_NODE};
    unsigned low = low_flag(pool, need.limit_pfn);
    if (low == 0 && need.from_pfn < pool->low_end) {
        need.from_pfn = pool->low_end;
    }
    bool taken = ashlar_frames_admit(pool, range->frames, low) && take_contiguous(pool, &need, SHAPE_RANGE, first);
    ashlar_status status = ashlar_frames_book(pool, taken, range->frames, 0);
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}
