/* SPDX-License-Identifier: 0BSD */
/* internal.h - the structures behind ashlar/heap.h, and the two fast paths.
 *
 * Letters: I: written at init only. L: under the heap's lock. T: by the holder of the growth token. O: by the owner
 * alone, while it is claimed; others may peek. A: atomic.
 */
#ifndef ASHLAR_HEAP_INTERNAL_H
#define ASHLAR_HEAP_INTERNAL_H

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include <ashlar/heap.h>

#define NOINLINE __attribute__((noinline))

#define GRANULE_SHIFT 4u
#define GRANULE_BYTES 16u
#define CLASS_COUNT 104u
#define SMALL_MOST_BYTES 32768u
#define SLAB_MOST_UNITS 16u
#define SLAB_MOST_BYTES 65536u /* offsets in a slab have 16 bits */
#define ALIGN_MOST_BYTES 4096u /* by class; more is a large block's */
#define STEPS_MOST 32u         /* objects drained, links made, in one call */
#define UNIT_SHIFT_LEAST 9u
#define RUN_BINS 64u
#define RECLAIMERS 4u

/* End of a slab's free list. No offset: those are multiples of 16. */
#define LIST_END 0xffffu

enum run_state {
    RUN_NONE,   /* a descriptor that describes nothing: number 0, and spare ones */
    RUN_BARE,   /* no memory behind it */
    RUN_EMPTY,  /* backed, in no use */
    RUN_MOVING, /* in the hands of whoever took it out of its bin */
    RUN_META,   /* a cache's own structure */
    RUN_LARGE,  /* one large block */
    RUN_FULL,   /* a slab, in no bin, no object free */
    RUN_LISTED, /* a slab in its bin's list */
    RUN_KEPT    /* the same, and the one that this bin may keep when it is empty */
};

struct run {
    struct owner *fast;         /* A: whose frees may take the fast path; NULL: nobody's */
    uintptr_t base;             /* address of the first object */
    uint32_t *bits;             /* allocated bits of the first 32 granules */
    struct ashlar_cache *cache; /* NULL: of a size class */
    uint32_t word;              /* O: low half: offset of the first free object, or LIST_END;
                                 * high half: free objects - capacity, so that a carry out of it says "all free" */
    uint16_t granules;          /* in all objects */
    union {
        uint16_t fresh; /* O: objects linked so far */
        uint16_t clean; /* L: of an empty run: it reads as zeroes */
    };
    uint32_t next; /* O, or L in bins of runs: descriptors by offset, 0: none */
    uint32_t previous;
    uint32_t first; /* L: unit */
    uint32_t units; /* L */
    uint16_t stride;
    uint16_t capacity;
    uint16_t owner; /* number */
    uint8_t class;
    uint8_t state; /* A: enum run_state */
};

/* Slabs of one kind with free objects. */
struct bin {
    struct run *current; /* O: the first; never NULL: ashlar_heap_nobody gives nothing */
    uint32_t kept;       /* O: descriptor of the slab in RUN_KEPT, or 0 */
    uint32_t slabs;      /* O: listed or full */
};

#define OWNER_BUSY 1u
#define OWNER_ATTENTION 2u /* part of a drained mailbox is left: nothing goes the fast way */

struct owner {
    uint32_t state;       /* A: written on its CPU only */
    uint32_t index;       /* I */
    uintptr_t mailbox;    /* A: objects freed elsewhere, chained through their first word */
    uintptr_t leftover;   /* O: what the last drain did not get to */
    uintptr_t kept_units; /* A: of all slabs in RUN_KEPT */
    struct bin bin[CLASS_COUNT];
};

struct run_pool {
    uint32_t heads[RUN_BINS];
    uint32_t mask[RUN_BINS / 32u]; /* bins that hold something */
};

struct ashlar_heap {
    /* What the fast paths read. */
    uintptr_t base;              /* I: address of unit 0 */
    uintptr_t granules;          /* A: limit: units below it have their map backed */
    uint32_t *bits;              /* I */
    uint32_t *map;               /* I: descriptor of each unit, as offset from runs */
    char *runs;                  /* I: descriptors; the first is nobody's */
    struct owner *owners;        /* I: of CPUs, then of their interrupts */
    uint32_t fast_cpus;          /* A: CPUs that may take the fast paths; 0 while failures are injected */
    uint32_t unit_granule_shift; /* I */

