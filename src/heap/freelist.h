/* SPDX-License-Identifier: 0BSD */
/* freelist.h - the first free object of a slab, and one more in front of it. Inline, as the fast paths are made of
 * these.
 *
 * The caller has claimed the slab's owner.
 */
#ifndef ASHLAR_HEAP_FREELIST_H
#define ASHLAR_HEAP_FREELIST_H

#include "base/relaxed.h"
#include "heap/internal.h"

/* The first free object, or NULL: none is linked, or the link is broken (ashlar_heap_refill tells). */
static inline void *pop_free(struct run *slab)
{
    uint32_t word = slab->word;
    uint32_t offset = word & 0xffffu;
    uint32_t granule = offset >> GRANULE_SHIFT | offset << (32u - GRANULE_SHIFT);
    if (__builtin_expect(granule >= slab->granules, 0)) {
        return NULL;
    }
    uint32_t *bits = &slab->bits[granule / 32u].allocated;
    uint32_t old = load_relaxed(bits);
    uint32_t bit = (uint32_t)1 << (granule % 32u);
    if (__builtin_expect((old & bit) != 0, 0)) {
        return NULL;
    }
    uint16_t *object = (uint16_t *)(slab->base + offset);
    store_relaxed(bits, old | bit);
    store_relaxed(&slab->word, ((word - 0x10000u) & 0xffff0000u) | *object);
    return object;
}

enum pushed { PUSH_REFUSED, PUSH_DONE, PUSH_EMPTIED };

/* Refused: it is not allocated. */
static inline enum pushed push_free(struct granule_bits *bits, struct run *slab, uintptr_t granule, uintptr_t object)
{
    uint32_t old = load_relaxed(&bits[granule / 32u].allocated);
    uint32_t bit = (uint32_t)1 << (granule % 32u);
    if (__builtin_expect((old & bit) == 0, 0)) {
        return PUSH_REFUSED;
    }
    uint32_t word = slab->word;
    store_relaxed(&bits[granule / 32u].allocated, old & ~bit);
    *(uint16_t *)object = (uint16_t)word;
    uint32_t count = (word | 0xffffu) + 1u; /* one more free object, no offset; 0: with a carry */
    store_relaxed(&slab->word, count | (uint32_t)(object - slab->base));
    return count == 0 ? PUSH_EMPTIED : PUSH_DONE;
}

#endif
