/* SPDX-License-Identifier: 0BSD */
/* bitmap.c - runs and blocks of bits against one bit after the other. */
#include "frames/bitmap.h"
#include "frames/internal.h"
#include "tap.h"

#define WORDS (2u * CHUNK_WORDS)
#define BITS (WORDS * WORD_BITS)

static uintptr_t words[WORDS];
static uint64_t seed = 88172645463325252u;

static unsigned below(unsigned limit)
{
    return (unsigned)(tap_random(&seed) % limit);
}

static bool get(size_t bit)
{
    return (words[bit / WORD_BITS] >> bit % WORD_BITS & 1u) != 0;
}

/* From empty to full: runs of random length, so that long runs occur. */
static void scatter(void)
{
    memset(words, 0, sizeof words);
    bool set = below(2) != 0;
    unsigned most = 1u + below(below(2) != 0 ? 6 : 300);
    for (unsigned bit = 0; bit < BITS; set = !set) {
        for (unsigned end = bit + 1u + below(most); bit < end && bit < BITS; bit++) {
            words[bit / WORD_BITS] |= (uintptr_t)set << bit % WORD_BITS;
        }
    }
}

static size_t plain_find(size_t first, size_t count, bool wanted)
{
    size_t bit = first;
    while (bit < first + count && get(bit) != wanted) {
        bit++;
    }
    return bit;
}

static size_t plain_last_clear(size_t first, size_t count)
{
    size_t end = first + count;
    while (end > first && get(end - 1u)) {
        end--;
    }
    return end;
}

static unsigned plain_block(unsigned order, unsigned first, unsigned end)
{
    unsigned size = 1u << order;
    for (unsigned start = 0; start < CHUNK_FRAMES; start += size) {
        if (start >= first && start + size <= end && plain_find(start, size, false) == start + size) {
            return start;
        }
    }
    return CHUNK_FRAMES;
}

static bool flips_only(size_t first, size_t count)
{
    uintptr_t before[WORDS];
    memcpy(before, words, sizeof words);
    ashlar_frames_bits_flip(words, first, count);
    for (size_t bit = 0; bit < BITS; bit++) {
        bool was = (before[bit / WORD_BITS] >> bit % WORD_BITS & 1u) != 0;
        if (get(bit) != (was != (bit >= first && bit - first < count))) {
            return false;
        }
    }
    return true;
}

int main(void)
{
    unsigned long rounds = tap_seeds(20000);
    unsigned wrong_find = 0;
    unsigned wrong_last = 0;
    unsigned wrong_block = 0;
    unsigned wrong_flip = 0;
    for (unsigned long round = 0; round < rounds; round++) {
        size_t first = below(BITS);
        size_t count = below((unsigned)(BITS - first) + 1u);
        unsigned order = below(CHUNK_ORDER);
        unsigned from = below(3) == 0 ? below(CHUNK_FRAMES) : 0;
        unsigned end = below(3) == 0 ? from + below(CHUNK_FRAMES - from + 1u) : CHUNK_FRAMES;
        scatter();
        wrong_find += ashlar_frames_bits_find(words, first, count, 0) != plain_find(first, count, true);
        wrong_find += ashlar_frames_bits_find(words, first, count, ~(uintptr_t)0) != plain_find(first, count, false);
        wrong_last += ashlar_frames_bits_last_clear(words, first, count) != plain_last_clear(first, count);
        wrong_block += ashlar_frames_bits_block(words, order, from, end) != plain_block(order, from, end);
        wrong_flip += round % 16 == 0 && !flips_only(first, count);
    }
    is_u(wrong_find, 0, "the first set or clear bit of a run");
    is_u(wrong_last, 0, "the last clear bit of a run");
    is_u(wrong_block, 0, "the first aligned block of set bits between limits");
    is_u(wrong_flip, 0, "a run is flipped, and nothing else");
    return done_testing();
}
