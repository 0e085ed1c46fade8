/* SPDX-License-Identifier: 0BSD */
/* slab.h - slabs of a claimed owner, and bins of them. */
#ifndef ASHLAR_HEAP_SLAB_H
#define ASHLAR_HEAP_SLAB_H

#include "heap/find.h"
#include "heap/internal.h"
#include "heap/run.h"
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
/* The last live object of a listed slab came back. True: a run went back, settle afterwards. */
bool ashlar_heap_emptied(struct ashlar_heap *heap, struct owner *owner, struct run *slab);
/* Empty slabs that the owner keeps go to the runs. */
void ashlar_heap_release_kept(struct ashlar_heap *heap, struct owner *owner);
/* One of its slabs is no longer kept. */
void ashlar_heap_keep_fewer(struct owner *owner, const struct run *slab);
/* A slab that is in no list. */
void ashlar_heap_slab_release_locked(struct ashlar_heap *heap, struct run *slab);

static inline struct bin *bin_for(struct owner *owner, struct ashlar_cache *cache, uint32_t class)
{
    return cache != NULL ? &cache->bin[owner->index] : &owner->bin[class];
}

/* The next one of its bin's list; nobody at the end. */
static inline struct run *next_in_bin(const struct ashlar_heap *heap, const struct run *slab)
{
    return slab->next != 0 ? run_at(heap, slab->next) : &ashlar_heap_nobody;
}

#endif
