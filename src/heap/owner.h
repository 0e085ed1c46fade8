/* SPDX-License-Identifier: 0BSD */
/* owner.h - claiming an owner: the right to its slabs. */
#ifndef ASHLAR_HEAP_OWNER_H
#define ASHLAR_HEAP_OWNER_H

#include "heap/internal.h"
#include <stdbool.h>

/* This CPU's owner, or its interrupts'; NULL: both are busy. The caller is pinned until unclaim. */
struct owner *ashlar_heap_claim(struct ashlar_heap *heap);
/* This CPU's owner (0), or its interrupts' (1); NULL: it is busy. */
struct owner *ashlar_heap_claim_nth(struct ashlar_heap *heap, unsigned nth);
/* Of a CPU that does not use it; another one may be draining it as well. */
void ashlar_heap_claim_absent(struct owner *owner);
void ashlar_heap_unclaim(struct owner *owner);
/* By whoever is pinned. False: somebody else reads. */
bool ashlar_heap_start_reading(struct owner *owner);
void ashlar_heap_stop_reading(struct owner *owner);
bool ashlar_heap_is_nmi(void);
void ashlar_heap_require_ready(const struct ashlar_heap *heap, const void *caller);

#endif
