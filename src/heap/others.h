/* SPDX-License-Identifier: 0BSD */
/* others.h - what other CPUs have, for whoever would fail. */
#ifndef ASHLAR_HEAP_OTHERS_H
#define ASHLAR_HEAP_OTHERS_H

#include "heap/internal.h"
#include "heap/size.h"
#include <stdbool.h>

/* Searches are one at a time. False: there is one, and the caller may not wait for it. */
bool ashlar_heap_start_search(struct ashlar_heap *heap);
/* The next step of one in this owner's mail, while nobody else reads it. False: there is nothing more. What is found is
 * the reader's: so the mail is still being read, and the caller pinned, until he stops both. */
bool ashlar_heap_search_step(struct ashlar_heap *heap, struct owner *owner, const struct want *want, uintptr_t *found);
/* Such an object out of anyone's mail, live again; NULL. */
void *ashlar_heap_take_mail(struct ashlar_heap *heap, const struct want *want);
/* The next CPU from *next on that has mail, or slabs that it keeps, is asked to give them back; waits until it has. False:
 * none is left, or the caller may not wait. */
bool ashlar_heap_ask_next(struct ashlar_heap *heap, unsigned flags, uint32_t *next);

#endif
