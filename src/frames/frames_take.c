/* SPDX-License-Identifier: 0BSD */
/* frames_take.c - takes, gives, and who may have how many.
 *
 * A pool is a list of *regions*, runs of RAM without a wide hole. A region has
 * a bitmap, 1 = free, and divides it into *chunks* of 512 frames, 2 MiB:
 *
 *     pool -> region 4..16 GiB -> region 0..3 GiB          (highest first)
 *               |  words   ..1101 0000 1111 1111..         a bit for each frame
 *               |  chunks  {312} {512} {HUGE} {0, OWN}..   16 bits for each chunk
 *               |  maps    FEW SOME MANY WHOLE             a bit for each chunk, by fill
 *               `  slots                                   what is RAM in chunks that are not all RAM
 *
 * Single frames come from the *cursor*, one word of one chunk: count trailing
 * zeros and clear. When the word is empty it moves on in its chunk, then to
 * another (chunk.c says which). Blocks up to order 9 lie in one chunk; larger
 * ones, and ranges, are searched over the chunks' counters (range.c). Nothing
 * is ever merged or split: that is what bitmaps are for.
 *
 * Whether there are enough frames is decided first, by counting:
 *
 *     |<-------------------- free -------------------->|
 *     |  ordinary requests      |  kept  |  promised   |
 *
 * kept is for MAY_USE_RESERVE; promised for FROM_RESERVATION alone. gate is
 * kept + promised, and all ones while a test makes takes fail: one comparison
 * sends everything unusual to the slow path.
 *
 * Invariants (frames_audit.c checks them): free is the number of bits set outside of
 * HUGE chunks; each chunk's count is its share; a chunk with free frames is in
 * the class of its count, or under the cursor; only RAM has bits; promised is
 * at most free.
 *
 * Cost: single frames O(1); blocks O(chunks / 32) to find a chunk, orders 1 to
 * 8 O(frames / 32) where none of the chunks tried has such a block; giving
 * back O(frames given / 512) plus the number of regions.
 *
 * Words are native, and all that a later, finer lock needs is here: counts that
 * decide before bits do, one chunk owned by who takes from it.
 */
#include "frames/internal.h"

#define FLAGS_KNOWN                                                                                                    \
    (ASHLAR_FRAMES_MAY_USE_RESERVE | ASHLAR_FRAMES_ONLY_NODE | ASHLAR_FRAMES_NO_DRAIN | ASHLAR_FRAMES_FROM_RESERVATION)

static const struct need anywhere = {1, 1, 0, 0, ASHLAR_PFN_NONE, ASHLAR_FRAMES_ANY_NODE};

/* --- how many --------------------------------------------------------------- */

void ashlar_frames_set_gate(struct ashlar_frames *pool)
{
    pool->gate_frames = pool->fail_in != 0 ? ~(size_t)0 : pool->kept_frames + pool->promised_frames;
}

/* Is this the take that a test wants to fail? */
COLD static bool is_made_to_fail(struct ashlar_frames *pool)
{
    if (pool->fail_in == 0 || --pool->fail_in != 0) {
        return false;
    }
    pool->fail_in = pool->fail_forever ? 1u : 0u;
    ashlar_frames_set_gate(pool);
    return true;
}

