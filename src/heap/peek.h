/* SPDX-License-Identifier: 0BSD */
/* peek.h - reading what another CPU may be taking away. */
#ifndef ASHLAR_HEAP_PEEK_H
#define ASHLAR_HEAP_PEEK_H

#include "heap/internal.h"
#include <stdbool.h>

/* False: nothing was read. Where the source has no peek it is read as it comes: by whoever ends in a fatal report, or knows
 * that nobody gives back meanwhile. Any context. */
bool ashlar_heap_peek(const struct ashlar_heap *heap, const void *from, void *to, size_t bytes);

/* A copy of the descriptor of the run that the address lies in; false if there is none, or it cannot be read. */
bool ashlar_heap_peek_run(const struct ashlar_heap *heap, uintptr_t address, struct run *run);

#endif
