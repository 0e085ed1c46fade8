/* SPDX-License-Identifier: 0BSD */
/* room.h - what is done when there is no memory. */
#ifndef ASHLAR_HEAP_ROOM_H
#define ASHLAR_HEAP_ROOM_H

#include "base/atomic.h"
#include "heap/internal.h"
#include <stdbool.h>

/* Slabs that this CPU keeps empty go to the runs. */
void ashlar_heap_release_own(struct ashlar_heap *heap);
/* What an allocation that is short remembers from turn to turn; before the first attempt: room_begin. */
struct room {
    unsigned turns;
    uint32_t reclaims; /* seen */
};
static inline struct room room_begin(const struct ashlar_heap *heap)
{
    return (struct room){0, atomic_load_u32(&heap->reclaims)};
}

/* After an attempt has failed: is another one worth it? Kept slabs are asked once, reclaimers while they free something, for
 * this thread or another one. */
bool ashlar_heap_make_room(struct ashlar_heap *heap, size_t bytes, uint32_t units, uint32_t align_bytes, unsigned flags,
                           struct room *room);

#endif