    struct ashlar_lock lock;
    uint32_t unit_shift;              /* I */
    uint32_t max_cpus;                /* I */
    uint32_t total;                   /* I: units that the range has room for */
    uint32_t limit;                   /* L, T: units known to the map */
    size_t keep_units;                /* I */
    size_t grow_units;                /* I */
    uint32_t grow_align_bytes;        /* I: at least 1 */
    struct ashlar_heap_source source; /* I: pages == 0: a plain range */
    uintptr_t range_base;             /* I */
    size_t range_bytes;               /* I */

    uint32_t growing;   /* A: the token: whoever has it commits and decommits */
    uint32_t map_pages; /* T: backed; as are the next ones */
    uint32_t run_pages;
    uint32_t bit_pages;
    uint32_t payload_page; /* I: page of the source that is unit 0 */
    uint32_t runs_most;    /* I: descriptors that there is room for */
    uint32_t runs_backed;  /* L, T */
    uint32_t runs_begun;   /* L: descriptors ever used, number 0 included */
    uint32_t spare;        /* L: list of descriptors given back */
    uint32_t spare_count;  /* L */

    struct run_pool empty, bare;                                          /* L */
    size_t empty_units;                                                   /* L; others may peek */
    size_t backed_units;                                                  /* L */
    size_t peak_bytes;                                                    /* T */
    size_t slab_units, large_units, slab_count, large_count, cache_count; /* L */
    size_t grows, shrinks;                                                /* L */
    size_t failures, borrows;                                             /* A */
    size_t fail_in;                                                       /* A */
    uintptr_t deferred;          /* A: large blocks freed where no lock may be taken */
    uint32_t starved;            /* A: an interrupt went without: work grows */
    uint32_t reclaiming;         /* A */
    struct ashlar_cache *caches; /* L */
    uint32_t reclaimer_count;
    struct {
        ashlar_heap_reclaimer call;
        void *context;
    } reclaimer[RECLAIMERS];
};

struct ashlar_cache {
    struct ashlar_heap *heap;
    struct ashlar_cache *next; /* L */
    const char *name;
    struct run *run; /* that this structure lies in */
    uint32_t object_bytes;
    uint16_t stride;
    uint16_t align;
    uint32_t flags;
    struct bin bin[]; /* one an owner */
};

/* What is asked for: objects of a cache, or of a size class. */
struct want {
    struct ashlar_cache *cache;
    uint32_t stride;
    uint32_t align;
    uint32_t class;
};

extern struct run ashlar_heap_nobody;

/* --- words that others peek at ------------------------------------------- */

#define load_relaxed(pointer) __atomic_load_n((pointer), __ATOMIC_RELAXED)
#define store_relaxed(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELAXED)

static inline void count_up(size_t *counter)
{
    store_relaxed(counter, load_relaxed(counter) + 1u);
}

/* --- classes ------------------------------------------------------------- */

uint32_t ashlar_heap_class_bytes(uint32_t class);

/* bytes is 1 to 32 KiB. */
static inline uint32_t class_of(size_t bytes)
{
    uint32_t last = (uint32_t)bytes - 1u;
    if (__builtin_expect(last < 1024u, 1)) {
        return last >> 4;
    }
    unsigned log = u32_log2(last);
    return 64u + (log - 10u) * 8u + (last >> (log - 3u)) - 8u;
}

static inline uint32_t natural_align(uint32_t bytes)
{
    return (bytes | ALIGN_MOST_BYTES) & (0u - (bytes | ALIGN_MOST_BYTES));
}

/* --- descriptors --------------------------------------------------------- */

static inline struct run *run_at(const struct ashlar_heap *heap, uint32_t offset)
{
    return (struct run *)(void *)(heap->runs + offset);
}

static inline uint32_t run_offset(const struct ashlar_heap *heap, const struct run *slab)
{
    return (uint32_t)((const char *)slab - heap->runs);
}

static inline bool is_slab(const struct run *slab)
{
    return load_relaxed(&slab->state) >= RUN_FULL;
}

