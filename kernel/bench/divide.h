/* SPDX-License-Identifier: 0BSD */
/* divide.h - 64-bit division, for figures: i386 has none without a helper of the compiler's. */
#ifndef KERNEL_DIVIDE_H
#define KERNEL_DIVIDE_H

#include <stdint.h>

/* Long division, by shift and subtract. */
static inline uint64_t divided(uint64_t value, uint32_t by)
{
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (unsigned bit = 64; bit-- > 0;) {
        rest = rest << 1 | (value >> bit & 1);
        quotient <<= 1;
        if (rest >= by) {
            rest -= by;
            quotient |= 1;
        }
    }
    return quotient;
}

#endif
