/* SPDX-License-Identifier: 0BSD */
/* slab.c - slabs, from which a claimed owner allocates without a lock.
 *
 * An owner has a bin for each size class, a cache a bin for each owner: a list
 * of slabs with free objects. Objects are popped from the first slab, whose
 * word packs the free list's head and a biased count:
 *
 *   31             16 15            0
 *   | free - capacity | first offset |     free objects hold the next offset
 *
 * One addition of 1 << 16 counts a free object; its carry says that all are,
 * or that the slab was full: it is in no list then, and its upper half all ones.
 * Objects from `fresh` on have never been linked, but count as free.
 *
 *   FULL (in no list) <-> LISTED (at the end) -> emptied: given back, or KEPT (one a bin)
 *
 * Only the owner writes its slabs' allocated bits.
 *
 * Invariants: the bits of a slab are those of its live objects' first granules;
 * free = capacity - live; a slab is listed if it is not FULL; of a bin's slabs at
 * most one is KEPT, and an owner's kept slabs have at most a quarter of the
 * units that the heap keeps.
 *
 * Cost: O(1) but for the lock, which is taken when a slab comes or goes.
 */
#include "heap/slab.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "heap/freelist.h"
#include "heap/owner.h"
#include "runs/runs.h"

#define SLAB_MOST_BYTES 65536u /* offsets in a slab have 16 bits */

COLD void ashlar_heap_bin_init(struct bin *bins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bins[i].current = &ashlar_heap_nobody;
        bins[i].kept = 0;
        bins[i].slabs = 0;
    }
}

/* --- lists --------------------------------------------------------------- */

/* At the end: those before it gather more free objects meanwhile. The first one's previous is the last. */
static void list_slab(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    struct run *first = bin->current;
    uint32_t offset = run_offset(&heap->runs, slab);
    slab->next = 0;
    if (first != &ashlar_heap_nobody) {
        slab->previous = first->previous;
        run_at(&heap->runs, first->previous)->next = offset;
        first->previous = offset;
    } else {
        slab->previous = offset;
        bin->current = slab;
    }
    store_relaxed(&slab->state, RUN_LISTED);
    bool checked = slab->lends || (slab->cache != NULL && (slab->cache->flags & ASHLAR_CACHE_CANARY) != 0);
    store_relaxed(&slab->fast, checked ? NULL : owner);
}

static void unlist_slab(struct ashlar_heap *heap, struct bin *bin, struct run *slab)
{
    if (bin->current == slab) {
        bin->current = next_in_bin(heap, slab);
    } else {
        run_at(&heap->runs, slab->previous)->next = slab->next;
    }
    if (slab->next != 0) {
        run_at(&heap->runs, slab->next)->previous = slab->previous;
    } else if (bin->current != &ashlar_heap_nobody) {
        bin->current->previous = slab->previous;
    }
}

/* A full one stays on the fast path: its next free object says "all free", as if it were the last. */
static void set_slab_aside(struct ashlar_heap *heap, struct bin *bin, struct run *slab)
{
    unlist_slab(heap, bin, slab);
    store_relaxed(&slab->state, RUN_FULL);
    store_relaxed(&slab->word, FULL_WORD);
}

/* --- slabs that are kept: those of caches in a chain, so that nobody looks at all caches for them --- */

COLD static struct kept_link *kept_link_of(const struct ashlar_heap *heap, const struct run *slab)
{
    struct kept_link *links = (struct kept_link *)(void *)&slab->cache->bin[(size_t)2 * heap->max_cpus];
    return &links[slab->owner];
}

COLD static void chain_kept_locked(struct ashlar_heap *heap, struct owner *owner, struct run *slab)
{
    struct kept_link *link = kept_link_of(heap, slab);
    link->next = owner->kept_slabs;
    link->previous = 0;
    if (link->next != 0) {
        kept_link_of(heap, run_at(&heap->runs, link->next))->previous = run_offset(&heap->runs, slab);
    }
    owner->kept_slabs = run_offset(&heap->runs, slab);
}

