/* SPDX-License-Identifier: 0BSD */
/* cache.c - a set of translations, as a TLB holds them: found by number and level, dropped one by one or all at once.
 *
 * The entries stand side by side, so that one can be picked at random; buckets
 * of indexes find them. It has no bound: what is permitted is kept. A count for
 * each frame says how many entries of all caches name it, so that a frame that
 * nobody knows is given back without a search.
 */
#include "cache.h"

#include "machine.h"
#include "ram.h"
#include <stdlib.h>

static struct {
    uint32_t *counts; /* by frame */
    uint64_t frames;
} known;

static void count_frame(const struct cached *entry, bool more)
{
    uint64_t frame = entry->target / FRAME_BYTES;
    if ((entry->table || entry->level == 1) && frame < known.frames) {
        __atomic_fetch_add(&known.counts[frame], more ? 1u : (uint32_t)-1, __ATOMIC_RELAXED);
    }
}

unsigned sim_cache_references(uint64_t frame)
{
    return frame < known.frames ? __atomic_load_n(&known.counts[frame], __ATOMIC_RELAXED) : 0;
}

void sim_cache_forget_all(void)
{
    free(known.counts);
    known.frames = sim_ram_bytes() / FRAME_BYTES;
    known.counts = calloc((size_t)known.frames + 1u, sizeof known.counts[0]);
    if (known.counts == NULL) {
        abort();
    }
}

static uint32_t *bucket_of(const struct cache *cache, uint64_t number, unsigned level)
{
    uint64_t hash = (number * 8u + level) * UINT64_C(0x9e3779b97f4a7c15);
    return &cache->buckets[(size_t)(hash >> 32) & (cache->bucket_count - 1u)];
}

static void link_entry(struct cache *cache, uint32_t index)
{
    struct cached *entry = &cache->entries[index];
    uint32_t *bucket = bucket_of(cache, entry->number, entry->level);
    entry->next = *bucket;
    *bucket = index + 1u;
}

static void unlink_entry(struct cache *cache, uint32_t index)
{
    struct cached *entry = &cache->entries[index];
    uint32_t *link = bucket_of(cache, entry->number, entry->level);
    while (*link != index + 1u) {
        link = &cache->entries[*link - 1u].next;
    }
    *link = entry->next;
}

static void grow(struct cache *cache)
{
    cache->capacity = cache->capacity != 0 ? cache->capacity * 2u : 64u;
    cache->bucket_count = cache->capacity * 2u;
    cache->entries = realloc(cache->entries, cache->capacity * sizeof cache->entries[0]);
    free(cache->buckets);
    cache->buckets = calloc(cache->bucket_count, sizeof cache->buckets[0]);
    if (cache->entries == NULL || cache->buckets == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < cache->count; i++) {
        link_entry(cache, i);
    }
}

void sim_cache_clear(struct cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct cached *entry = &cache->entries[i];
        count_frame(entry, false);
        *bucket_of(cache, entry->number, entry->level) = 0;
    }
    cache->count = 0;
    cache->large = 0;
}

struct cached *sim_cache_find(struct cache *cache, uint64_t number, unsigned level)
{
    if (cache->count == 0) {
        return NULL;
    }
    for (uint32_t at = *bucket_of(cache, number, level); at != 0; at = cache->entries[at - 1u].next) {
        struct cached *entry = &cache->entries[at - 1u];
        if (entry->number == number && entry->level == level) {
            return entry;
        }
    }
    return NULL;
}

void sim_cache_put(struct cache *cache, const struct cached *entry)
{
    struct cached *old = sim_cache_find(cache, entry->number, entry->level);
    if (old != NULL) {
        sim_cache_drop(cache, old);
    }
    if (cache->count == cache->capacity) {
        grow(cache);
    }
    cache->entries[cache->count] = *entry;
    link_entry(cache, (uint32_t)cache->count++);
    cache->large += !entry->table && entry->level != 1;
    count_frame(entry, true);
}

void sim_cache_drop(struct cache *cache, struct cached *entry)
{
    uint32_t index = (uint32_t)(entry - cache->entries);
    uint32_t last = (uint32_t)cache->count - 1u;
    count_frame(entry, false);
    cache->large -= !entry->table && entry->level != 1;
    unlink_entry(cache, index);
    if (index != last) {
        unlink_entry(cache, last);
        cache->entries[index] = cache->entries[last];
        link_entry(cache, index);
    }
    cache->count--;
}
