/* SPDX-License-Identifier: 0BSD */
/* slab.c - owners, and the slabs that they allocate from without a lock.
 *
 * Each CPU has two owners: one for threads (and for interrupts that find it
 * idle), one for interrupts that came while the first was busy. An owner is
 * claimed by its busy bit, which only its own CPU writes: no atomic is needed,
 * since an interrupt always finishes before what it interrupted goes on.
 *
 * An owner has a bin for each size class, a cache a bin for each owner: a list
 * of slabs with free objects. Objects are popped from the first slab, whose
 * word packs the free list's head and a biased count:
 *
 *   31             16 15            0
 *   | free - capacity | first offset |     free objects hold the next offset
 *
 * One addition of 1 << 16 counts a free object; its carry says that all are.
 * Objects from `fresh` on have never been linked, but count as free.
 *
 *   FULL (in no list) <-> LISTED -> emptied: given back, or KEPT (one a bin)
 *
 * An object freed by anyone else goes to its owner's mailbox: a list that is
 * only ever pushed to and taken whole, so that no ABA arises. Its second word
 * says that it is on its way. The owner drains 32 at a time on every slow path;
 * while some are left over, nothing goes the fast way, so a free of its own that
 * came second is found. Only the owner writes its slabs' allocated bits.
 *
 * Invariants: the bits of a slab are those of its live objects' first granules;
 * free = capacity - live; a slab is listed if it is not FULL; of a bin's slabs at
 * most one is KEPT, and an owner's kept slabs have at most a quarter of the
 * units that the heap keeps.
 */
#include "heap/internal.h"

/* In a range of up to 64 KiB a slab for each of many sizes would use it up: there what a larger class has free goes before
 * a new slab. A mix of sizes fills 61% of 64 KiB so, instead of 56%, and never less than half. */
#define THRIFTY_TIMES 2u

/* What every bin points at that has no slab. Never written: its state is no slab's, and its list is at its end. */
struct run ashlar_heap_nobody = {.word = LIST_END};

COLD void ashlar_heap_bin_init(struct bin *bins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bins[i].current = &ashlar_heap_nobody;
        bins[i].kept = 0;
        bins[i].slabs = 0;
    }
}

COLD bool ashlar_heap_is_nmi(void)
{
    return (ashlar_port_context() & ~ASHLAR_CONTEXT_IRQS_OFF) == ASHLAR_CONTEXT_NMI;
}

static bool try_busy(struct owner *owner)
{
    uint32_t state = load_relaxed(&owner->state);
    if ((state & OWNER_BUSY) != 0) {
        return false;
    }
    store_relaxed(&owner->state, state | OWNER_BUSY);
    compiler_barrier();
    return true;
}

struct owner *ashlar_heap_claim(struct ashlar_heap *heap)
{
    unsigned cpu = ashlar_port_pin();
    ASHLAR_CHECK(cpu < heap->max_cpus, "heap: CPU %u uses a heap made for %u CPUs", cpu, heap->max_cpus);
    for (unsigned i = cpu; i < 2u * heap->max_cpus; i += heap->max_cpus) {
        if (try_busy(&heap->owners[i])) {
            return &heap->owners[i];
        }
    }
    ashlar_port_unpin();
    return NULL;
}

void ashlar_heap_unclaim(struct owner *owner)
{
    __atomic_store_n(&owner->state, owner->leftover != 0 ? OWNER_ATTENTION : 0u, __ATOMIC_RELEASE);
    ashlar_port_unpin();
}

/* --- lists --------------------------------------------------------------- */

static void list_slab(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    struct run *next = bin->current;
    slab->previous = 0;
    slab->next = 0;
    if (next != &ashlar_heap_nobody) {
        slab->next = run_offset(heap, next);
        next->previous = run_offset(heap, slab);
    }
    bin->current = slab;
    store_relaxed(&slab->state, RUN_LISTED);
    bool checked = slab->cache != NULL && (slab->cache->flags & ASHLAR_CACHE_CANARY) != 0;
    store_relaxed(&slab->fast, checked ? NULL : owner);
}

COLD void ashlar_heap_keep_fewer(struct owner *owner, const struct run *slab)
{
    atomic_fetch_add(&owner->kept_units, 0u - (uintptr_t)slab->units);
}

static void unlist_slab(struct ashlar_heap *heap, struct owner *owner, struct bin *bin, struct run *slab)
{
    if (slab->next != 0) {
        run_at(heap, slab->next)->previous = slab->previous;
    }
    if (slab->previous != 0) {
        run_at(heap, slab->previous)->next = slab->next;
    } else {
        bin->current = slab->next != 0 ? run_at(heap, slab->next) : &ashlar_heap_nobody;
    }
    if (slab->state == RUN_KEPT) {
        bin->kept = 0;
        ashlar_heap_keep_fewer(owner, slab);
    }
    store_relaxed(&slab->fast, NULL);
    store_relaxed(&slab->state, RUN_FULL);
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

/* From the slabs that the bin has: NULL if none has a free object. Each turn links, or unlists a slab that is full. */
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
        } else {
            unlist_slab(heap, owner, bin, slab);
        }
    }
}

