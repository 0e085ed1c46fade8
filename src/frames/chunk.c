/* SPDX-License-Identifier: 0BSD */
/* chunk.c - chunks of 2 MiB: how many of their frames are free, and which chunk to take from.
 *
 * Each chunk has a counter of free frames and is filed by it in one of four
 * classes, a bitmap of chunks for each:
 *
 *     free      0      1..15    16..255   256..511     512
 *     class   (none)    FEW      SOME       MANY      WHOLE
 *     choice             3         1          2         4
 *
 * Small blocks come from chunks that are well used already, but not so full
 * that the search has to move on at once; whole chunks are broken last. So the
 * emptiest chunks are left alone, fill up with free frames, and become whole
 * again (the order of LLFree, Wrenger et al., USENIX ATC'23).
 *
 * The chunk under the cursor is filed nowhere (OWN): single frames are taken
 * from it without touching a class. It goes back when it is empty, or when
 * another search found nothing and wants to see every chunk.
 *
 * Low memory is kept for those who cannot use other: a search goes through the
 * regions from the highest down, each of which lies in one zone, and in a region
 * from low to high, but first over what lies above 1 MiB. When a frame of a
 * better zone than the cursor's is given back, the cursor lets go of its chunk.
 *
 * A chunk taken as a whole keeps its bits and gets HUGE instead: blocks of
 * 2 MiB and more cost a counter for each chunk. The bits are cleared when a
 * part of it is given back.
 */
#include "frames/internal.h"

#include "base/mem.h"

static const uint8_t classes_by_choice[CLASSES] = {CLASS_SOME, CLASS_MANY, CLASS_FEW, CLASS_WHOLE};
static const uint16_t most_in_class[CLASSES] = {15, 255, 511, 512};

/* --- classes ---------------------------------------------------------------- */

/* Into the class, or out of it. */
OUT_OF_LINE static void toggle(struct region *region, size_t chunk, unsigned class)
{
    size_t index = chunk / WORD_BITS;
    uintptr_t bit = (uintptr_t)1 << chunk % WORD_BITS;
    uintptr_t *word = &region->maps[class * region->map_words + index];
    *word ^= bit;
    if ((*word & bit) == 0) {
        region->in_class[class]--;
        return;
    }
    region->in_class[class]++;
    if (index < region->first_set[class]) {
        region->first_set[class] = index;
    }
}

/* The chunk's count has changed, and it is not the cursor's. */
OUT_OF_LINE void ashlar_frames_refile(struct region *region, size_t chunk, unsigned old_count, unsigned count)
{
    if (old_count != 0) {
        toggle(region, chunk, class_of(old_count));
    }
    if (count != 0) {
        toggle(region, chunk, class_of(count));
    }
}

OUT_OF_LINE void ashlar_frames_set_count(struct region *region, size_t chunk, unsigned count)
{
    set_count(region, chunk, count);
}

/* The first chunk of the class in [first, end), or end. */
static size_t next_in_class(struct region *region, unsigned class, size_t first, size_t end)
{
    const uintptr_t *map = region->maps + class * region->map_words;
    size_t *first_set = &region->first_set[class];
    size_t index = first / WORD_BITS;
    uintptr_t mask = ~(uintptr_t)0 << first % WORD_BITS;
    if (index < *first_set) {
        index = *first_set;
        mask = ~(uintptr_t)0;
    }
    for (; index * WORD_BITS < end; index++) {
        uintptr_t word = map[index] & mask;
        if (word != 0) {
            size_t chunk = index * WORD_BITS + word_ctz(word);
            return chunk < end ? chunk : end;
        }
        if (map[index] == 0 && index == *first_set) {
            *first_set = index + 1u;
        }
        mask = ~(uintptr_t)0;
    }
    return end;
}

/* --- search ----------------------------------------------------------------- */

/* A block within the chunk's frames that lie in [first, end) of its region. */
static bool find_in_chunk(struct region *region, size_t chunk, unsigned order, size_t first, size_t end,
                          struct piece *piece)
{
    size_t base = chunk * CHUNK_FRAMES;
    unsigned from = first > base ? (unsigned)(first - base) : 0;
    unsigned to = end - base < CHUNK_FRAMES ? (unsigned)(end - base) : CHUNK_FRAMES;
    piece->offset = ashlar_frames_bits_block(chunk_words(region, chunk), order, from, to);
    piece->region = region;
    piece->chunk = chunk;
    piece->frames = 1u << order;
    return piece->offset != CHUNK_FRAMES;
}

