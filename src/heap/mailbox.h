/* SPDX-License-Identifier: 0BSD */
/* mailbox.h - what others free comes home. */
#ifndef ASHLAR_HEAP_MAILBOX_H
#define ASHLAR_HEAP_MAILBOX_H

#include "heap/internal.h"
#include <stdbool.h>

/* Any context. */
void ashlar_heap_push(uintptr_t *mailbox, uintptr_t object);
bool ashlar_heap_has_mail(const struct owner *owner);
/* At most 32 objects; the rest waits. The owner is claimed. */
void ashlar_heap_drain(struct ashlar_heap *heap, struct owner *owner);
/* The mailbox of this CPU's interrupts. True: some of it is left. */
bool ashlar_heap_drain_second(struct ashlar_heap *heap);
/* Large blocks that an NMI freed. */
void ashlar_heap_drain_deferred(struct ashlar_heap *heap);

#endif
