/* SPDX-License-Identifier: 0BSD */
/* bits.c - words and powers of two against plain loops. */
#include "base/bits.h"

#include "tap.h"

#define ALL (~(uintptr_t)0)

static unsigned counted(uintptr_t word)
{
    unsigned count = 0;
    for (unsigned bit = 0; bit < sizeof word * 8u; bit++) {
        count += (unsigned)((word >> bit) & 1u);
    }
    return count;
}

static unsigned lowest(uintptr_t word)
{
    unsigned bit = 0;
    while (((word >> bit) & 1u) == 0) {
        bit++;
    }
    return bit;
}

static unsigned highest(uintptr_t word)
{
    unsigned bit = 0;
    while ((word >>= 1) != 0) {
        bit++;
    }
    return bit;
}

static bool is_right(uintptr_t word)
{
    uint32_t low = (uint32_t)word;
    if (word_popcount(word) != counted(word) || is_power_of_two(word) != (counted(word) == 1u)) {
        return false;
    }
    if (word != 0 && (word_ctz(word) != lowest(word) || word_log2(word) != highest(word))) {
        return false;
    }
    return low == 0 || (u32_ctz(low) == lowest(low) && u32_log2(low) == highest(low));
}

static void test_words(void)
{
    uint64_t seed = 5;
    unsigned wrong = 0;
    is_u(WORD_BITS, sizeof(void *) * 8u, "a word is what the machine moves");
    ok(is_right(0), "no bits");
    ok(is_right(ALL), "all bits");
    for (unsigned bit = 0; bit < WORD_BITS; bit++) {
        uintptr_t one = (uintptr_t)1 << bit;
        wrong += !is_right(one) || !is_right(one - 1u) || !is_right(~one) || !is_right(ALL << bit);
    }
    is_u(wrong, 0, "one bit, all but one, runs from each end");
    for (unsigned round = 0; round < 100000; round++) {
        uintptr_t word = (uintptr_t)tap_random(&seed);
        wrong += !is_right(word) || !is_right(word & (uintptr_t)tap_random(&seed));
    }
    is_u(wrong, 0, "200000 random words, dense and thin");
}

static void test_masks(void)
{
    unsigned wrong = 0;
    for (unsigned count = 0; count <= WORD_BITS; count++) {
        uintptr_t want = 0;
        for (unsigned bit = 0; bit < count; bit++) {
            want |= (uintptr_t)1 << bit;
        }
        wrong += word_mask(count) != want;
    }
    is_u(wrong, 0, "the lowest bits, none to all");
}

static void test_rounding(void)
{
    const uintptr_t last = ALL & ~(uintptr_t)4095;
    unsigned wrong = 0;
    for (uintptr_t unit = 1; unit <= 64; unit *= 2u) {
        for (uintptr_t value = 0; value < 300; value++) {
            uintptr_t down = value / unit * unit;
            uintptr_t up = (value + unit - 1u) / unit * unit;
            wrong += round_down(value, unit) != down || round_up(value, unit) != up;
            wrong += phys_round_down(value, unit) != down || phys_round_up(value, unit) != up;
        }
    }
    is_u(wrong, 0, "small numbers, every unit to 64");
    ok(round_down(ALL, 4096) == last && round_up(last, 4096) == last, "the last multiple stays");
    ok(round_up(last + 1u, 4096) == 0 && round_up(ALL, 4096) == 0, "past it, round_up wraps to 0");
    ok(round_up(ALL, 1) == ALL, "no rounding, no wrap");
    ok(phys_round_down(UINT64_C(0xfffffffff), 4096) == UINT64_C(0xffffff000), "physical addresses have 64 bits");
    ok(phys_round_up(UINT64_C(0xfffffffff), 4096) == UINT64_C(0x1000000000), "upward, too");
    ok(phys_round_down(UINT64_C(0x123456789a), UINT64_C(0x200000000)) == UINT64_C(0x1200000000),
       "and units of more than 4 GiB");
    ok(phys_round_up(UINT64_MAX, 4096) == 0, "past the last, it wraps to 0 as well");
}

int main(void)
{
    test_words();
    test_masks();
    test_rounding();
    return done_testing();
}
