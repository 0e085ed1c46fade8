/* SPDX-License-Identifier: 0BSD */
/* marks.h - what is known of slabs and objects by their marks. Inline for the fast paths. */
#ifndef ASHLAR_HEAP_MARKS_H
#define ASHLAR_HEAP_MARKS_H

#include "base/relaxed.h"
#include "heap/internal.h"
#include "runs/run.h"
#include <stdbool.h>

static inline bool is_slab(const struct run *run)
{
    return load_relaxed(&run->state) >= RUN_FULL;
}

/* Word and state belong together: its owner may be between the two. */
static inline uint32_t free_in_slab(const struct run *slab)
{
    uint32_t word, state;
    do {
        word = __atomic_load_n(&slab->word, __ATOMIC_ACQUIRE);
        state = __atomic_load_n(&slab->state, __ATOMIC_ACQUIRE);
    } while (word != load_relaxed(&slab->word));
    return state == RUN_FULL ? 0 : ((word >> 16) + slab->capacity) & 0xffffu;
}

/* --- objects: an allocated bit, and marks --- */

/* Does a live object begin there? An address within the limit. */
static inline bool is_allocated(const struct ashlar_heap *heap, uintptr_t address)
{
    uintptr_t granule = (address - heap->runs.base) >> GRANULE_SHIFT;
    return (load_relaxed(&heap->runs.bits[granule / 32u].allocated) >> (granule % 32u)) & 1u;
}

static inline bool is_marked(const struct ashlar_heap *heap, uintptr_t address)
{
    uintptr_t granule = (address - heap->runs.base) >> GRANULE_SHIFT;
    return (load_relaxed(&heap->runs.bits[granule / 32u].marked) >> (granule % 32u)) & 1u;
}

/* The next object on the same way home. Its word is mixed with where it lies, so that hardly anything that is written
 * over it reads as a link, or as the end. */
static inline uintptr_t next_on_way(uintptr_t object)
{
    return load_relaxed((const uintptr_t *)object) ^ (~object * 0x9e3779b1u);
}

static inline void set_next_on_way(uintptr_t object, uintptr_t next)
{
    store_relaxed((uintptr_t *)object, next ^ (~object * 0x9e3779b1u));
}

static inline bool is_pending(const struct ashlar_heap *heap, uintptr_t object)
{
    return is_marked(heap, object);
}

/* Only objects of two granules or more are lent. */
static inline bool is_lent(const struct ashlar_heap *heap, uintptr_t object)
{
    return is_marked(heap, object + GRANULE_BYTES);
}

#endif
