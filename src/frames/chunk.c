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
 * Low memory is kept for those who cannot use other: a search walks zones from
 * the top down (4 GiB and up, 16 MiB to 4 GiB, 1 to 16 MiB, below), highest
 * region first, and inside a zone from low to high.
 *
 * A chunk taken as a whole keeps its bits and gets HUGE instead: blocks of
 * 2 MiB and more cost a counter for each chunk. The bits are cleared when a
 * part of it is given back.
 */
#include "frames/internal.h"

#include "base/mem.h"

static const ashlar_pfn zone_starts[] = {(ashlar_pfn)1 << 20, 4096, 256, 0};
static const uint8_t classes_by_choice[CLASSES] = {CLASS_SOME, CLASS_MANY, CLASS_FEW, CLASS_WHOLE};
static const uint16_t most_in_class[CLASSES] = {15, 255, 511, 512};

/* --- classes ---------------------------------------------------------------- */

static void file(struct region *region, size_t chunk, unsigned class)
{
    size_t index = chunk / WORD_BITS;
    region->maps[class * region->map_words + index] |= (uintptr_t)1 << chunk % WORD_BITS;
    region->in_class[class]++;
    if (index < region->first_set[class]) {
        region->first_set[class] = index;
    }
}

static void unfile(struct region *region, size_t chunk, unsigned class)
{
    region->maps[class * region->map_words + chunk / WORD_BITS] &= ~((uintptr_t)1 << chunk % WORD_BITS);
    region->in_class[class]--;
}

void ashlar_frames_set_count(struct region *region, size_t chunk, unsigned count)
{
    unsigned old = region->chunks[chunk];
    region->chunks[chunk] = (uint16_t)((old & ~CHUNK_COUNT) | count);
    unsigned from = class_of(old & CHUNK_COUNT);
    unsigned to = class_of(count);
    if ((old & CHUNK_OWN) != 0 || from == to) {
        return;
    }
    if (from != CLASSES) {
        unfile(region, chunk, from);
    }
    if (to != CLASSES) {
        file(region, chunk, to);
    }
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
    if (order == CHUNK_ORDER) {
        piece->offset = from == 0 && to == CHUNK_FRAMES ? 0 : CHUNK_FRAMES;
    } else {
        piece->offset = ashlar_frames_bits_block(chunk_words(region, chunk), order, from, to);
    }
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
        size_t chunk = next_in_class(region, class, first >> CHUNK_ORDER, end_chunk);
        while (chunk < end_chunk) {
            if (find_in_chunk(region, chunk, order, first, end, piece)) {
                return true;
            }
            chunk = next_in_class(region, class, chunk + 1u, end_chunk);
        }
    }
    return false;
}

/* The same in frames [start, end) of all regions of the node. */
static bool find_in_zone(struct ashlar_frames *pool, unsigned order, ashlar_pfn start, ashlar_pfn end, unsigned node,
                         struct piece *piece)
{
    for (struct region *region = pool->regions; region != NULL; region = region->next) {
        if (region->base >= end || (node != ASHLAR_FRAMES_ANY_NODE && node != region->node)) {
            continue;
        }
        size_t first = start > region->base ? start - region->base : 0;
        size_t last = end - region->base < region->span_frames ? end - region->base : region->span_frames;
        if (first < last && find_in_region(region, order, first, last, piece)) {
            return true;
        }
    }
    return false;
}

bool ashlar_frames_find(struct ashlar_frames *pool, unsigned order, const struct need *need, struct piece *piece)
{
    ashlar_pfn end = need->limit_pfn;
    for (unsigned zone = 0; zone < sizeof zone_starts / sizeof zone_starts[0]; zone++) {
        if (zone_starts[zone] >= end) {
            continue;
        }
        if (find_in_zone(pool, order, zone_starts[zone], end, need->node, piece)) {
            return true;
        }
        end = zone_starts[zone];
    }
    return false;
}

/* --- the cursor ------------------------------------------------------------- */

static void cursor_set(struct cursor *cursor, struct region *region, size_t word)
{
    cursor->region = region;
    cursor->word = &region->words[word];
    cursor->chunk = &region->chunks[word / CHUNK_WORDS];
    cursor->first = region->base + word * WORD_BITS;
}