/* A block within [first, end) of the region, from the class that suits best. */
static bool find_in_region(struct region *region, unsigned order, size_t first, size_t end, struct piece *piece)
{
    size_t end_chunk = (end + CHUNK_FRAMES - 1u) >> CHUNK_ORDER;
    for (unsigned choice = 0; choice < CLASSES; choice++) {
        unsigned class = classes_by_choice[choice];
        if (region->in_class[class] == 0 || most_in_class[class] >> order == 0) {
            continue;
        }
        size_t chunk = first >> CHUNK_ORDER;
        while ((chunk = next_in_class(region, class, chunk, end_chunk)) < end_chunk) {
            if (find_in_chunk(region, chunk, order, first, end, piece)) {
                return true;
            }
            chunk++;
        }
    }
    return false;
}

static bool suits(const struct region *region, const struct need *need)
{
    return region->base < need->limit_pfn && (need->node == ASHLAR_FRAMES_ANY_NODE || need->node == region->node);
}

/* How much of the region lies below the limit. */
static size_t frames_below(const struct region *region, const struct need *need)
{
    size_t below = need->limit_pfn - region->base;
    return below < region->span_frames ? below : region->span_frames;
}

/* A block of less than a chunk. */
OUT_OF_LINE bool ashlar_frames_find(struct ashlar_frames *pool, unsigned order, const struct need *need,
                                    struct piece *piece)
{
    for (struct region *region = pool->regions; region != NULL; region = region->next) {
        if (!suits(region, need)) {
            continue;
        }
        size_t end = frames_below(region, need);
        size_t low = region->base == 0 ? LOW_FRAMES : 0;
        if ((end > low && find_in_region(region, order, low, end, piece)) ||
            (low != 0 && find_in_region(region, order, 0, end < low ? end : low, piece))) {
            return true;
        }
    }
    return false;
}

/* A whole chunk: its counter says all. */
bool ashlar_frames_take_chunk(struct ashlar_frames *pool, const struct need *need, ashlar_pfn *first)
{
    for (struct region *region = pool->regions; region != NULL; region = region->next) {
        if (region->in_class[CLASS_WHOLE] == 0 || !suits(region, need)) {
            continue;
        }
        size_t end = frames_below(region, need) >> CHUNK_ORDER;
        size_t chunk = next_in_class(region, CLASS_WHOLE, 0, end);
        if (chunk < end) {
            region->chunks[chunk] = CHUNK_RAM | CHUNK_HUGE;
            toggle(region, chunk, CLASS_WHOLE);
            pool->free_frames -= CHUNK_FRAMES;
            *first = region->base + chunk * CHUNK_FRAMES;
            ashlar_frames_mark(pool, *first, CHUNK_FRAMES, 1u + CHUNK_ORDER);
            return true;
        }
    }
    return false;
}

/* The same back, if first is such a chunk. */
bool ashlar_frames_give_chunk(struct ashlar_frames *pool, ashlar_pfn first)
{
    struct region *region = region_of(pool, first);
    if (region == NULL || first >= pool->cursor.better) {
        return false;
    }
    size_t chunk = (first - region->base) >> CHUNK_ORDER;
    if (region->chunks[chunk] != (CHUNK_RAM | CHUNK_HUGE)) {
        return false;
    }
    region->chunks[chunk] = CHUNK_RAM | CHUNK_FRAMES;
    toggle(region, chunk, CLASS_WHOLE);
    pool->free_frames += CHUNK_FRAMES;
    return true;
}

/* --- the cursor ------------------------------------------------------------- */

static void cursor_set(struct cursor *cursor, struct region *region, size_t word)
{
    cursor->region = region;
    cursor->word = &region->words[word];
    cursor->chunk = &region->chunks[word / CHUNK_WORDS];
    cursor->first = region->base + word * WORD_BITS;
    cursor->better = zone_end(cursor->first);
}

