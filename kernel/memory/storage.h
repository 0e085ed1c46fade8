/* SPDX-License-Identifier: 0BSD */
/* storage.h - where the memory map lies: behind the image, as large as what the loader gives asks for. */
#ifndef KERNEL_STORAGE_H
#define KERNEL_STORAGE_H

#include <ashlar/memmap.h>

/* Finds RAM for a map of all that fill adds, and maps it. Panics where there is none. */
void storage_take(ashlar_memmap_filler fill, void *context);
/* Maps it again, once the image has other tables. */
void storage_show(void);
/* A new map over it, in which it is reserved. */
void storage_begin_map(struct ashlar_memmap *map, ashlar_phys limit);

#endif
