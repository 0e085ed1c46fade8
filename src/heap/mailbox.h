/* SPDX-License-Identifier: 0BSD */
/* mailbox.h - what others free comes home. */
#ifndef ASHLAR_HEAP_MAILBOX_H
#define ASHLAR_HEAP_MAILBOX_H

#include "heap/internal.h"
#include "heap/size.h"
#include <stdbool.h>

/* Any context. False: it is not live, or on its way already. */
bool ashlar_heap_push(struct ashlar_heap *heap, uintptr_t *mailbox, uintptr_t object);
bool ashlar_heap_has_mail(const struct owner *owner);
/* At most 32 objects; the rest waits. The owner is claimed. True: something came home. */
bool ashlar_heap_drain(struct ashlar_heap *heap, struct owner *owner);
/* The mailbox of this CPU's interrupts. True: some of it is left. */
bool ashlar_heap_drain_second(struct ashlar_heap *heap);
/* An object of this size or cache, taken out of the mail that is being read; 0: none among the next 32. *more: there is
 * other mail. One search at a time. */
uintptr_t ashlar_heap_search_mail(struct ashlar_heap *heap, struct owner *owner, const struct want *want, bool *more);
/* Large blocks that an NMI freed. */
void ashlar_heap_drain_deferred(struct ashlar_heap *heap);

#endif
