/* SPDX-License-Identifier: 0BSD */
/* boundaries.h - where entries begin and end, in order of address, in the entries' own storage. */
#ifndef ASHLAR_MEMMAP_BOUNDARIES_H
#define ASHLAR_MEMMAP_BOUNDARIES_H

#include <ashlar/memmap.h>

/* A boundary: address, then whether an entry begins (0) or ends (1) there, its
 * origin, its type; so that numbers in order are boundaries in order, and at one
 * address those that begin come first. Addresses are at most 2^52. */
#define BOUNDARY_TYPE 0x0fu
#define BOUNDARY_OURS 0x10u
#define BOUNDARY_END 0x20u
#define BOUNDARY_SHIFT 8

/* Boundaries lie two in an entry: in base and in length. */
static inline uint64_t *memmap_boundary(struct ashlar_memmap_entry *entries, size_t index)
{
    struct ashlar_memmap_entry *entry = &entries[index >> 1];
    return (index & 1u) != 0 ? &entry->length : &entry->base;
}

/* Turns all entries that were given into boundaries, in order, two to an entry at the start of the storage. Tells of
 * what it clamps and ignores. Returns how many entries are left. */
size_t ashlar_memmap_make_boundaries(struct ashlar_memmap *map);

#endif