/* May so many frames be taken, wherever they are? Promised ones always: not even a test fails them. */
OUT_OF_LINE bool ashlar_frames_admit(struct ashlar_frames *pool, size_t frames, unsigned flags)
{
    if ((flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
        return pool->promised_frames >= frames;
    }
    size_t held_back = pool->promised_frames;
    if ((flags & ASHLAR_FRAMES_MAY_USE_RESERVE) == 0) {
        held_back += pool->kept_frames;
    }
    return !is_made_to_fail(pool) && pool->free_frames >= held_back && pool->free_frames - held_back >= frames;
}

/* Note how a take ended. */
ashlar_status ashlar_frames_book(struct ashlar_frames *pool, bool taken, size_t frames, unsigned flags)
{
    if (!taken) {
        pool->failures++;
        return ASHLAR_NO_FRAMES;
    }
    pool->takes++;
    if ((flags & ASHLAR_FRAMES_FROM_RESERVATION) != 0) {
        pool->promised_frames -= frames;
        ashlar_frames_set_gate(pool);
    }
    return ASHLAR_OK;
}

static void check_promise(const struct ashlar_frames *pool, size_t frames, unsigned flags, const void *caller)
{
    ASHLAR_CHECK((flags & ASHLAR_FRAMES_FROM_RESERVATION) == 0 || pool->promised_frames >= frames,
                 "frames: %zu frames taken from a reservation of %zu, by %p", frames, pool->promised_frames, caller);
}

COLD ashlar_status ashlar_frames_reserve(struct ashlar_frames *pool, size_t count)
{
    ashlar_status status = ASHLAR_OK;
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    if (ashlar_frames_admit(pool, count, 0)) {
        pool->promised_frames += count;
        ashlar_frames_set_gate(pool);
    } else {
        pool->failures++;
        status = ASHLAR_NO_FRAMES;
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

COLD void ashlar_frames_unreserve(struct ashlar_frames *pool, size_t count)
{
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    ASHLAR_CHECK(count <= pool->promised_frames, "frames: unreserve of %zu frames where %zu are reserved, by %p", count,
                 pool->promised_frames, ASHLAR_CALLER());
    pool->promised_frames -= count;
    ashlar_frames_set_gate(pool);
    ashlar_lock_give(&pool->lock, interrupts);
}

/* --- takes ------------------------------------------------------------------ */

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
    pool->free_frames -= piece.frames;
    ashlar_frames_claim_piece(&piece);
    ashlar_frames_mark(pool, *first, piece.frames, 1u + order);
    return true;
}

static bool take_in_chunk(struct ashlar_frames *pool, unsigned order, const struct need *need, ashlar_pfn *first)
{
    return order == CHUNK_ORDER ? ashlar_frames_take_chunk(pool, need, first) : take_part(pool, order, need, first);
}

static bool take_run(struct ashlar_frames *pool, const struct need *need, unsigned shape, ashlar_pfn *first)
{
    if (!ashlar_frames_find_run(pool, need, first)) {
        return false;
    }
    ashlar_frames_cursor_drop(pool);
    ashlar_frames_claim(pool, *first, need->frames, shape);
    return true;
}

static bool take_block(struct ashlar_frames *pool, unsigned order, const struct need *need, ashlar_pfn *first)
{
    if (order > CHUNK_ORDER) {
        return take_run(pool, need, 1u + order, first);
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

static ashlar_status take_request_locked(struct ashlar_frames *pool, const struct ashlar_frames_request *request,
                                         ashlar_pfn *first)
{
    size_t frames = (size_t)1 << request->order;
    struct need need = {frames, frames, 0, 0, limit_of(pool, request->limit_pfn), request->node};
    bool taken = false;
    if (ashlar_frames_admit(pool, frames, request->flags)) {
        taken = take_block(pool, request->order, &need, first);
        if (!taken && need.node != ASHLAR_FRAMES_ANY_NODE && (request->flags & ASHLAR_FRAMES_ONLY_NODE) == 0) {
            need.node = ASHLAR_FRAMES_ANY_NODE;
            taken = take_block(pool, request->order, &need, first);
        }
    }
    return ashlar_frames_book(pool, taken, frames, request->flags);
}

/* So many for an ordinary take, and no test that wants to see it fail. */
static inline bool is_plenty(const struct ashlar_frames *pool, size_t frames)
{
    return pool->free_frames >= pool->gate_frames && pool->free_frames - pool->gate_frames >= frames;
}

/* Out of line: the request is built only where it is wanted. */
OUT_OF_LINE static ashlar_status take_plain_locked(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first)
{
    const struct ashlar_frames_request request = {order, 0, ASHLAR_FRAMES_ANY_NODE, 0};
    return take_request_locked(pool, &request, first);
}

ashlar_status ashlar_frames_take(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first)
{
    ashlar_status status = ASHLAR_OK;
    if (order > ASHLAR_FRAMES_ORDER_MAX) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    if (is_plenty(pool, (size_t)1 << order) &&
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
static size_t take_word(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count)
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
            taken = take_word(pool, frames, count);
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

ashlar_status ashlar_frames_take_bulk(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count, unsigned flags)
{
    if ((flags & ~FLAGS_KNOWN) != 0) {
        return ASHLAR_BAD_ARGUMENT;
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
    if (!is_sane(range)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    const struct need need = {range->frames,
                              range->align_frames == 0 ? 1u : range->align_frames,
                              range->boundary_frames,
                              range->from_pfn,
                              limit_of(pool, range->limit_pfn),
                              ASHLAR_FRAMES_ANY_NODE};
    bool taken = ashlar_frames_admit(pool, range->frames, 0) && take_run(pool, &need, SHAPE_RANGE, first);
    ashlar_status status = ashlar_frames_book(pool, taken, range->frames, 0);
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}

/* --- gives ------------------------------------------------------------------ */

/* Which frames of the word are RAM, in a chunk of this state that is not taken as a whole. */
static inline uintptr_t ram_bits(const struct ashlar_frames *pool, const struct region *region, size_t index,
                                 unsigned state)
{
    if ((state & (CHUNK_RAM | CHUNK_HUGE)) == CHUNK_RAM) {
        return ~(uintptr_t)0;
    }
    if ((state & (CHUNK_MIXED | CHUNK_HUGE)) != CHUNK_MIXED) {
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
    ASHLAR_CHECK(order <= ASHLAR_FRAMES_ORDER_MAX && first % ((ashlar_pfn)1 << order) == 0,
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
static inline size_t bits_of(ashlar_pfn base, const ashlar_pfn *frames, size_t count, uintptr_t *bits)
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
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->gives++;
    while (count != 0) {
        ashlar_pfn base = round_down(*frames, WORD_BITS);
        uintptr_t bits;
        size_t given = bits_of(base, frames, count, &bits);
        give_word(pool, base, bits, (unsigned)given, ASHLAR_CALLER());
        frames += given;
        count -= given;
    }
    ashlar_lock_give(&pool->lock, interrupts);
}

COLD void ashlar_frames_give_range(struct ashlar_frames *pool, ashlar_pfn first, size_t frames)
{
    ASHLAR_CHECK(frames != 0 && first + (frames - 1u) >= first,
                 "frames: give of %zu frames from 0x%lx, an empty or wrapping range, by %p", frames,
                 (unsigned long)first, ASHLAR_CALLER());
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->gives++;
    ashlar_frames_release(pool, first, frames, SHAPE_RANGE, ASHLAR_CALLER());
    ashlar_lock_give(&pool->lock, interrupts);
}

/* --- for tests -------------------------------------------------------------- */

COLD void ashlar_frames_fail_nth(struct ashlar_frames *pool, uint64_t n, int forever)
{
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    pool->fail_in = n;
    pool->fail_forever = forever;
    ashlar_frames_set_gate(pool);
    ashlar_lock_give(&pool->lock, interrupts);
}
