/* SPDX-License-Identifier: 0BSD */
/* atomic.h - words shared between CPUs.
 *
 * Every access is a yield point of the simulated machine, where another CPU
 * may be let run, and every store may wait in the CPU's store buffer there:
 * elsewhere ASHLAR_YIELD and ASHLAR_DRAIN are empty, loads and stores what they
 * look like. Stores are releases, loads acquires, read-modify-writes
 * sequentially consistent. There are no bare fences: ThreadSanitizer does not
 * see them; use a read-modify-write.
 */
#ifndef ASHLAR_BASE_ATOMIC_H
#define ASHLAR_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_4)
#error "this CPU compares and exchanges no 32-bit word: on x86 an i486 is the least, so -march=i486 or above"
#endif

#ifdef ASHLAR_YIELD_HEADER
#include ASHLAR_YIELD_HEADER
#else
#define ASHLAR_YIELD() ((void)0)
#define ASHLAR_LOAD(pointer) __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#define ASHLAR_STORE(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELEASE)
#define ASHLAR_DRAIN() ((void)0) /* before a locked instruction */
#endif

/* What different CPUs write lies in different lines. */
#define CACHE_LINE_BYTES 64u
#define OWN_LINES __attribute__((aligned(CACHE_LINE_BYTES)))

/* Keeps the compiler, not the machine, from moving memory accesses across. */
static inline void compiler_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

#define ASHLAR_DEFINE_ATOMICS(suffix, type)                                                                            \
    static inline type atomic_load##suffix(const volatile type *word)                                                  \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        return (type)ASHLAR_LOAD(word);                                                                                \
    }                                                                                                                  \
    static inline void atomic_store##suffix(volatile type *word, type value)                                           \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        ASHLAR_STORE(word, value);                                                                                     \
    }                                                                                                                  \
    static inline type atomic_exchange##suffix(volatile type *word, type value)                                        \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        ASHLAR_DRAIN();                                                                                                \
        return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);                                                     \
    }                                                                                                                  \
    static inline bool atomic_cas##suffix(volatile type *word, type expected, type desired)                            \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        ASHLAR_DRAIN();                                                                                                \
        return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
    }                                                                                                                  \
    static inline type atomic_fetch_add##suffix(volatile type *word, type value)                                       \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        ASHLAR_DRAIN();                                                                                                \
        return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    static inline type atomic_fetch_or##suffix(volatile type *word, type value)                                        \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        ASHLAR_DRAIN();                                                                                                \
        return __atomic_fetch_or(word, value, __ATOMIC_SEQ_CST);                                                       \
    }                                                                                                                  \
    static inline type atomic_fetch_and##suffix(volatile type *word, type value)                                       \
    {                                                                                                                  \
        ASHLAR_YIELD();                                                                                                \
        ASHLAR_DRAIN();                                                                                                \
        return __atomic_fetch_and(word, value, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    _Static_assert(sizeof(type) <= sizeof(uintptr_t), "native widths only")

/* Words that one CPU writes, or a lock's holder, and others peek at: never half a value, and what the suffix says of order.
 * No yield points, and no store buffers in the simulated machine. */
#define load_relaxed(pointer) __atomic_load_n((pointer), __ATOMIC_RELAXED)
#define store_relaxed(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELAXED)
#define load_acquire(pointer) __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#define store_release(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELEASE)

ASHLAR_DEFINE_ATOMICS(, uintptr_t);
ASHLAR_DEFINE_ATOMICS(_u32, uint32_t);

#endif
