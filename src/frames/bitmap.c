/* SPDX-License-Identifier: 0BSD */
/* bitmap.c - runs and blocks of bits.
 *
 * A run [first, first + count) is worked off word by word. Each step has the
 * mask of the bits that the run has in one word, so that partial first and last
 * words are no special cases.
 *
 * A block of 2^order bits, aligned to its size, is found inside a word by
 * folding: after `word &= word >> 1` a bit says that it and its upper
 * neighbour are set; after a further `word &= word >> 2`, that four are; and so
 * on. What is left at multiples of the size are blocks (Warren, Hacker's
 * Delight, 6-2). Larger blocks are words whose conjunction is all ones.
 */
#include "frames/bitmap.h"

#include "frames/internal.h"

/* Bits of the run that lie in the word of its first bit; *steps is how many. count is not 0. */
static uintptr_t run_mask(size_t first, size_t count, unsigned *steps)
{
    unsigned bit = (unsigned)(first % WORD_BITS);
    unsigned here = WORD_BITS - bit;
    *steps = count < here ? (unsigned)count : here;
    return word_mask(*steps) << bit;
}

void ashlar_frames_bits_flip(uintptr_t *words, size_t first, size_t count)
{
    unsigned steps;
    for (; count != 0; first += steps, count -= steps) {
        words[first / WORD_BITS] ^= run_mask(first, count, &steps);
    }
}

size_t ashlar_frames_bits_find(const uintptr_t *words, size_t first, size_t count, uintptr_t flip)
{
    unsigned steps;
    for (; count != 0; first += steps, count -= steps) {
        uintptr_t found = (words[first / WORD_BITS] ^ flip) & run_mask(first, count, &steps);
        if (found != 0) {
            return round_down(first, WORD_BITS) + word_ctz(found);
        }
    }
    return first;
}

size_t ashlar_frames_bits_last_clear(const uintptr_t *words, size_t first, size_t count)
{
    while (count != 0) {
        size_t start = round_down(first + count - 1u, WORD_BITS);
        unsigned steps;
        if (start < first) {
            start = first;
        }
        uintptr_t found = ~words[start / WORD_BITS] & run_mask(start, first + count - start, &steps);
        if (found != 0) {
            return round_down(start, WORD_BITS) + word_log2(found) + 1u;
        }
        count = start - first;
    }
    return first;
}

/* Bit i stays where bits i to i + 2^order - 1 are set and i is a multiple of 2^order. order is at most WORD_ORDER. */
COLD static uintptr_t fold(uintptr_t word, unsigned order)
{
    for (unsigned i = 0; i < order; i++) {
        word &= word >> (1u << i);
    }
    return word & (~(uintptr_t)0 / word_mask(1u << order)); /* ones at multiples of 2^order */
}

/* A word of a chunk, without the bits outside of [first, end). */
COLD static uintptr_t word_within(const uintptr_t *words, unsigned index, unsigned first, unsigned end)
{
    unsigned base = index * WORD_BITS;
    unsigned from = first > base ? first : base;
    unsigned to = end < base + WORD_BITS ? end : base + WORD_BITS;
    return from < to ? words[index] & word_mask(to - from) << (from - base) : 0;
}

COLD unsigned ashlar_frames_bits_block(const uintptr_t *words, unsigned order, unsigned first, unsigned end)
{
    unsigned step = order > WORD_ORDER ? 1u << (order - WORD_ORDER) : 1u;
    unsigned inner = order > WORD_ORDER ? WORD_ORDER : order;
    uintptr_t all = ~(uintptr_t)0;
    for (unsigned i = (first / WORD_BITS) & ~(step - 1u); i * WORD_BITS < end; i++) {
        all &= word_within(words, i, first, end);
        if (((i + 1u) & (step - 1u)) == 0) {
            all = fold(all, inner);
            if (all != 0) {
                return (i + 1u - step) * WORD_BITS + word_ctz(all);
            }
            all = ~(uintptr_t)0;
        }
    }
    return CHUNK_FRAMES;
}
