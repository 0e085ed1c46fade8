/* SPDX-License-Identifier: 0BSD */
/* cache.h - a set of translations, found by page number and level. */
#ifndef ASHLAR_SIM_CACHE_H
#define ASHLAR_SIM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cached {
    uint64_t number; /* address >> shift of its level */
    uint64_t target; /* physical address of the page, or of the table below */
    unsigned level;  /* of the entry that it came from */
    bool table;      /* an upper entry: target is a table */
    bool writable;   /* all levels down to this one together */
    bool user;
    bool executable;
    bool global;
    bool dirty;
    bool gone; /* its frame has changed hands while the PCID was not in use */
    unsigned pat_index;
    uint32_t next; /* in its bucket, + 1 */
};

struct cache {
    struct cached *entries;
    size_t count;
    size_t capacity;
    uint32_t *buckets; /* index + 1 */
    size_t bucket_count;
    size_t large; /* entries that map more than a frame */
};

void sim_cache_clear(struct cache *cache);
struct cached *sim_cache_find(struct cache *cache, uint64_t number, unsigned level);
/* Replaces what is there under the same number and level. */
void sim_cache_put(struct cache *cache, const struct cached *entry);
void sim_cache_drop(struct cache *cache, struct cached *entry);
/* How many entries of all caches name this frame, large pages not counted. */
unsigned sim_cache_references(uint64_t frame);
void sim_cache_forget_all(void);

#endif