/* Units of a bin's next slab: one object's at first, growing with the bin, at most an eighth of it unused. */
COLD static uint32_t slab_units(const struct ashlar_heap *heap, uint32_t stride, uint32_t slabs)
{
    uint32_t least = (stride + (1u << heap->unit_shift) - 1u) >> heap->unit_shift;
    uint32_t units = slabs < SLAB_MOST_UNITS ? slabs : SLAB_MOST_UNITS;
    if (units <= least && slabs == 0) {
        return least;
    }
    units = units > least ? units : least;
    uint32_t most = least > SLAB_MOST_UNITS ? least : SLAB_MOST_UNITS;
    for (; units < most; units++) {
        uint32_t bytes = units << heap->unit_shift;
        if (bytes % stride <= bytes / 8u) {
            break;
        }
    }
    return units;
}

COLD static void lay_slab(struct ashlar_heap *heap, struct owner *owner, struct run *slab, const struct want *want)
{
    uint32_t bytes = slab->units << heap->unit_shift;
    uint32_t capacity = (bytes < SLAB_MOST_BYTES ? bytes : SLAB_MOST_BYTES) / want->stride;
    slab->base = heap->base + ((uintptr_t)slab->first << heap->unit_shift);
    slab->bits = &heap->bits[((uintptr_t)slab->first << heap->unit_granule_shift) / 32u];
    slab->cache = want->cache;
    slab->granules = (uint16_t)(capacity * want->stride / GRANULE_BYTES);
    slab->fresh = 0;
    slab->stride = (uint16_t)want->stride;
    slab->capacity = (uint16_t)capacity;
    slab->owner = (uint16_t)owner->index;
    slab->class = (uint8_t)want->class;
    store_relaxed(&slab->word, LIST_END); /* all are free */
    ashlar_heap_map_run(heap, slab, run_offset(heap, slab));
}

/* A slab from the empty runs: neither grows nor waits for long. */
COLD bool ashlar_heap_add_slab(struct ashlar_heap *heap, struct owner *owner, const struct want *want)
{
    struct bin *bin = bin_of(owner, want->cache, want->class);
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    uint32_t least = slab_units(heap, want->stride, 0);
    uint32_t units = slab_units(heap, want->stride, bin->slabs);
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    struct run *slab = ashlar_heap_run_take_locked(heap, &heap->empty, units, want->align);
    if (slab == NULL && units > least) {
        slab = ashlar_heap_run_take_locked(heap, &heap->empty, least, want->align);
    }
    if (slab != NULL) {
        heap->slab_units += slab->units;
        heap->slab_count++;
    }
    ashlar_lock_give(&heap->lock, interrupts);
    if (slab == NULL) {
        return false;
    }
    lay_slab(heap, owner, slab, want);
    list_slab(heap, owner, bin, slab);
    bin->slabs++;
    return true;
}

/* From a slab of a larger class, of at most so many bytes and aligned as well. */
COLD void *ashlar_heap_borrow_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want,
                                      uint32_t most_bytes)
{
    void *object = NULL;
    for (uint32_t class = want->class + 1u; class < CLASS_COUNT && object == NULL; class ++) {
        uint32_t bytes = ashlar_heap_class_bytes(class);
        if (bytes > most_bytes) {
            break;
        }
        if (natural_align(bytes) >= want->align) {
            object = ashlar_heap_refill(heap, owner, &owner->bin[class]);
        }
    }
    if (object != NULL) {
        count_up(&heap->borrows);
    }
    return object;
}

COLD void *ashlar_heap_take_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want)
{
    struct bin *bin = bin_of(owner, want->cache, want->class);
    ashlar_heap_drain(heap, owner);
    void *object = ashlar_heap_refill(heap, owner, bin);
    if (object == NULL && want->cache == NULL && heap->unit_shift == UNIT_SHIFT_LEAST) {
        object = ashlar_heap_borrow_claimed(heap, owner, want, want->stride * THRIFTY_TIMES);
    }
    if (object == NULL && ashlar_heap_add_slab(heap, owner, want)) {
        object = ashlar_heap_refill(heap, owner, bin);
    }
    return object;
}

/* --- giving -------------------------------------------------------------- */

COLD void ashlar_heap_slab_release_locked(struct ashlar_heap *heap, struct run *slab)
{
    heap->slab_units -= slab->units;
    heap->slab_count--;
    store_relaxed(&slab->fast, NULL);
    store_relaxed(&slab->state, RUN_MOVING);
    slab->clean = 0;
    ashlar_heap_run_file_locked(heap, slab, RUN_EMPTY);
}

/* The last live object of a listed slab came back. */
NOINLINE bool ashlar_heap_emptied(struct ashlar_heap *heap, struct owner *owner, struct run *slab)
{
    struct bin *bin = bin_of(owner, slab->cache, slab->class);
    if (bin->kept == 0 && load_relaxed(&owner->kept_units) + slab->units <= heap->keep_units / 4u) {
        bin->kept = run_offset(heap, slab);
        atomic_fetch_add(&owner->kept_units, slab->units);
        store_relaxed(&slab->state, RUN_KEPT);
        return false;
    }
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    unlist_slab(heap, owner, bin, slab);
    bin->slabs--;
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    ashlar_heap_slab_release_locked(heap, slab);
    ashlar_lock_give(&heap->lock, interrupts);
    return true;
}