/* File the cursor's chunk; the cursor then has none. */
OUT_OF_LINE void ashlar_frames_cursor_drop(struct ashlar_frames *pool)
{
    struct cursor *cursor = &pool->cursor;
    if (cursor->region == NULL) {
        return;
    }
    *cursor->chunk = (uint16_t)(*cursor->chunk & ~CHUNK_OWN);
    ashlar_frames_refile(cursor->region, (size_t)(cursor->chunk - cursor->region->chunks), 0,
                         *cursor->chunk & CHUNK_COUNT);
    cursor->region = NULL;
    cursor->word = &cursor->none;
    cursor->better = ASHLAR_PFN_NONE;
}

/* The cursor's chunk has a free frame: the next word that does. What was given back behind it is found when it comes
 * round. */
static unsigned next_word(const struct cursor *cursor, const uintptr_t *words)
{
    unsigned word = (unsigned)(cursor->word - words);
    do {
        word = (word + 1u) % CHUNK_WORDS;
    } while (words[word] == 0);
    return word;
}

/* Put the cursor on a word with a free frame: in its own chunk, else in the one that suits best. False: there is none
 * that could be owned. The frame of a chunk that lies in two zones (that at 1 MiB) is found, but the chunk not owned:
 * its lower part is to be kept. */
bool ashlar_frames_cursor_refill(struct ashlar_frames *pool)
{
    const struct need anywhere = {1, 1, 0, 0, ASHLAR_PFN_NONE, ASHLAR_FRAMES_ANY_NODE};
    struct cursor *cursor = &pool->cursor;
    struct piece piece;
    if (cursor->region != NULL && (*cursor->chunk & CHUNK_COUNT) != 0) {
        piece.region = cursor->region;
        piece.chunk = (size_t)(cursor->chunk - cursor->region->chunks);
        piece.offset = next_word(cursor, chunk_words(piece.region, piece.chunk)) * WORD_BITS;
    } else {
        ashlar_frames_cursor_drop(pool);
        if (!ashlar_frames_find(pool, 0, &anywhere, &piece) || piece.region->base + piece.chunk == 0) {
            return false;
        }
        uint16_t *chunk = &piece.region->chunks[piece.chunk];
        ashlar_frames_refile(piece.region, piece.chunk, *chunk & CHUNK_COUNT, 0);
        *chunk = (uint16_t)(*chunk | CHUNK_OWN);
    }
    cursor_set(cursor, piece.region, piece.chunk * CHUNK_WORDS + piece.offset / WORD_BITS);
    return true;
}

/* --- runs of frames --------------------------------------------------------- */

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

/* The part of the run in its first chunk. False: no region knows it. frames is not 0. */
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

/* Take frames of one chunk that are known to be free. */
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

/* The same of any number, which regions know. shape: what debug builds remember. */
COLD void ashlar_frames_claim(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape)
{
    struct piece piece;
    pool->free_frames -= frames;
    ashlar_frames_mark(pool, first, frames, shape);
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        ashlar_frames_claim_piece(&piece);
    }
}

ASHLAR_NORETURN COLD static void refuse(ashlar_pfn frame, const char *why, const void *caller)
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
        refuse(first + found - piece->offset, "not in the pool: reserved, a hole or a device", caller);
    }
    if ((state & CHUNK_HUGE) != 0) {
        return;
    }
    found = ashlar_frames_bits_find(words, piece->offset, piece->frames, 0);
    if (found != piece->offset + piece->frames) {
        refuse(first + found - piece->offset, "free already: a double free", caller);
    }
}

COLD static void check_run(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames, const void *caller)
{
    struct piece piece;
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        if (!ashlar_frames_piece(pool, first, frames, &piece)) {
            const struct region *top = pool->regions;
            bool beyond = top == NULL || first >= top->base + top->span_frames;
            refuse(first, beyond ? "beyond the last frame" : "not in the pool: reserved, a hole or a device", caller);
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

/* Give back. All is checked before anything is changed. */
COLD void ashlar_frames_release(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape,
                                const void *caller)
{
    struct piece piece;
    check_run(pool, first, frames, caller);
    ashlar_frames_check_shape(pool, first, frames, shape, caller);
    ashlar_frames_mark(pool, first, frames, 0);
    pool->free_frames += frames;
    if (first + (frames - 1u) >= pool->cursor.better) {
        ashlar_frames_cursor_drop(pool);
    }
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        release_piece(&piece);
    }
}
