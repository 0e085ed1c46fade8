/* SPDX-License-Identifier: 0BSD */
/* heap_explain.h - live objects, and what is said of addresses that are none. */
#ifndef ASHLAR_HEAP_EXPLAIN_H
#define ASHLAR_HEAP_EXPLAIN_H

#include "heap/internal.h"

/* ashlar_heap_explain, without a peek as well: by whoever ends in a fatal report, or has the heap to himself. */
void ashlar_heap_look(const struct ashlar_heap *heap, const void *address, struct ashlar_heap_place *place);

/* The run of the live object that begins there; else fatal. verb: "free", ... */
struct run *ashlar_heap_find_live(struct ashlar_heap *heap, const void *object, const char *verb, const void *caller);
ASHLAR_NORETURN void ashlar_heap_bad_pointer(struct ashlar_heap *heap, const void *object, const char *verb,
                                             const void *caller) __attribute__((cold));

#endif
