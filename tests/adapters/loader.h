/* SPDX-License-Identifier: 0BSD */
/* loader.h - what tests of both Multiboot adapters share: a RAM of 1 MiB that a loader has filled, and the map that comes
 * of it. */
#ifndef TESTS_ADAPTERS_LOADER_H
#define TESTS_ADAPTERS_LOADER_H

#include "memmap/reference.h"
#include "tap.h"
#include <ashlar/memmap.h>

#define RAM_BYTES 0x100000u
#define INFORMATION 0x9000u

static unsigned char ram[RAM_BYTES]; /* and the context of read_ram */
static unsigned long reads;
static size_t most_bytes;
static struct ashlar_memmap map;
static struct ashlar_memmap_entry storage[256];

/* Beyond RAM the bus answers with ones. */
static void read_ram(void *context, ashlar_phys physical, void *buffer, size_t bytes)
{
    unsigned char *to = buffer;
    if (context != ram) {
        abort();
    }
    reads++;
    most_bytes = bytes > most_bytes ? bytes : most_bytes;
    for (size_t i = 0; i < bytes; i++) {
        to[i] = physical + i < RAM_BYTES ? ram[physical + i] : 0xff;
    }
}

static void put(uint32_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        ram[at + i] = (unsigned char)(value >> 8 * i);
    }
}

static void put32(uint32_t at, uint32_t value)
{
    put(at, value, 4);
}

static void begin_ram(void)
{
    memset(ram, 0, sizeof ram);
    ashlar_memmap_init(&map, storage, 256, (ashlar_phys)1 << 32, NULL, NULL);
    reads = 0;
}

static size_t find_entry(ashlar_phys base, ashlar_phys length, uint32_t type, uint32_t origin)
{
    size_t found = 0;
    for (size_t i = 0; i < map.count; i++) {
        found += storage[i].base == base && storage[i].length == length && storage[i].type == type &&
                 storage[i].origin == origin;
    }
    return found;
}

#define was_added(base, length, type, name) is_u(find_entry(base, length, type, 0), 1, name)
#define was_reserved(base, length, type, name) is_u(find_entry(base, length, type, 1), 1, name)

/* This add fails, names its problem with these words, and leaves a map that was not empty as it was. */
static void add_is_refused(ashlar_status (*add)(void), const char **problem, ashlar_status status, const char *words,
                           const char *name)
{
    static struct ashlar_memmap_entry before[256];
    ashlar_memmap_add(&map, 0x1000, 0x2000, ASHLAR_MEMMAP_USABLE);
    memcpy(before, storage, sizeof before);
    size_t count = map.count;
    size_t wanted = map.wanted;
    *problem = "";
    is_u(add(), status, "%s", name);
    like(*problem, words, name);
    ok(map.count == count && map.wanted == wanted && memcmp(before, storage, count * sizeof before[0]) == 0,
       "%s: the map is as before", name);
    ok(reads < 100000, "%s: %lu reads", name, reads);
}

/* After an add of any bytes at all: an answer, in bounded time, and either all or nothing. */
static bool is_all_or_nothing(ashlar_status status)
{
    return reads < 100000 && (status == ASHLAR_OK ? map.count != 0 : map.count == 0 && map.wanted == 0);
}

/* fill: RAM, with whatever a seed says. */
static void add_noise(void (*fill)(uint64_t *seed), ashlar_status (*add)(void))
{
    unsigned long seeds = tap_seeds(300), number = 0;
    bool good = true;
    while (number < seeds && good) {
        uint64_t seed = ++number * UINT64_C(0x9e3779b97f4a7c15);
        fill(&seed);
        good = is_all_or_nothing(add());
    }
    ok(good, "noise, %lu seeds", number);
}

#endif
