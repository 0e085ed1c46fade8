/* SPDX-License-Identifier: 0BSD */
/* size.h - size classes, and what is asked for. Which class is inline, for the fast paths. */
#ifndef ASHLAR_HEAP_SIZE_H
#define ASHLAR_HEAP_SIZE_H

#include "base/bits.h"
#include "heap/internal.h"

#define SMALL_MOST_BYTES 32768u
#define ALIGN_MOST_BYTES 4096u /* by class; more is a large block's */

/* What is asked for: objects of a cache, or of a size class. */
struct want {
    struct ashlar_cache *cache;
    uint32_t stride;
    uint32_t align;
    uint32_t class;
};

uint32_t ashlar_heap_class_bytes(uint32_t class);
/* cache NULL: bytes is 1 to 32 KiB. */
struct want ashlar_heap_want(struct ashlar_cache *cache, size_t bytes);

/* bytes is 1 to 32 KiB. */
static inline uint32_t size_class_of(size_t bytes)
{
    uint32_t last = (uint32_t)bytes - 1u;
    if (__builtin_expect(last < 1024u, 1)) {
        return last >> 4;
    }
    unsigned log = u32_log2(last);
    return 64u + (log - 10u) * 8u + (last >> (log - 3u)) - 8u;
}

/* Of an object whose size is rounded. */
static inline uint32_t natural_align(uint32_t bytes)
{
    return (bytes | ALIGN_MOST_BYTES) & (0u - (bytes | ALIGN_MOST_BYTES));
}

static inline uint32_t units_for(const struct ashlar_heap *heap, size_t bytes)
{
    return (uint32_t)((bytes + ((size_t)1 << heap->runs.unit_shift) - 1u) >> heap->runs.unit_shift);
}

#endif
