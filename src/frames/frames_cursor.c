/* SPDX-License-Identifier: 0BSD */
/* frames_cursor.c - where single frames come from: one word of one chunk, until it is empty.
 *
 *     take:  count trailing zeros, clear the bit
 *     empty: the next word of the chunk that has a bit, else the chunk that suits best (chunk.c)
 *
 * The chunk under the cursor is filed nowhere (OWN). It goes back when it is
 * empty, or when another search found nothing and wants to see every chunk.
 *
 * When a frame of a better zone than the cursor's is given back, the cursor
 * lets go of its chunk.
 */
#include "frames/frames_cursor.h"

#include "frames/chunk.h"
#include "frames/classes.h"
#include "frames/regions.h"

static void cursor_set(struct cursor *cursor, struct region *region, size_t word)
{
    cursor->region = region;
    cursor->word = &region->words[word];
    cursor->chunk = &region->chunks[word / CHUNK_WORDS];
    cursor->first = region->base + word * WORD_BITS;
    cursor->better = zone_end(cursor->first);
}

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
