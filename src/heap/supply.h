/* SPDX-License-Identifier: 0BSD */
/* supply.h - the source: who may ask it, one at a time, and what for. */
#ifndef ASHLAR_HEAP_SUPPLY_H
#define ASHLAR_HEAP_SUPPLY_H

#include "heap/internal.h"
#include <stdbool.h>

/* Fatal where the source itself asks. */
bool ashlar_heap_may_grow(const struct ashlar_heap *heap, unsigned flags);

/* The growth token, with what there is now noted as a peak. */
void ashlar_heap_token_give(struct ashlar_heap *heap);

/* A commit has found no frames, and the token was given back: may it be tried again? */
bool ashlar_heap_relieve(struct ashlar_heap *heap);

/* By the holder of the token, as all that follows. These pages of bookkeeping read as zeroes. */
bool ashlar_heap_commit_metadata(struct ashlar_heap *heap, void *area, size_t first, size_t pages);
void ashlar_heap_decommit_metadata(struct ashlar_heap *heap, const void *area, size_t first, size_t pages);

/* By pages of the source; heap->refused tells whether frames were what it lacked. */
bool ashlar_heap_commit(struct ashlar_heap *heap, size_t page, size_t pages);

void ashlar_heap_decommit(struct ashlar_heap *heap, size_t page, size_t pages);

/* Units. Inline, since the call would be longer. */
static inline bool commit_units(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    return ashlar_heap_commit(heap, (size_t)heap->payload_page + first, units);
}

static inline void decommit_units(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    ashlar_heap_decommit(heap, (size_t)heap->payload_page + first, units);
}

/* False: the source cannot; nothing was changed. */
bool ashlar_heap_move_units(struct ashlar_heap *heap, uint32_t to, uint32_t from, uint32_t units);

#endif
