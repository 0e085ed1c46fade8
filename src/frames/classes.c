/* SPDX-License-Identifier: 0BSD */
/* classes.c - how full chunks are: each is filed by its count of free frames.
 *
 * Each chunk has a counter of free frames and is filed by it in one of four
 * classes, a bitmap of chunks for each:
 *
 *     free      0      1..15    16..255   256..511     512
 *     class   (none)    FEW      SOME       MANY      WHOLE
 *
 * The chunk under the cursor is filed nowhere (OWN): single frames are taken
 * from it without touching a class.
 *
 * Cost: O(1) for a count that changes; O(chunks / 32) to find a chunk, of which
 * what is known to be empty below a class's first chunk is passed over.
 */
#include "frames/classes.h"

OUT_OF_LINE void ashlar_frames_class_toggle(struct region *region, size_t chunk, unsigned class)
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

OUT_OF_LINE void ashlar_frames_refile(struct region *region, size_t chunk, unsigned old_count, unsigned count)
{
    if (old_count != 0) {
        ashlar_frames_class_toggle(region, chunk, fill_class(old_count));
    }
    if (count != 0) {
        ashlar_frames_class_toggle(region, chunk, fill_class(count));
    }
}

OUT_OF_LINE void ashlar_frames_set_count(struct region *region, size_t chunk, unsigned count)
{
    set_count(region, chunk, count);
}

size_t ashlar_frames_next_in_class(struct region *region, unsigned class, size_t first, size_t end)
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