static inline uint32_t free_in_slab(const struct run *slab)
{
    return ((load_relaxed(&slab->word) >> 16) + slab->capacity) & 0xffffu;
}

static inline bool has_bit(const uint32_t *bits, uintptr_t granule)
{
    return (load_relaxed(&bits[granule / 32u]) >> (granule % 32u)) & 1u;
}

static inline struct bin *bin_of(struct owner *owner, struct ashlar_cache *cache, uint32_t class)
{
    return cache != NULL ? &cache->bin[owner->index] : &owner->bin[class];
}

/* An object on its way home says so in its second word: a second free finds it. */
static inline uintptr_t pending_mark(uintptr_t address)
{
    return ~address * 0x9e3779b1u;
}

static inline uintptr_t *object_words(uintptr_t address)
{
    return (uintptr_t *)address;
}

/* --- the fast paths ------------------------------------------------------ */

static inline uintptr_t rotate(uintptr_t offset)
{
    return offset >> GRANULE_SHIFT | offset << (WORD_BITS - GRANULE_SHIFT);
}

/* The first free object, or NULL: none is linked, or the link is broken (ashlar_heap_refill tells). */
static inline void *pop_free(struct run *slab)
{
    uint32_t word = slab->word;
    uint32_t offset = word & 0xffffu;
    uint32_t granule = offset >> GRANULE_SHIFT | offset << (32u - GRANULE_SHIFT);
    if (__builtin_expect(granule >= slab->granules, 0)) {
        return NULL;
    }
    uint32_t *bits = &slab->bits[granule / 32u];
    uint32_t old = load_relaxed(bits);
    uint32_t bit = (uint32_t)1 << (granule % 32u);
    if (__builtin_expect((old & bit) != 0, 0)) {
        return NULL;
    }
    uint16_t *object = (uint16_t *)(slab->base + offset);
    store_relaxed(bits, old | bit);
    store_relaxed(&slab->word, ((word - 0x10000u) & 0xffff0000u) | *object);
    return object;
}

enum pushed { PUSH_REFUSED, PUSH_DONE, PUSH_EMPTIED };

/* Refused: it is not allocated. */
static inline enum pushed push_free(uint32_t *bits, struct run *slab, uintptr_t granule, uintptr_t object)
{
    uint32_t old = load_relaxed(&bits[granule / 32u]);
    uint32_t bit = (uint32_t)1 << (granule % 32u);
    if (__builtin_expect((old & bit) == 0, 0)) {
        return PUSH_REFUSED;
    }
    uint32_t word = slab->word;
    store_relaxed(&bits[granule / 32u], old & ~bit);
    *(uint16_t *)object = (uint16_t)word;
    uint32_t count = (word | 0xffffu) + 1u; /* one more free object, no offset; 0: with a carry */
    store_relaxed(&slab->word, count | (uint32_t)(object - slab->base));
    return count == 0 ? PUSH_EMPTIED : PUSH_DONE;
}

/* This CPU's owner if nothing stands in the way of a fast path; the caller is pinned then. */
static inline bool enter_fast(struct ashlar_heap *heap, struct owner **owner)
{
    unsigned cpu = ashlar_port_pin();
    if (__builtin_expect(cpu < load_relaxed(&heap->fast_cpus), 1)) {
        *owner = &heap->owners[cpu];
        if (__builtin_expect(load_relaxed(&(*owner)->state) == 0, 1)) {
            store_relaxed(&(*owner)->state, OWNER_BUSY);
            compiler_barrier();
            return true;
        }
    }
    ashlar_port_unpin();
    return false;
}

static inline void leave_fast(struct owner *owner)
{
    __atomic_store_n(&owner->state, 0, __ATOMIC_RELEASE);
    ashlar_port_unpin();
}

/* True: a run went back, settle afterwards. */
bool ashlar_heap_emptied(struct ashlar_heap *heap, struct owner *owner, struct run *slab);
void ashlar_heap_settle(struct ashlar_heap *heap);
void *ashlar_heap_take_slow(struct ashlar_heap *heap, struct ashlar_cache *cache, size_t bytes, unsigned flags);
void ashlar_heap_give_slow(struct ashlar_heap *heap, void *object, const void *caller);

