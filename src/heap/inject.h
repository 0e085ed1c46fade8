/* SPDX-License-Identifier: 0BSD */
/* inject.h - allocations that fail because a test wants it. */
#ifndef ASHLAR_HEAP_INJECT_H
#define ASHLAR_HEAP_INJECT_H

#include "heap/internal.h"
#include <stdbool.h>

/* Is this the allocation that ashlar_heap_fail_nth wants to fail? */
bool ashlar_heap_fail_now(struct ashlar_heap *heap);

#endif
