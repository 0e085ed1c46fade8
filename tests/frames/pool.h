/* SPDX-License-Identifier: 0BSD */
/* pool.h - pools for the frames floor's tests: a map from a list of runs, a pool in storage that is poisoned first and
 * guarded behind. */
#ifndef ASHLAR_TESTS_FRAMES_POOL_H
#define ASHLAR_TESTS_FRAMES_POOL_H

#include "frames/internal.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/frames.h>

#define ANY ASHLAR_FRAMES_ANY_NODE
#define MIB ((size_t)256) /* frames */
#define GIB (1024u * MIB)

struct run {
    ashlar_pfn first;
    size_t frames;
};

static struct ashlar_memmap_entry pool_entries[4096];
static struct ashlar_memmap pool_map;
static void *pool_storage;
static int pool_keeps_low; /* the next one does */

/* A finalized map of usable runs, sorted, that do not touch. */
__attribute__((unused)) static const struct ashlar_memmap *map_of(const struct run *runs, size_t count)
{
    memset(&pool_map, 0, sizeof pool_map);
    for (size_t i = 0; i < count; i++) {
        pool_entries[i].base = (ashlar_phys)runs[i].first * ASHLAR_PAGE_BYTES;
        pool_entries[i].length = (ashlar_phys)runs[i].frames * ASHLAR_PAGE_BYTES;
        pool_entries[i].type = ASHLAR_MEMMAP_USABLE;
        pool_entries[i].origin = 0;
    }
    pool_map.entries = pool_entries;
    pool_map.capacity = sizeof pool_entries / sizeof pool_entries[0];
    pool_map.count = count;
    pool_map.wanted = count;
    pool_map.limit = (ashlar_phys)1 << 52;
    pool_map.finalized = 1;
    return &pool_map;
}

__attribute__((unused)) static void *storage_of(size_t bytes)
{
    void *storage = aligned_alloc(64, round_up(bytes, 64));
    if (storage == NULL) {
        abort();
    }
    memset(storage, 0xa5, bytes);
    return storage;
}

__attribute__((unused)) static void pool_drop(void)
{
    free(pool_storage);
    pool_storage = NULL;
}

/* One at a time; kept: frames of the reserve, 0 for the default. */
__attribute__((unused)) static struct ashlar_frames *pool_of(const struct run *runs, size_t count, size_t kept)
{
    const struct ashlar_frames_options options = {1, kept, pool_keeps_low};
    struct ashlar_frames *pool = NULL;
    const struct ashlar_memmap *map = map_of(runs, count);
    size_t bytes = ashlar_frames_footprint_bytes(map, &options);
    pool_drop();
    pool_storage = storage_of(bytes);
    if (ashlar_frames_init(pool_storage, bytes, map, &options, &pool) != ASHLAR_OK) {
        printf("# no pool\n");
        abort();
    }
    return pool;
}

__attribute__((unused)) static struct ashlar_frames *pool_at(ashlar_pfn first, size_t frames)
{
    const struct run run = {first, frames};
    return pool_of(&run, 1, 0);
}

__attribute__((unused)) static struct ashlar_frames_stats stats_of(struct ashlar_frames *pool)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(pool, &stats);
    return stats;
}

/* SIM_FATAL, and the pool's lock is free again: release builds do not know who held it. */
#define POOL_FATAL(pool, statement)                                                                                    \
    __extension__({                                                                                                    \
        const char *pool_message_ = SIM_FATAL(statement);                                                              \
        (pool)->lock.held = 0;                                                                                         \
        pool_message_;                                                                                                 \
    })

/* A take that uses the kept frames as well. */
__attribute__((unused)) static ashlar_status take_last(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first)
{
    const struct ashlar_frames_request request = {order, 0, ANY, ASHLAR_FRAMES_MAY_USE_RESERVE};
    return ashlar_frames_take_request(pool, &request, first);
}

#endif
