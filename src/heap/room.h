/* SPDX-License-Identifier: 0BSD */
/* room.h - what is done when there is no memory. */
#ifndef ASHLAR_HEAP_ROOM_H
#define ASHLAR_HEAP_ROOM_H

#include "heap/internal.h"
#include <stdbool.h>

/* Slabs that this CPU keeps empty go to the runs. */
void ashlar_heap_release_own(struct ashlar_heap *heap);
/* After an attempt has failed: is another one worth it? turns: 0 before the first; kept slabs are asked
 * once, reclaimers while they free something. */
bool ashlar_heap_make_room(struct ashlar_heap *heap, size_t bytes, uint32_t units, uint32_t align_bytes, unsigned flags,
                           unsigned *turns);

#endif
