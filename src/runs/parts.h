/* SPDX-License-Identifier: 0BSD */
/* parts.h - one range of addresses in runs of units: the structure that a heap is built around.
 *
 * The fields are read by the floor above as well: a heap finds an object's run by its fast paths. Fields of a run that the
 * comment gives to a slab, or to an owner, are the heap's: they stand here so that a run has one descriptor.
 *
 * Letters: I: written at init only. L: under the lock. T: by the holder of the growth token. O: by the heap's owner alone,
 * while it is claimed; others may peek. A: atomic.
 */
#ifndef ASHLAR_RUNS_PARTS_H
#define ASHLAR_RUNS_PARTS_H

#include <ashlar/private.h>
#include <ashlar/source.h>
#include <stdbool.h>

#define GRANULE_SHIFT 4u /* what has an allocated bit: the smallest object */
#define GRANULE_BYTES 16u
#define UNIT_SHIFT_LEAST 9u /* in a range of up to 64 KiB; units are pages where there is a source */
#define RUN_BINS 64u
#define STEPS_MOST 32u /* objects drained, links made, runs looked at, in one call */

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
 * for less than its class. So what an object holds says nothing about it. Those of a slab are cleared when it is laid, a
 * large block's first word when it is opened; all others are undefined, and nobody believes them. */
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

struct run_pool {
    uint32_t heads[RUN_BINS];
    uint32_t mask[RUN_BINS / 32u]; /* bins that hold something */
};

struct ashlar_runs {
    /* What the fast paths read. */
    uintptr_t base;              /* I: address of unit 0 */
    uintptr_t granules;          /* A: limit: units below it have their map backed */
    struct granule_bits *bits;   /* I */
    uint32_t *map;               /* I: descriptor of each unit, as offset from descriptors; see run.h */
    char *descriptors;           /* I: the first is nobody's */
    uint32_t unit_granule_shift; /* I */

    struct ashlar_lock lock;
    uint32_t unit_shift;              /* I */
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
    uint32_t map_pages;          /* T: backed; as are the next ones */
    uint32_t run_pages;
    uint32_t bit_pages;
    uint32_t payload_page;   /* I: page of the source that is unit 0 */
    uint32_t runs_most;      /* I: descriptors that there is room for */
    uint32_t runs_backed;    /* L, T */
    uint32_t runs_begun;     /* L: descriptors ever used, number 0 included */
    uint32_t spare;          /* L: list of descriptors given back */
    uint32_t spare_count;    /* L */
    uintptr_t source_caller; /* A: frame of whoever is inside of the source; 0: nobody */

    uintptr_t changes;           /* L: of the pools */
    struct run_pool empty, bare; /* L */
    size_t empty_units;          /* L; others may peek */
    size_t backed_units;         /* L */
    size_t peak_bytes;           /* T */
    size_t grows, shrinks;       /* L */
};

#endif
