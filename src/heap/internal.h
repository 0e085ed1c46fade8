/* SPDX-License-Identifier: 0BSD */
/* internal.h - the structures behind ashlar/heap.h.
 *
 * Letters: I: written at init only. L: under the heap's lock. T: by the holder of the growth token. O: by the owner
 * alone, while it is claimed; others may peek. A: atomic. R: by the one reader of a mailbox.
 */
#ifndef ASHLAR_HEAP_INTERNAL_H
#define ASHLAR_HEAP_INTERNAL_H

#include "base/atomic.h"
#include <ashlar/heap.h>
#include <ashlar/private.h>
#include <stdbool.h>

#define GRANULE_SHIFT 4u /* what has an allocated bit: the smallest object */
#define GRANULE_BYTES 16u
#define UNIT_SHIFT_LEAST 9u /* in a range of up to 64 KiB; units are pages where there is a source */
#define CLASS_COUNT 104u
#define RUN_BINS 64u
#define RECLAIMERS 4u
#define STEPS_MOST 32u /* objects drained, links made, runs looked at, in one call */

/* End of a slab's free list. No offset: those are multiples of 16. */
#define LIST_END 0xffffu
#define FULL_WORD 0xffffffffu /* of a slab in RUN_FULL */

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

/* Of 32 granules. A mark on an object's first one says that it is on its way home, on its second one that it was lent
 * for less than its class. So what an object holds says nothing about it. */
struct granule_bits {
    uint32_t allocated; /* O: objects that begin there and live; of large blocks: L */
    uint32_t marked;    /* A */
};

struct run {
    struct owner *fast;         /* A: whose frees may take the fast path; NULL: nobody's */
    uintptr_t base;             /* address of the first object */
    struct granule_bits *bits;  /* of the first 32 granules */
    struct ashlar_cache *cache; /* NULL: of a size class */
    uint32_t word;              /* O: low half: offset of the first free object, or LIST_END;
                                 * high half: free objects - capacity, so that a carry out of it says "all free"; or FULL_WORD */
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
    unsigned class : 7;
    unsigned lends : 1; /* some object may be marked as lent: no fast frees, so that the mark goes with the object */
    uint8_t state;      /* A: enum run_state */
};

/* Slabs of one kind with free objects. */
struct bin {
    struct run *current; /* O: the first; never NULL: ashlar_heap_nobody gives nothing */
    uint32_t kept;       /* O: descriptor of the slab in RUN_KEPT, or 0 */
    uint32_t slabs;      /* O: listed or full */
};

#define OWNER_BUSY 1u
#define OWNER_ATTENTION 2u /* part of a drained mailbox is left: nothing goes the fast way */

/* In a mailbox, beside the first object's address. */
#define MAIL_READ 1u /* somebody reads it, and has what the letter R protects */
#define MAIL_MORE 2u /* there is more in leftover or passed */
#define MAIL_BITS 3u

/* Lines that its CPU alone writes to, and one that all do. */
struct owner {
    uint32_t state OWN_LINES; /* A: written on its CPU only */
    uint32_t index;           /* I */
    uintptr_t leftover;       /* R: what was taken out, and not looked at */
    uintptr_t passed;         /* R: what a search has looked at */
    uintptr_t passed_last;    /* R: the end of that chain */
    uintptr_t kept_units;     /* A: of all slabs in RUN_KEPT */
    uint32_t kept_slabs;      /* L: the first such slab of a cache */
    uint32_t asked;           /* A: another CPU waits for what this one has; of the first owner of a CPU */
    uintptr_t shrunk;         /* O: the last shrink that this CPU took part in */
    uintptr_t claims;         /* O: off the fast paths: audits look whether there were any */
    struct bin bin[CLASS_COUNT];
    uintptr_t mailbox OWN_LINES; /* A: objects freed elsewhere, chained through their first word */
};

struct run_pool {
    uint32_t heads[RUN_BINS];
    uint32_t mask[RUN_BINS / 32u]; /* bins that hold something */
};

struct ashlar_heap {
    /* What the fast paths read. */
    uintptr_t base;              /* I: address of unit 0 */
    uintptr_t granules;          /* A: limit: units below it have their map backed */
    struct granule_bits *bits;   /* I */
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

    struct ashlar_token growing; /* whoever has it commits and decommits */
    bool refused;                /* T: a commit found no frames */
    bool told;                   /* of a failure for which the context was the reason */
    uint32_t map_pages;          /* T: backed; as are the next ones */
    uint32_t run_pages;
    uint32_t bit_pages;
    uint32_t payload_page; /* I: page of the source that is unit 0 */
    uint32_t runs_most;    /* I: descriptors that there is room for */
    uint32_t runs_backed;  /* L, T */
    uint32_t runs_begun;   /* L: descriptors ever used, number 0 included */
    uint32_t spare;        /* L: list of descriptors given back */
    uint32_t spare_count;  /* L */

    uintptr_t changes;                                                    /* L: of the pools */
    struct run_pool empty, bare;                                          /* L */
    size_t empty_units;                                                   /* L; others may peek */
    size_t backed_units;                                                  /* L */
    size_t peak_bytes;                                                    /* T */
    size_t slab_units, large_units, slab_count, large_count, cache_count; /* L */
    size_t grows, shrinks;                                                /* L */
    size_t failures, borrows;                                             /* A */
    size_t fail_in;                                                       /* A */
    uintptr_t deferred;                       /* A: large blocks freed where no lock may be taken */
    uintptr_t shrink_count;                   /* A: calls of shrink: each CPU takes part when it works */
    size_t shrink_units;                      /* A: what the last one left */
    uint32_t starved;                         /* A: an interrupt went without: work grows */
    struct ashlar_token reclaiming;           /* of the thread that asks reclaimers */
    struct ashlar_token searching;            /* of who looks through others' mail: passed is his */
    int (*kick)(void *context, unsigned cpu); /* I: NULL: none */
    void *kick_context;                       /* I */
    uintptr_t source_caller;                  /* A: frame of whoever is inside of the source; 0: nobody */
    struct ashlar_cache *caches;              /* L */
    uint32_t reclaimer_count;
    struct {
        ashlar_heap_reclaimer call;
        void *context;
    } reclaimer[RECLAIMERS];
};

struct ashlar_cache {
    struct ashlar_heap *heap;
    struct ashlar_cache *next; /* L */
    struct ashlar_cache *previous;
    const char *name;
    struct run *run; /* that this structure lies in */
    uint32_t object_bytes;
    uint16_t stride;
    uint16_t align;
    uint32_t flags;
    struct bin bin[]; /* one an owner; then a struct kept_link for each */
};

/* From a slab of a cache that an owner keeps to the next one that it keeps. */
struct kept_link {
    uint32_t next; /* L: descriptors by offset, 0: none */
    uint32_t previous;
};

#endif
