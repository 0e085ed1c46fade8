/* SPDX-License-Identifier: 0BSD */
/* supply.h - the source: who may ask it, one at a time, and what for. */
#ifndef ASHLAR_HEAP_SUPPLY_H
#define ASHLAR_HEAP_SUPPLY_H

#include "heap/internal.h"
#include <stdbool.h>

bool ashlar_heap_may_grow(const struct ashlar_heap *heap, unsigned flags);

/* The growth token. Try does not wait; take does, in a thread with nothing held. */
bool ashlar_heap_token_try(struct ashlar_heap *heap);
void ashlar_heap_token_take(struct ashlar_heap *heap);
void ashlar_heap_token_give(struct ashlar_heap *heap);

/* By the holder of the token, as all that follows. These pages of bookkeeping read as zeroes. */
bool ashlar_heap_commit_metadata(struct ashlar_heap *heap, void *area, size_t first, size_t pages);
void ashlar_heap_decommit_metadata(struct ashlar_heap *heap, const void *area, size_t first, size_t pages);

/* Units. Inline, since the call would be longer. */
static inline bool commit_units(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    return heap->source.commit(heap->source.context, (size_t)heap->payload_page + first, units) == ASHLAR_OK;
}

static inline void decommit_units(struct ashlar_heap *heap, uint32_t first, uint32_t units)
{
    heap->source.decommit(heap->source.context, (size_t)heap->payload_page + first, units);
}

/* False: the source cannot; nothing was changed. */
static inline bool move_units(struct ashlar_heap *heap, uint32_t to, uint32_t from, uint32_t units)
{
    return heap->source.move(heap->source.context, (size_t)heap->payload_page + to, (size_t)heap->payload_page + from,
                             units) != 0;
}

#endif