COLD static void unchain_kept_locked(struct ashlar_heap *heap, struct owner *owner, const struct run *slab)
{
    const struct kept_link *link = kept_link_of(heap, slab);
    if (link->next != 0) {
        kept_link_of(heap, run_at(&heap->runs, link->next))->previous = link->previous;
    }
    if (link->previous != 0) {
        kept_link_of(heap, run_at(&heap->runs, link->previous))->next = link->next;
    } else {
        owner->kept_slabs = link->next;
    }
}

COLD static void keep_slab(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    bin->kept = run_offset(&heap->runs, slab);
    atomic_fetch_add(&owner->kept_units, slab->units);
    store_relaxed(&slab->state, RUN_KEPT);
    if (slab->cache != NULL) {
        uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
        chain_kept_locked(heap, owner, slab);
        ashlar_lock_give(&heap->runs.lock, interrupts);
    }
}

COLD static void unkeep_slab_locked(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    bin->kept = 0;
    atomic_fetch_add(&owner->kept_units, 0u - (uintptr_t)slab->units);
    store_relaxed(&slab->state, RUN_LISTED);
    if (slab->cache != NULL) {
        unchain_kept_locked(heap, owner, slab);
    }
}

/* False: in an NMI. */
COLD static bool unkeep_slab(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    if (slab->cache == NULL) {
        unkeep_slab_locked(heap, owner, bin, slab); /* nobody else looks at it */
        return true;
    }
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    unkeep_slab_locked(heap, owner, bin, slab);
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return true;
}

/* The first object of a full slab came back. Where the bin's first slab has none, this one takes its place: the next
 * allocation finds it on the fast path. */
static void list_again(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    struct run *first = bin->current;
    if (first->word == ((0u - first->capacity) << 16 | LIST_END) && first != &ashlar_heap_nobody &&
        (first->state != RUN_KEPT || unkeep_slab(heap, owner, bin, first))) {
        set_slab_aside(heap, bin, first);
    }
    store_relaxed(&slab->word, (slab->word & 0xffffu) | (uint32_t)(1u - slab->capacity) << 16);
    list_slab(heap, owner, bin, slab);
}

/* --- taking -------------------------------------------------------------- */

/* Link the next objects that never were: at most 32, or 4 KiB, so that memory stays untouched until it is needed. */
static void link_fresh(struct run *slab)
{
    uint32_t count = slab->stride >= ASHLAR_PAGE_BYTES ? 1u : ASHLAR_PAGE_BYTES / slab->stride;
    uint32_t left = (uint32_t)slab->capacity - slab->fresh;
    count = count < STEPS_MOST ? count : STEPS_MOST;
    count = count < left ? count : left;
    uint32_t head = (uint32_t)slab->fresh * slab->stride;
    uint32_t offset = head;
    for (uint32_t i = 1; i < count; i++, offset += slab->stride) {
        *(uint16_t *)(slab->base + offset) = (uint16_t)(offset + slab->stride);
    }
    *(uint16_t *)(slab->base + offset) = LIST_END;
    slab->fresh = (uint16_t)(slab->fresh + count);
    store_relaxed(&slab->word, (slab->word & 0xffff0000u) | head);
}

COLD static void broken_list(struct owner *owner, const struct run *slab)
{
    uintptr_t base = slab->base;
    unsigned stride = slab->stride;
    unsigned head = slab->word & 0xffffu;
    ashlar_heap_unclaim(owner);
    ashlar_panic("heap: free list of slab %p is broken (link 0x%x): a free object of %u bytes%s%s was written to",
                 (void *)base, head, stride, slab->cache != NULL ? " of cache " : "",
                 slab->cache != NULL ? slab->cache->name : "");
}

/* Each turn links, or unlists a slab that is full. */
void *ashlar_heap_refill(struct ashlar_heap *heap, struct owner *owner, struct bin *bin)
{
    for (;;) {
        struct run *slab = bin->current;
        void *object = pop_free(slab);
        if (object != NULL || slab == &ashlar_heap_nobody) {
            return object;
        }
        uint32_t count = free_in_slab(slab);
        if ((slab->word & 0xffffu) != LIST_END || count != (uint32_t)slab->capacity - slab->fresh) {
            broken_list(owner, slab);
        }
        if (count != 0) {
            link_fresh(slab);
        } else if (slab->state != RUN_KEPT || unkeep_slab(heap, owner, bin, slab)) {
            set_slab_aside(heap, bin, slab);
        } else {
            return NULL;
        }
    }
}

