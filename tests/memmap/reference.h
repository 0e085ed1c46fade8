/* SPDX-License-Identifier: 0BSD */
/* reference.h - a map as it was given, kept apart, and what a frame has to become of it: by definition, not by sweep.
 *
 * A frame's bytes are looked at one by one (in fact, from one boundary within it to the next). Each byte has the most
 * restrictive type that covers it; one that could be reclaimed but is listed as RAM by nobody is reserved. The frame is
 * usable if all bytes are, and it is not frame 0; else it has the most restrictive type but usable; and if that one
 * could be reclaimed while a byte is no RAM, it is reserved. From 640 KiB to 1 MiB of a PC a usable byte counts as none, and
 * one that could be reclaimed as reserved.
 */
#ifndef ASHLAR_TESTS_MEMMAP_REFERENCE_H
#define ASHLAR_TESTS_MEMMAP_REFERENCE_H

#include "tap.h"
#include <ashlar/memmap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GIVEN_MOST 128u
#define GUARD 0x5a5a5a5au

struct given {
    ashlar_phys base;
    ashlar_phys length;
    uint32_t type;
    bool ours;
};

struct reference {
    struct given given[GIVEN_MOST];
    size_t count;
    ashlar_phys limit;
    bool is_no_pc;
};

__attribute__((unused)) static size_t random_below(uint64_t *seed, size_t bound)
{
    return (size_t)(tap_random(seed) % bound);
}

__attribute__((unused)) static void give(struct reference *reference, ashlar_phys base, ashlar_phys length,
                                         uint32_t type, bool ours)
{
    reference->given[reference->count++] = (struct given){base, length, type, ours};
}

/* Is the byte of this address within? The end may pass 2^64. */
__attribute__((unused)) static bool covers(const struct given *given, ashlar_phys address)
{
    return address >= given->base && address - given->base < given->length;
}

__attribute__((unused)) static bool could_be_reclaimed(uint32_t type)
{
    return type == ASHLAR_MEMMAP_LOADER || type == ASHLAR_MEMMAP_ACPI || type == ASHLAR_MEMMAP_MODULE;
}

/* What entries say of it. */
__attribute__((unused)) static uint32_t listed_byte(const struct reference *reference, ashlar_phys address)
{
    uint32_t top = 0;
    bool is_ram = false;
    for (size_t i = 0; i < reference->count; i++) {
        const struct given *given = &reference->given[i];
        if (covers(given, address)) {
            uint32_t type = given->type >= 1 && given->type <= 9 ? given->type : ASHLAR_MEMMAP_RESERVED;
            top = type > top ? type : top;
            is_ram |= !given->ours && type <= ASHLAR_MEMMAP_KERNEL;
        }
    }
    return could_be_reclaimed(top) && !is_ram ? ASHLAR_MEMMAP_RESERVED : top;
}

__attribute__((unused)) static bool is_in_hole(const struct reference *reference, ashlar_phys address)
{
    return !reference->is_no_pc && address >= 0xa0000 && address < 0x100000;
}

__attribute__((unused)) static uint32_t reference_byte(const struct reference *reference, ashlar_phys address)
{
    uint32_t type = listed_byte(reference, address);
    if (!is_in_hole(reference, address) || (type != ASHLAR_MEMMAP_USABLE && !could_be_reclaimed(type))) {
        return type;
    }
    return type == ASHLAR_MEMMAP_USABLE ? 0u : (uint32_t)ASHLAR_MEMMAP_RESERVED;
}

/* Type of a frame, 0 for none. */
__attribute__((unused)) static uint32_t reference_frame(const struct reference *reference, ashlar_phys base)
{
    ashlar_phys points[2 * GIVEN_MOST + 1];
    size_t count = 0;
    uint32_t top = 0;
    bool all_usable = true;
    bool all_ram = true;
    if (base >= reference->limit) {
        return 0;
    }
    points[count++] = base;
    for (size_t i = 0; i < reference->count; i++) {
        ashlar_phys ends[2] = {reference->given[i].base, reference->given[i].base + reference->given[i].length};
        for (size_t j = 0; j < 2; j++) {
            if (ends[j] - base < ASHLAR_PAGE_BYTES) {
                points[count++] = ends[j];
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t type = reference_byte(reference, points[i]);
        all_usable &= type == ASHLAR_MEMMAP_USABLE;
        all_ram &= type != 0 && type <= ASHLAR_MEMMAP_KERNEL;
        top = type > top ? type : top;
    }
    if (top <= ASHLAR_MEMMAP_USABLE) {
        return all_usable && base != 0 ? (uint32_t)ASHLAR_MEMMAP_USABLE : 0;
    }
    return could_be_reclaimed(top) && !all_ram ? (uint32_t)ASHLAR_MEMMAP_RESERVED : top;
}

/* Type of an address in a finalized map, 0 for none. */
__attribute__((unused)) static uint32_t type_at(const struct ashlar_memmap *map, ashlar_phys address)
{
    for (size_t i = 0; i < map->count; i++) {
        if (address >= map->entries[i].base && address - map->entries[i].base < map->entries[i].length) {
            return map->entries[i].type;
        }
    }
    return 0;
}

/* A map over storage of exactly this many entries, which the sanitizer watches; storage is the caller's to free. */
__attribute__((unused)) static struct ashlar_memmap_entry *fill_map(struct ashlar_memmap *map,
                                                                    const struct reference *reference, size_t capacity,
                                                                    ashlar_memmap_reporter reporter, void *context)
{
    struct ashlar_memmap_entry *storage = malloc((capacity + 1) * sizeof *storage);
    if (storage == NULL) {
        abort();
    }
    memset(storage, GUARD & 0xff, (capacity + 1) * sizeof *storage);
    ashlar_memmap_init(map, storage, capacity, reference->limit, reporter, context);
    if (reference->is_no_pc) {
        ashlar_memmap_set_pc(map, 0);
    }
    for (size_t i = 0; i < reference->count; i++) {
        const struct given *given = &reference->given[i];
        if (given->ours) {
            ashlar_memmap_reserve(map, given->base, given->length, (ashlar_memmap_type)given->type);
        } else {
            ashlar_memmap_add(map, given->base, given->length, given->type);
        }
    }
    return storage;
}

/* Is the entry behind the storage as fill_map left it? */
__attribute__((unused)) static bool guard_is_whole(const struct ashlar_memmap *map)
{
    return map->entries[map->capacity].type == GUARD && map->entries[map->capacity].origin == GUARD;
}

#endif
