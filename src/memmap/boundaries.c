/* SPDX-License-Identifier: 0BSD */
/* boundaries.c - from entries in any order to their boundaries in order of address.
 *
 * Each entry is clamped to what this machine can address and then stands for two
 * boundaries: one where it begins, one where it ends. A boundary fits 64 bits
 * (boundaries.h), so that both lie in the entry's own storage, and putting numbers
 * in order puts boundaries in order.
 *
 * The sort is a heap sort (Williams 1964; Floyd's way to build the heap): in
 * place, no recursion, O(n log n) for any input. Firmware lists are often in order
 * and always short; one that was made to be slow costs no more.
 */
#include "memmap/boundaries.h"

#include "memmap/map.h"
#include <stdbool.h>

static void report_given(const struct ashlar_memmap *map, ashlar_memmap_decision decision,
                         const struct ashlar_memmap_entry *entry)
{
    ashlar_memmap_report(map, &(struct ashlar_memmap_event){.decision = decision,
                                                            .base = entry->base,
                                                            .length = entry->length,
                                                            .type = entry->type});
}

/* False if nothing is left of it. */
static bool clamp_entry(const struct ashlar_memmap *map, struct ashlar_memmap_entry *entry)
{
    ashlar_phys to_top = 0 - entry->base; /* bytes up to 2^64; 0 stands for all */
    if (entry->length == 0) {
        report_given(map, ASHLAR_MEMMAP_IGNORED_EMPTY, entry);
    }
    if (entry->base != 0 && entry->length > to_top) {
        report_given(map, ASHLAR_MEMMAP_CLAMPED_WRAP, entry);
        entry->length = to_top;
    }
    ashlar_phys room = entry->base < map->limit ? map->limit - entry->base : 0;
    if (entry->length > room) {
        struct ashlar_memmap_entry above = *entry;
        above.base += room;
        above.length -= room;
        report_given(map, ASHLAR_MEMMAP_CLAMPED_WIDTH, &above);
        entry->length = room;
    }
    return entry->length != 0;
}

static void know_type(const struct ashlar_memmap *map, struct ashlar_memmap_entry *entry)
{
    if (entry->type < ASHLAR_MEMMAP_USABLE || entry->type > ASHLAR_MEMMAP_BAD) {
        report_given(map, ASHLAR_MEMMAP_UNKNOWN_TYPE, entry);
        entry->type = ASHLAR_MEMMAP_RESERVED;
    }
}

static void sift_down(struct ashlar_memmap_entry *entries, size_t root, size_t count)
{
    uint64_t value = *memmap_boundary(entries, root);
    size_t child;
    while ((child = 2 * root + 1) < count) {
        if (child + 1 < count && *memmap_boundary(entries, child) < *memmap_boundary(entries, child + 1)) {
            child++;
        }
        if (*memmap_boundary(entries, child) <= value) {
            break;
        }
        *memmap_boundary(entries, root) = *memmap_boundary(entries, child);
        root = child;
    }
    *memmap_boundary(entries, root) = value;
}

static void sort_boundaries(struct ashlar_memmap_entry *entries, size_t count)
{
    for (size_t root = count / 2; root != 0; root--) {
        sift_down(entries, root - 1, count);
    }
    for (size_t last = count; last > 1; last--) {
        uint64_t value = *memmap_boundary(entries, last - 1);
        *memmap_boundary(entries, last - 1) = *memmap_boundary(entries, 0);
        *memmap_boundary(entries, 0) = value;
        sift_down(entries, 0, last - 1);
    }
}

size_t ashlar_memmap_make_boundaries(struct ashlar_memmap *map)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        struct ashlar_memmap_entry entry = map->entries[i];
        if (clamp_entry(map, &entry)) {
            know_type(map, &entry);
            uint64_t kind = entry.type | (entry.origin != 0 ? BOUNDARY_OURS : 0);
            map->entries[kept].base = entry.base << BOUNDARY_SHIFT | kind;
            map->entries[kept].length = (entry.base + entry.length) << BOUNDARY_SHIFT | BOUNDARY_END | kind;
            kept++;
        }
    }
    sort_boundaries(map->entries, 2 * kept);
    return kept;
}