/* Units of a bin's next slab: one object's at first, growing with the bin, at most an eighth of it unused. */
COLD static uint32_t slab_units(const struct ashlar_heap *heap, uint32_t stride, uint32_t slabs)
{
    uint32_t least = units_for(heap, stride);
    uint32_t units = slabs < SLAB_MOST_UNITS ? slabs : SLAB_MOST_UNITS;
    if (units <= least && slabs == 0) {
        return least;
    }
    units = units > least ? units : least;
    uint32_t most = least > SLAB_MOST_UNITS ? least : SLAB_MOST_UNITS;
    for (; units < most; units++) {
        uint32_t bytes = units << heap->runs.unit_shift;
        if (bytes % stride <= bytes / 8u) {
            break;
        }
    }
    return units;
}

COLD uint32_t ashlar_heap_slab_capacity(const struct ashlar_heap *heap, const struct run *slab, uint32_t stride)
{
    uint32_t bytes = slab->units << heap->runs.unit_shift;
    return (bytes < SLAB_MOST_BYTES ? bytes : SLAB_MOST_BYTES) / stride;
}

COLD static void lay_slab(struct ashlar_heap *heap, struct owner *owner, struct run *slab, const struct want *want)
{
    uint32_t capacity = ashlar_heap_slab_capacity(heap, slab, want->stride);
    slab->base = run_address(&heap->runs, slab);
    slab->bits = run_bits(&heap->runs, slab);
    slab->cache = want->cache;
    slab->granules = (uint16_t)(capacity * want->stride / GRANULE_BYTES);
    slab->fresh = 0;
    slab->stride = (uint16_t)want->stride;
    slab->capacity = (uint16_t)capacity;
    slab->owner = (uint16_t)owner->index;
    slab->class = want->class & 0x7fu;
    slab->lends = 0;
    store_relaxed(&slab->word, LIST_END); /* all are free */
    ashlar_runs_map_slab(&heap->runs, slab);
}