/* object is live, in a slab of this owner. */
COLD void ashlar_heap_give_claimed(struct ashlar_heap *heap, struct owner *owner, struct run *slab, uintptr_t object)
{
    if (slab->state == RUN_FULL) {
        list_slab(heap, owner, bin_of(owner, slab->cache, slab->class), slab);
    }
    uintptr_t granule = (object - heap->base) >> GRANULE_SHIFT;
    if (push_free(heap->bits, slab, granule, object) == PUSH_EMPTIED && slab->state != RUN_KEPT) {
        ashlar_heap_emptied(heap, owner, slab);
    }
}

COLD static void release_kept_locked(struct ashlar_heap *heap, struct owner *owner, struct bin *bin)
{
    struct run *slab = run_at(heap, bin->kept);
    if (bin->kept != 0 && free_in_slab(slab) == slab->capacity) {
        unlist_slab(heap, owner, bin, slab);
        bin->slabs--;
        ashlar_heap_slab_release_locked(heap, slab);
    }
}

COLD void ashlar_heap_release_kept(struct ashlar_heap *heap, struct owner *owner)
{
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
        release_kept_locked(heap, owner, &owner->bin[class]);
    }
    for (struct ashlar_cache *cache = heap->caches; cache != NULL; cache = cache->next) {
        release_kept_locked(heap, owner, &cache->bin[owner->index]);
    }
    ashlar_lock_give(&heap->lock, interrupts);
}

/* --- mailboxes ----------------------------------------------------------- */

/* Any context. */
COLD void ashlar_heap_push(uintptr_t *mailbox, uintptr_t object)
{
    uintptr_t head;
    uintptr_t *words = object_words(object);
    store_relaxed(&words[1], pending_mark(object));
    do {
        head = atomic_load(mailbox);
        store_relaxed(&words[0], head);
    } while (!atomic_cas(mailbox, head, object));
}

/* Says what it can without formatting twice: drains happen deep down in the stack. */
COLD NOINLINE static void broken_mailbox(struct ashlar_heap *heap, struct owner *owner, uintptr_t object)
{
    struct ashlar_heap_place place;
    unsigned index = owner->index;
    owner->leftover = 0;
    ashlar_heap_unclaim(owner);
    ashlar_heap_explain(heap, (void *)object, &place);
    ashlar_panic(
        "heap: double free or write after free: on its way back to owner %u is %p, %zu bytes into an object of "
        "%zu bytes%s%s",
        index, (void *)object, place.offset, place.bytes, place.cache != NULL ? " of cache " : "",
        place.cache != NULL ? place.cache : "");
}

/* Is this an object of the owner's that was pushed, and not drained yet? */
COLD static bool is_pending(struct ashlar_heap *heap, const struct owner *owner, const struct run *slab,
                            uintptr_t object)
{
    return is_slab(slab) && slab->owner == owner->index && (object & (GRANULE_BYTES - 1u)) == 0 &&
           has_bit(heap->bits, (object - heap->base) >> GRANULE_SHIFT) &&
           load_relaxed(&object_words(object)[1]) == pending_mark(object);
}

/* At most 32 objects; the rest waits. */
COLD void ashlar_heap_drain(struct ashlar_heap *heap, struct owner *owner)
{
    uintptr_t object = owner->leftover;
    if (object == 0) {
        if (load_relaxed(&owner->mailbox) == 0) {
            return;
        }
        object = atomic_exchange(&owner->mailbox, 0);
    }
    for (unsigned i = 0; object != 0 && i < STEPS_MOST; i++) {
        struct run *slab = ashlar_heap_find(heap, object);
        if (!is_pending(heap, owner, slab, object)) {
            broken_mailbox(heap, owner, object);
        }
        uintptr_t next = load_relaxed(&object_words(object)[0]);
        store_relaxed(&object_words(object)[1], 0);
        ashlar_heap_give_claimed(heap, owner, slab, object);
        object = next;
    }
    owner->leftover = object;
}

/* Large blocks that an NMI freed. Only the lock's holder pops, so the list's head cannot come back behind its back. */
COLD void ashlar_heap_drain_deferred(struct ashlar_heap *heap)
{
    if (__builtin_expect(load_relaxed(&heap->deferred) == 0, 1) || ashlar_heap_is_nmi()) {
        return;
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->lock);
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        uintptr_t object = atomic_load(&heap->deferred);
        if (object == 0) {
            break;
        }
        if (atomic_cas(&heap->deferred, object, load_relaxed(&object_words(object)[0]))) {
            store_relaxed(&object_words(object)[1], 0);
            ashlar_heap_large_free_locked(heap, object);
        }
    }
    ashlar_lock_give(&heap->lock, interrupts);
}
