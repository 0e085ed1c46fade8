/* SPDX-License-Identifier: 0BSD */
/* access.h - one access of one entry of a known width.
 *
 * On a 32-bit machine a 64-bit entry has two halves. What fills it writes the
 * high half first, what makes it absent the low half; so whoever sees the
 * present bit sees the whole, and no note is without the high half that keeps
 * it from naming RAM. Reading looks twice at the low half.
 * Changes of a present entry are a compare-and-swap, inline since i586.
 */
#ifndef ASHLAR_ARCH_ACCESS_H
#define ASHLAR_ARCH_ACCESS_H

#include "base/atomic.h"
#include <ashlar/types.h>

#if defined(__GNUC__) && !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_8) && !defined(ASHLAR_PAGING_FIXED)
#error "entries of 64 bits need an i586 (CMPXCHG8B): for an i486, build with -DASHLAR_PAGING_FIXED=TWO_LEVEL"
#endif

/* The low half, which holds all bits but frame number and no-execute. x86 is little-endian. */
static inline volatile uint32_t *entry_low(volatile uint64_t *entry)
{
    return (volatile uint32_t *)(volatile void *)entry;
}

static inline uint64_t entry_load_64(const volatile uint64_t *entry)
{
    ASHLAR_YIELD();
    if (sizeof(uintptr_t) == 8) {
        return ASHLAR_LOAD(entry);
    }
    const volatile uint32_t *half = (const volatile uint32_t *)(const volatile void *)entry;
    uint32_t low, high;
    do {
        low = (uint32_t)ASHLAR_LOAD(&half[0]);
        high = (uint32_t)ASHLAR_LOAD(&half[1]);
    } while ((uint32_t)ASHLAR_LOAD(&half[0]) != low);
    return (uint64_t)high << 32 | low;
}

/* Absent to present or to a note; or the same frame with other low bits. In halves: two registers of a 32-bit machine. */
static inline void entry_store_present_halves(volatile uint64_t *entry, uint32_t low, uint32_t high)
{
    ASHLAR_YIELD();
    if (sizeof(uintptr_t) == 8) {
        ASHLAR_STORE(entry, (uint64_t)high << 32 | low);
        return;
    }
    ASHLAR_STORE(&entry_low(entry)[1], high);
    ASHLAR_YIELD();
    ASHLAR_STORE(entry_low(entry), low);
}

static inline void entry_store_present_64(volatile uint64_t *entry, uint64_t value)
{
    entry_store_present_halves(entry, (uint32_t)value, (uint32_t)(value >> 32));
}

/* Present to absent, or anything to empty. */
static inline void entry_store_absent_64(volatile uint64_t *entry, uint64_t value)
{
    ASHLAR_YIELD();
    if (sizeof(uintptr_t) == 8) {
        ASHLAR_STORE(entry, value);
        return;
    }
    ASHLAR_STORE(entry_low(entry), (uint32_t)value);
    ASHLAR_YIELD();
    ASHLAR_STORE(&entry_low(entry)[1], (uint32_t)(value >> 32));
}

/* The __sync form: __atomic ones of 8 bytes would call a library on 32-bit machines. */
static inline bool entry_cas_64(volatile uint64_t *entry, uint64_t expected, uint64_t desired)
{
    ASHLAR_YIELD();
    ASHLAR_DRAIN();
    return __sync_bool_compare_and_swap(entry, expected, desired);
}

static inline uint32_t entry_load_32(const volatile uint32_t *entry)
{
    ASHLAR_YIELD();
    return (uint32_t)ASHLAR_LOAD(entry);
}

static inline void entry_store_32(volatile uint32_t *entry, uint32_t value)
{
    ASHLAR_YIELD();
    ASHLAR_STORE(entry, value);
}

static inline bool entry_cas_32(volatile uint32_t *entry, uint32_t expected, uint32_t desired)
{
    ASHLAR_YIELD();
    ASHLAR_DRAIN();
    return __sync_bool_compare_and_swap(entry, expected, desired);
}

#endif
