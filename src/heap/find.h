/* SPDX-License-Identifier: 0BSD */
/* find.h - from an address to the run that it lies in. */
#ifndef ASHLAR_HEAP_FIND_H
#define ASHLAR_HEAP_FIND_H

#include "heap/internal.h"

/* A slab that has nothing, in RUN_NONE. */
extern struct run ashlar_heap_nobody;

/* Nobody if there is none. */
struct run *ashlar_heap_find(struct ashlar_heap *heap, uintptr_t address);
/* Also for objects of caches. */
size_t ashlar_heap_object_bytes(const struct ashlar_heap *heap, const struct run *run);

/* Any CPU may, at any time. False: it was so before. */
bool ashlar_heap_set_mark(struct ashlar_heap *heap, uintptr_t address, bool mark);

#endif
