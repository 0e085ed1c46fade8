/* SPDX-License-Identifier: 0BSD */
/* map.h - what the steps from a map as it was given to a finished one share: types, events, and why a step failed. */
#ifndef ASHLAR_MEMMAP_MAP_H
#define ASHLAR_MEMMAP_MAP_H

#include <ashlar/memmap.h>
#include <stdbool.h>

#define MEMMAP_TYPES (ASHLAR_MEMMAP_BAD + 1u) /* array sizes: types are 1 to 9 */

static inline bool memmap_is_reclaimable(uint32_t type)
{
    return type == ASHLAR_MEMMAP_LOADER || type == ASHLAR_MEMMAP_ACPI || type == ASHLAR_MEMMAP_MODULE;
}

/* What lies between 640 KiB and 1 MiB of a PC. */
#define PC_HOLE_BASE ((ashlar_phys)0xa0000)
#define PC_HOLE_END ((ashlar_phys)0x100000)

void ashlar_memmap_report(const struct ashlar_memmap *map, const struct ashlar_memmap_event *event);

/* Notes why, for ashlar_memmap_problem, and returns status. */
ashlar_status ashlar_memmap_fail(struct ashlar_memmap *map, ashlar_status status, const char *format, ...)
    ASHLAR_PRINTF(3, 4);

/* A reclaim of this whole entry, or of all of it but frame 0, is undone: nothing of the map has changed since. */
void ashlar_memmap_unreclaim(struct ashlar_memmap *map, const struct ashlar_memmap_entry *old);

#endif