/* File the cursor's chunk; the cursor then has none. */
void ashlar_frames_cursor_drop(struct ashlar_frames *pool)
{
    struct cursor *cursor = &pool->cursor;
    if (cursor->region == NULL) {
        return;
    }
    unsigned count = *cursor->chunk & CHUNK_COUNT;
    *cursor->chunk = (uint16_t)(*cursor->chunk & ~CHUNK_OWN);
    if (count != 0) {
        file(cursor->region, (size_t)(cursor->chunk - cursor->region->chunks), class_of(count));
    }
    cursor->region = NULL;
    cursor->word = &cursor->none;
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
        size_t chunk = (size_t)(cursor->chunk - cursor->region->chunks);
        size_t bit = ashlar_frames_bits_find(cursor->region->words, chunk * CHUNK_FRAMES, CHUNK_FRAMES, 0);
        cursor_set(cursor, cursor->region, bit / WORD_BITS);
        return true;
    }
    ashlar_frames_cursor_drop(pool);
    if (!ashlar_frames_find(pool, 0, &anywhere, &piece) || piece.region->base + piece.chunk == 0) {
        return false;
    }
    unsigned state = piece.region->chunks[piece.chunk];
    unfile(piece.region, piece.chunk, class_of(state & CHUNK_COUNT));
    piece.region->chunks[piece.chunk] = (uint16_t)(state | CHUNK_OWN);
    cursor_set(cursor, piece.region, piece.chunk * CHUNK_WORDS + piece.offset / WORD_BITS);
    return true;
}

/* --- runs of frames --------------------------------------------------------- */

uintptr_t *ashlar_frames_ram_words(const struct ashlar_frames *pool, const struct region *region, size_t chunk)
{
    struct slot_block *block = pool->slots;
    size_t slot = region->slots[chunk];
    while (slot < block->first) {
        block = block->next;
    }
    return block->words + (slot - block->first) * CHUNK_WORDS;
}

/* The part of the run in its first chunk. False: no region knows it. frames is not 0. */
bool ashlar_frames_piece(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames, struct piece *piece)
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

/* Take frames that are free, and known to be. shape: what debug builds remember. */
void ashlar_frames_claim(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape)
{
    struct piece piece;
    pool->free_frames -= frames;
    if (ASHLAR_DEBUG) {
        ashlar_frames_mark(pool, first, frames, shape);
    }
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        bool known = ashlar_frames_piece(pool, first, frames, &piece);
        ASHLAR_ASSERT(known);
        (void)known;
        uint16_t *chunk = &piece.region->chunks[piece.chunk];
        unsigned count = *chunk & CHUNK_COUNT;
        ashlar_frames_set_count(piece.region, piece.chunk, count - piece.frames);
        if (piece.frames == CHUNK_FRAMES) {
            *chunk = (uint16_t)(*chunk | CHUNK_HUGE);
        } else {
            ashlar_frames_bits_clear(chunk_words(piece.region, piece.chunk), piece.offset, piece.frames);
        }
    }
}

ASHLAR_NORETURN static void refuse(ashlar_pfn frame, const char *why, const void *caller)
{
    ashlar_panic("frames: give of frame 0x%lx, which is %s, by %p", (unsigned long)frame, why, caller);
}

/* All of the piece is RAM, and taken. */
static void check_piece(const struct ashlar_frames *pool, const struct piece *piece, ashlar_pfn first,
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

static void check_run(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames, const void *caller)
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

static void release_piece(const struct piece *piece)
{
    uint16_t *chunk = &piece->region->chunks[piece->chunk];
    uintptr_t *words = chunk_words(piece->region, piece->chunk);
    bool huge = (*chunk & CHUNK_HUGE) != 0;
    *chunk = (uint16_t)(*chunk & ~CHUNK_HUGE);
    if (!huge || piece->frames != CHUNK_FRAMES) {
        if (huge) {
            memset(words, 0, CHUNK_FRAMES / 8u);
        }
        ashlar_frames_bits_set(words, piece->offset, piece->frames);
    }
    ashlar_frames_set_count(piece->region, piece->chunk, (*chunk & CHUNK_COUNT) + piece->frames);
}

/* Give back. All is checked before anything is changed. */
void ashlar_frames_release(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned shape,
                           const void *caller)
{
    struct piece piece;
    check_run(pool, first, frames, caller);
    if (ASHLAR_DEBUG) {
        ashlar_frames_check_shape(pool, first, frames, shape, caller);
        ashlar_frames_mark(pool, first, frames, 0);
    }
    pool->free_frames += frames;
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        release_piece(&piece);
    }
}
