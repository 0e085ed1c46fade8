/* SPDX-License-Identifier: 0BSD */
/* memmap_audit.c - the invariants of a finalized map, each checked by itself. */
#include "base/contexts.h"
#include "memmap/map.h"

static bool is_in_hole(const struct ashlar_memmap_entry *entry)
{
    return entry->base < PC_HOLE_END && entry->base + entry->length > PC_HOLE_BASE;
}

static const char *audit_entry(const struct ashlar_memmap *map, const struct ashlar_memmap_entry *entry)
{
    const ashlar_phys within = ASHLAR_PAGE_BYTES - 1;
    if (entry->type < ASHLAR_MEMMAP_USABLE || entry->type > ASHLAR_MEMMAP_BAD) {
        return "memmap: an entry's type is unknown";
    }
    if (entry->origin > 1) {
        return "memmap: an entry's origin is neither the firmware nor a reservation";
    }
    if (entry->length == 0) {
        return "memmap: an entry is empty";
    }
    if (((entry->base | entry->length) & within) != 0) {
        return "memmap: an entry is not on frame boundaries";
    }
    if (entry->base > map->limit || entry->length > map->limit - entry->base) {
        return "memmap: an entry reaches above the physical limit";
    }
    if (entry->type == ASHLAR_MEMMAP_USABLE && entry->base == 0) {
        return "memmap: frame 0 is usable";
    }
    if (map->is_pc && is_in_hole(entry) &&
        (entry->type == ASHLAR_MEMMAP_USABLE || memmap_is_reclaimable(entry->type))) {
        return "memmap: a part of a PC's 640 KiB to 1 MiB is, or could become, usable";
    }
    return NULL;
}

static const char *audit_neighbours(const struct ashlar_memmap_entry *low, const struct ashlar_memmap_entry *high)
{
    ashlar_phys end = low->base + low->length;
    if (high->base < end) {
        return "memmap: two entries overlap, or are out of order";
    }
    if (high->base == end && high->type == low->type) {
        return "memmap: neighbours of one type are not joined";
    }
    return NULL;
}

const char *ashlar_memmap_audit(const struct ashlar_memmap *map)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    const char *problem = NULL;
    if (!map->finalized) {
        return "memmap: not finalized";
    }
    if (map->count == 0 || map->count > map->capacity) {
        return "memmap: more entries than storage, or none";
    }
    if ((map->limit & (ASHLAR_PAGE_BYTES - 1)) != 0) {
        return "memmap: the physical limit is not on a frame boundary";
    }
    for (size_t i = 0; i < map->count && problem == NULL; i++) {
        problem = audit_entry(map, &map->entries[i]);
        if (problem == NULL && i != 0) {
            problem = audit_neighbours(&map->entries[i - 1], &map->entries[i]);
        }
    }
    return problem;
}
