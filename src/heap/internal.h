/* SPDX-License-Identifier: 0BSD */
/* internal.h - the structures behind ashlar/heap.h.
 *
 * Letters: I: written at init only. L: under the lock of the runs. O: by the owner alone, while it is claimed; others may
 * peek. A: atomic. R: by the one reader of a mailbox.
 */
#ifndef ASHLAR_HEAP_INTERNAL_H
#define ASHLAR_HEAP_INTERNAL_H

#include "base/atomic.h"
#include "runs/parts.h"
#include <ashlar/heap.h>
#include <ashlar/private.h>
#include <stdbool.h>

#define CLASS_COUNT 104u
#define RECLAIMERS 4u

/* End of a slab's free list. No offset: those are multiples of 16. */
#define LIST_END 0xffffu
#define FULL_WORD 0xffffffffu /* of a slab in RUN_FULL */

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

struct ashlar_heap {
    /* What the fast paths read: this, and the start of what follows. */
    struct owner *owners; /* I: of CPUs, then of their interrupts */
    uint32_t fast_cpus;   /* A: CPUs that may take the fast paths; 0 while failures are injected */
    uint32_t max_cpus;    /* I */
    struct ashlar_runs runs;

    bool told; /* of a failure for which the context was the reason */
    size_t slab_units, large_units, slab_count, large_count, cache_count; /* L */
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
    struct ashlar_cache *caches;              /* L */
    uint32_t reclaims;                        /* A: times that reclaimers freed something */
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
