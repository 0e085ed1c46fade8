/* SPDX-License-Identifier: 0BSD */
/* bits.h - words and powers of two, without a library helper on 32-bit machines.
 *
 * A word is a uintptr_t: 32 or 64 bits, whatever the machine moves in one go.
 */
#ifndef ASHLAR_BASE_BITS_H
#define ASHLAR_BASE_BITS_H

#include <ashlar/types.h>
#include <stdbool.h>

#define WORD_BITS ((unsigned)(sizeof(uintptr_t) * 8u))

_Static_assert(sizeof(uintptr_t) == sizeof(unsigned long), "the builtins below take unsigned long");

/* Index of the lowest set bit; word is not 0. */
static inline unsigned word_ctz(uintptr_t word)
{
    return (unsigned)__builtin_ctzl(word);
}

/* Index of the highest set bit (the logarithm, rounded down); word is not 0. */
static inline unsigned word_log2(uintptr_t word)
{
    return WORD_BITS - 1u - (unsigned)__builtin_clzl(word);
}

static inline unsigned u32_ctz(uint32_t word)
{
    return (unsigned)__builtin_ctz(word);
}

static inline unsigned u32_log2(uint32_t word)
{
    return 31u - (unsigned)__builtin_clz(word);
}

/* Set bits in parallel sums of 2, 4 and 8 bits (Warren, Hacker's Delight, 5-1): the builtin would call libgcc. */
static inline unsigned word_popcount(uintptr_t word)
{
    const uintptr_t ones = ~(uintptr_t)0;
    word -= (word >> 1) & (ones / 3u);
    word = (word & (ones / 5u)) + ((word >> 2) & (ones / 5u));
    word = (word + (word >> 4)) & (ones / 17u);
    return (unsigned)((uintptr_t)(word * (ones / 255u)) >> (WORD_BITS - 8u));
}

/* The lowest count bits set; count is 0 to WORD_BITS. */
static inline uintptr_t word_mask(unsigned count)
{
    return count >= WORD_BITS ? ~(uintptr_t)0 : ((uintptr_t)1 << count) - 1u;
}

static inline bool is_power_of_two(uintptr_t value)
{
    return value != 0 && (value & (value - 1u)) == 0;
}

/* unit is a power of two. round_up wraps to 0 past the last multiple. */
static inline uintptr_t round_down(uintptr_t value, uintptr_t unit)
{
    return value & ~(unit - 1u);
}

static inline uintptr_t round_up(uintptr_t value, uintptr_t unit)
{
    return (value + unit - 1u) & ~(unit - 1u);
}

static inline ashlar_phys phys_round_down(ashlar_phys value, ashlar_phys unit)
{
    return value & ~(unit - 1u);
}

static inline ashlar_phys phys_round_up(ashlar_phys value, ashlar_phys unit)
{
    return (value + unit - 1u) & ~(unit - 1u);
}

#endif