COLD struct run *ashlar_heap_take_slab(struct ashlar_heap *heap, const struct want *want, size_t slabs)
{
    if (ashlar_heap_is_nmi()) {
        return NULL;
    }
    uint32_t least = slab_units(heap, want->stride, 0);
    uint32_t units = slab_units(heap, want->stride, slabs < SLAB_MOST_UNITS ? (uint32_t)slabs : SLAB_MOST_UNITS);
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    struct run *slab = ashlar_runs_take_locked(&heap->runs, &heap->runs.empty, units, want->align);
    if (slab == NULL && units > least) {
        slab = ashlar_runs_take_locked(&heap->runs, &heap->runs.empty, least, want->align);
    }
    if (slab != NULL) {
        heap->slab_units += slab->units;
        heap->slab_count++;
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return slab;
}

COLD void ashlar_heap_open_slab(struct ashlar_heap *heap, struct owner *owner, struct run *slab,
                                const struct want *want)
{
    struct bin *bin = bin_for(owner, want->cache, want->class);
    lay_slab(heap, owner, slab, want);
    list_slab(heap, owner, bin, slab);
    bin->slabs++;
}

COLD bool ashlar_heap_add_slab(struct ashlar_heap *heap, struct owner *owner, const struct want *want)
{
    struct run *slab = ashlar_heap_take_slab(heap, want, bin_for(owner, want->cache, want->class)->slabs);
    if (slab != NULL) {
        ashlar_heap_open_slab(heap, owner, slab, want);
    }
    return slab != NULL;
}

/* --- giving -------------------------------------------------------------- */

COLD void ashlar_heap_slab_release_locked(struct ashlar_heap *heap, struct run *slab)
{
    heap->slab_units -= slab->units;
    heap->slab_count--;
    store_relaxed(&slab->fast, NULL);
    store_relaxed(&slab->state, RUN_MOVING);
    slab->clean = 0;
    ashlar_runs_file_locked(&heap->runs, slab, RUN_EMPTY);
}

COLD static void release_slab_locked(struct ashlar_heap *heap, struct bin *bin, struct run *slab)
{
    unlist_slab(heap, bin, slab);
    bin->slabs--;
    ashlar_heap_slab_release_locked(heap, slab);
}

__attribute__((noinline)) bool ashlar_heap_emptied(struct ashlar_heap *heap, struct owner *owner, struct run *slab)
{
    struct bin *bin = bin_for(owner, slab->cache, slab->class);
    if (slab->state == RUN_FULL) {
        list_again(heap, owner, bin, slab);
        if (slab->capacity != 1u) {
            return false;
        }
    }
    if (bin->kept == 0 && load_relaxed(&owner->kept_units) + slab->units <= heap->runs.keep_units / 4u &&
        (slab->cache == NULL || !ashlar_heap_is_nmi())) {
        keep_slab(heap, owner, bin, slab);
        return false;
    }
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    release_slab_locked(heap, bin, slab);
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return true;
}

/* Fast frees would leave the mark to whoever has the object next. One may be under way, if another CPU's object is lent. */
COLD void ashlar_heap_lend(struct ashlar_heap *heap, struct run *run, uintptr_t object)
{
    count_up(&heap->borrows);
    if (is_slab(run)) {
        run->lends = 1;
        store_relaxed(&run->fast, NULL);
    }
    ashlar_heap_set_mark(heap, object + GRANULE_BYTES, true);
}

/* A bit first, so that of two frees one finds it gone; then the marks, while the slab is there. */
COLD void ashlar_heap_give_claimed(struct ashlar_heap *heap, struct owner *owner, struct run *slab, uintptr_t object)
{
    uintptr_t granule = (object - heap->runs.base) >> GRANULE_SHIFT;
    enum pushed pushed = push_free(heap->runs.bits, slab, granule, object);
    if (is_pending(heap, object)) {
        ashlar_heap_set_mark(heap, object, false);
    }
    if (slab->lends) {
        ashlar_heap_set_mark(heap, object + GRANULE_BYTES, false);
        if (pushed == PUSH_EMPTIED && (slab->state != RUN_FULL || slab->capacity == 1u)) {
            slab->lends = 0;
            store_relaxed(&slab->fast, owner);
        }
    }
    if (pushed == PUSH_EMPTIED && slab->state != RUN_KEPT) {
        ashlar_heap_emptied(heap, owner, slab);
    }
}

COLD static void release_kept_locked(struct ashlar_heap *heap, struct owner *owner, struct run *slab)
{
    struct bin *bin = bin_for(owner, slab->cache, slab->class);
    unkeep_slab_locked(heap, owner, bin, slab);
    if (free_in_slab(slab) == slab->capacity) {
        release_slab_locked(heap, bin, slab);
    }
}

COLD static bool release_kept_slab(struct ashlar_heap *heap, struct owner *owner, const uint32_t *kept)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    bool is_there = *kept != 0;
    if (is_there) {
        release_kept_locked(heap, owner, run_at(&heap->runs, *kept));
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return is_there;
}

COLD void ashlar_heap_release_kept(struct ashlar_heap *heap, struct owner *owner, size_t most)
{
    for (uint32_t class = 0; class < CLASS_COUNT && most != 0; class ++) {
        if (owner->bin[class].kept != 0) {
            most -= release_kept_slab(heap, owner, &owner->bin[class].kept);
        }
    }
    if (ashlar_heap_start_reading(owner)) {
        while (most != 0 && release_kept_slab(heap, owner, &owner->kept_slabs)) {
            most--;
        }
        ashlar_heap_stop_reading(owner);
    }
}

COLD bool ashlar_heap_release_first(struct ashlar_heap *heap, struct owner *owner, struct bin *bin)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    struct run *slab = bin->current;
    bool released = slab != &ashlar_heap_nobody && free_in_slab(slab) == slab->capacity;
    if (released && slab->state == RUN_KEPT) {
        unkeep_slab_locked(heap, owner, bin, slab);
    }
    if (released) {
        release_slab_locked(heap, bin, slab);
    }
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return released;
}
