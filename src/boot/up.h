/* SPDX-License-Identifier: 0BSD */
/* up.h - what boot has brought up. */
#ifndef ASHLAR_BOOT_UP_H
#define ASHLAR_BOOT_UP_H

#include <ashlar/heap.h>

/* The heap, if the address lies in its range; NULL: it does not, or nothing is up yet. */
struct ashlar_heap *ashlar_boot_heap_at(uintptr_t address);

#endif
