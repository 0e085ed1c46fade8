/* SPDX-License-Identifier: 0BSD */
/* slab.h - slabs of a claimed owner, and bins of them. */
#ifndef ASHLAR_HEAP_SLAB_H
#define ASHLAR_HEAP_SLAB_H

#include "heap/find.h"
#include "heap/internal.h"
#include "heap/marks.h"
#include "heap/size.h"
#include <stdbool.h>

#define SLAB_MOST_UNITS 16u

/* Without slabs. */
void ashlar_heap_bin_init(struct bin *bins, size_t count);
/* From the slabs that the bin has: NULL if none has a free object. */
void *ashlar_heap_refill(struct ashlar_heap *heap, struct owner *owner, struct bin *bin);
/* A slab from the empty runs: neither grows nor waits for long. False: there is none. */
bool ashlar_heap_add_slab(struct ashlar_heap *heap, struct owner *owner, const struct want *want);
/* The same in steps. A run for a slab of a bin that has so many slabs, in RUN_MOVING, counted as a slab: the caller's until
 * it is opened or released. NULL: there is none. */
struct run *ashlar_heap_take_slab(struct ashlar_heap *heap, const struct want *want, size_t slabs);
uint32_t ashlar_heap_slab_capacity(const struct ashlar_heap *heap, const struct run *slab, uint32_t stride);
/* The owner is claimed. */
void ashlar_heap_open_slab(struct ashlar_heap *heap, struct owner *owner, struct run *slab, const struct want *want);
/* object is live, in a slab of this owner. */
void ashlar_heap_give_claimed(struct ashlar_heap *heap, struct owner *owner, struct run *slab, uintptr_t object);
/* A live object of two granules or more serves for less than its size, until it is freed or made as large. */
void ashlar_heap_lend(struct ashlar_heap *heap, struct run *run, uintptr_t object);
/* A slab that is in no list goes to the runs. */
void ashlar_heap_slab_release_locked(struct ashlar_heap *heap, struct run *slab);
/* The last live object of a listed slab came back, or the first of a full one. True: a run went back, settle afterwards. */
bool ashlar_heap_emptied(struct ashlar_heap *heap, struct owner *owner, struct run *slab);
/* Of the slabs that the owner, which is claimed, keeps: those that are empty go to the runs; the others are kept no
 * longer. At most so many; those of caches only while nobody else reads the owner's mail. */
void ashlar_heap_release_kept(struct ashlar_heap *heap, struct owner *owner, size_t most);
/* The bin's first slab goes to the runs, if it is empty. False: it is not, or there is none. Nobody uses the cache any
 * more; the caller reads the owner's mail. */
bool ashlar_heap_release_first(struct ashlar_heap *heap, struct owner *owner, struct bin *bin);

static inline struct bin *bin_for(struct owner *owner, struct ashlar_cache *cache, uint32_t class)
{
    return cache != NULL ? &cache->bin[owner->index] : &owner->bin[class];
}

/* The next one of its bin's list; nobody at the end. */
static inline struct run *next_in_bin(const struct ashlar_heap *heap, const struct run *slab)
{
    return slab->next != 0 ? run_at(&heap->runs, slab->next) : &ashlar_heap_nobody;
}

#endif