static inline void *take_class(struct ashlar_heap *heap, uint32_t class)
{
    struct owner *owner;
    if (!enter_fast(heap, &owner)) {
        return NULL;
    }
    void *object = pop_free(owner->bin[class].current);
    leave_fast(owner);
    return object;
}

static inline void *take_fast(struct ashlar_heap *heap, size_t bytes)
{
    if (__builtin_expect(bytes - 1u < SMALL_MOST_BYTES, 1)) {
        void *object = take_class(heap, class_of(bytes));
        if (__builtin_expect(object != NULL, 1)) {
            return object;
        }
    }
    return ashlar_heap_take_slow(heap, NULL, bytes, 0);
}

/* By the owner, which is claimed. */
static inline enum pushed push_own(struct ashlar_heap *heap, struct owner *owner, uintptr_t object, struct run **slab)
{
    uintptr_t granule = rotate(object - heap->base);
    if (__builtin_expect(granule >= load_relaxed(&heap->granules), 0)) {
        return PUSH_REFUSED;
    }
    *slab = run_at(heap, load_relaxed(&heap->map[granule >> heap->unit_granule_shift]));
    if (__builtin_expect(load_relaxed(&(*slab)->fast) != owner || load_relaxed(&owner->mailbox) != 0, 0)) {
        return PUSH_REFUSED;
    }
    return push_free(heap->bits, *slab, granule, object);
}

/* False: the slow path has to look. */
static inline bool give_fast(struct ashlar_heap *heap, uintptr_t object)
{
    struct owner *owner;
    struct run *slab = NULL;
    if (!enter_fast(heap, &owner)) {
        return false;
    }
    enum pushed pushed = push_own(heap, owner, object, &slab);
    if (__builtin_expect(pushed == PUSH_EMPTIED && slab->state != RUN_KEPT, 0)) {
        bool released = ashlar_heap_emptied(heap, owner, slab);
        leave_fast(owner);
        if (released) {
            ashlar_heap_settle(heap);
        }
        return true;
    }
    leave_fast(owner);
    return pushed != PUSH_REFUSED;
}

/* The same, and the slow path, for callers that have a caller. */
void ashlar_heap_give(struct ashlar_heap *heap, void *object, const void *caller);

/* --- runs.c: runs of units; all under the lock --------------------------- */

uint32_t ashlar_heap_spares_locked(const struct ashlar_heap *heap);
struct run *ashlar_heap_describe_locked(struct ashlar_heap *heap, uint32_t first, uint32_t units);
struct run *ashlar_heap_run_take_locked(struct ashlar_heap *heap, struct run_pool *pool, uint32_t units,
                                        uint32_t align_bytes);
void ashlar_heap_run_file_locked(struct ashlar_heap *heap, struct run *run, enum run_state state);
void ashlar_heap_run_unfile_locked(struct ashlar_heap *heap, struct run *run);
struct run *ashlar_heap_run_largest_locked(struct ashlar_heap *heap);
struct run *ashlar_heap_run_split_locked(struct ashlar_heap *heap, struct run *run, uint32_t units);
struct run *ashlar_heap_run_before_locked(struct ashlar_heap *heap, const struct run *run);
struct run *ashlar_heap_run_after_locked(struct ashlar_heap *heap, const struct run *run);
void ashlar_heap_map_run(struct ashlar_heap *heap, const struct run *run, uint32_t value);
/* The descriptor is spare from now on. */
void ashlar_heap_forget_locked(struct ashlar_heap *heap, struct run *run);
uint32_t ashlar_heap_bin_of_units(uint32_t units);

/* --- grow.c: asking the source ------------------------------------------- */

bool ashlar_heap_may_grow(const struct ashlar_heap *heap, unsigned flags);
/* Thread context, nothing held. False: no memory, no addresses. */
bool ashlar_heap_grow(struct ashlar_heap *heap, uint32_t units, uint32_t align_bytes);
bool ashlar_heap_reclaim(struct ashlar_heap *heap, size_t bytes);
size_t ashlar_heap_purge(struct ashlar_heap *heap, size_t keep_units);
/* Moves a large block to a longer run of addresses, if the source can; NULL: nothing changed. */
void *ashlar_heap_move_large(struct ashlar_heap *heap, struct run *run, uint32_t units);

/* --- slab.c: owners ------------------------------------------------------ */

/* This CPU's owner, or its interrupts'; NULL: both are busy. The caller is pinned until unclaim. */
struct owner *ashlar_heap_claim(struct ashlar_heap *heap);
void ashlar_heap_unclaim(struct owner *owner);
bool ashlar_heap_is_nmi(void);
void *ashlar_heap_take_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want);
void *ashlar_heap_refill(struct ashlar_heap *heap, struct owner *owner, struct bin *bin);
void *ashlar_heap_borrow_claimed(struct ashlar_heap *heap, struct owner *owner, const struct want *want,
                                 uint32_t most_bytes);
bool ashlar_heap_add_slab(struct ashlar_heap *heap, struct owner *owner, const struct want *want);
void ashlar_heap_give_claimed(struct ashlar_heap *heap, struct owner *owner, struct run *slab, uintptr_t object);
void ashlar_heap_drain(struct ashlar_heap *heap, struct owner *owner);
void ashlar_heap_drain_deferred(struct ashlar_heap *heap);
void ashlar_heap_push(uintptr_t *mailbox, uintptr_t object);
/* Empty slabs that the owner keeps go to the runs. */
void ashlar_heap_release_kept(struct ashlar_heap *heap, struct owner *owner);
/* One of its slabs is no longer kept. */
void ashlar_heap_keep_fewer(struct owner *owner, const struct run *slab);
void ashlar_heap_bin_init(struct bin *bins, size_t count);
void ashlar_heap_slab_release_locked(struct ashlar_heap *heap, struct run *slab);

/* --- take.c -------------------------------------------------------------- */

/* Is this the allocation that ashlar_heap_fail_nth wants to fail? */
bool ashlar_heap_fail_now(struct ashlar_heap *heap);
/* After an attempt has failed: is another one worth it? desperate: false before the first; kept slabs and reclaimers are
 * asked once. */
bool ashlar_heap_make_room(struct ashlar_heap *heap, size_t bytes, uint32_t units, uint32_t align_bytes, unsigned flags,
                           bool *desperate);
/* As the public calls, for callers that have one. */
void ashlar_heap_give_sized(struct ashlar_heap *heap, void *object, size_t bytes, const void *caller);
size_t ashlar_heap_usable(struct ashlar_heap *heap, const void *object, const void *caller);
void *ashlar_heap_resize(struct ashlar_heap *heap, void *object, size_t bytes, unsigned flags, const void *caller);
void ashlar_heap_require_ready(const struct ashlar_heap *heap, const void *caller);

/* --- heap_large.c ------------------------------------------------------------- */

/* A run in RUN_MOVING, grown for if need be; NULL. */
struct run *ashlar_heap_run_obtain(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags);
void *ashlar_heap_large(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags);
/* False: not a live large block. */
bool ashlar_heap_large_free_locked(struct ashlar_heap *heap, uintptr_t object);
bool ashlar_heap_large_resize(struct ashlar_heap *heap, struct run *run, uint32_t units);

/* --- heap_explain.c ------------------------------------------------------------ */

/* The run that this address lies in; one in RUN_NONE if there is none. */
struct run *ashlar_heap_find(struct ashlar_heap *heap, uintptr_t address);
/* The live object that begins there; else fatal. verb: "free", ... */
struct run *ashlar_heap_find_live(struct ashlar_heap *heap, const void *object, const char *verb, const void *caller);
ASHLAR_NORETURN COLD void ashlar_heap_bad_pointer(struct ashlar_heap *heap, const void *object, const char *verb,
                                                  const void *caller);
/* Also for objects of caches. */
size_t ashlar_heap_object_bytes(const struct ashlar_heap *heap, const struct run *slab);

/* --- cache.c ------------------------------------------------------------- */

void ashlar_heap_canary_check(const struct run *slab, const void *object, const void *caller);

static inline struct want want_of(struct ashlar_cache *cache, size_t bytes)
{
    struct want want = {cache, 0, 0, 0};
    if (cache != NULL) {
        want.stride = cache->stride;
        want.align = cache->align;
    } else {
        want.class = class_of(bytes);
        want.stride = ashlar_heap_class_bytes(want.class);
        want.align = natural_align(want.stride);
    }
    return want;
}

#endif
