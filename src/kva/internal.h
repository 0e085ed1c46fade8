/* SPDX-License-Identifier: 0BSD */
/* internal.h - the kernel's addresses: what the files of the kva floor share.
 *
 * There is one set of them on a machine. Lock letters:
 *   b  set by boot, constant afterwards
 *   r  the arena's own lock (rank RANGES)
 *   t  the purger's token
 *   n  counters for people: approximate on several CPUs
 */
#ifndef ASHLAR_KVA_INTERNAL_H
#define ASHLAR_KVA_INTERNAL_H

#include "base/atomic.h"
#include "kva/ranges.h"
#include <ashlar/kva.h>

/* Ranges of fewer pages than this, guards included, are kept in magazines by their size. */
#define KEPT_SIZES 33u

struct arena {
    struct ashlar_ranges ranges OWN_LINES; /* r */
    struct ashlar_lock lock;
    ashlar_vpn strip_first;             /* b */
    size_t strip_pages;                 /* b: addresses */
    uint32_t given;                     /* r: chain of ranges that wait for a purge */
    size_t given_pages;                 /* r: in it */
    volatile uint32_t kept[KEPT_SIZES]; /* r: chains of ranges without pages, by size */
    size_t kept_pages;                  /* r: in all of them */
    size_t kept_count;                  /* r */
};

/* Of the one thread that purges. */
#define PURGE_FRAMES 128u /* given back at once, with interrupts off */
#define PURGE_RANGES 16u
struct purge {
    struct ashlar_token token;
    unsigned range_count;
    size_t frame_count;
    ashlar_pfn frames[PURGE_FRAMES]; /* on their way to the pool */
    ashlar_vpn span_first;           /* pages side by side that are to be collected */
    size_t span_pages;
    struct ashlar_range_info ranges[PURGE_RANGES]; /* in the span, or collected */
};

struct ashlar_kva {
    const struct ashlar_paging *paging; /* b */
    struct ashlar_frames *pool;         /* b */
    struct ashlar_kva_layout layout;    /* b */
    struct ashlar_reliever reliever;    /* b: the purge, for whoever is short of frames */
    size_t purge_pages;                 /* b: so many wait at most */
    struct purge purge;                 /* t */
    uint64_t purges;                    /* n */
    volatile uintptr_t returns;         /* t: times that addresses came back from a purge or from magazines */
    struct arena general;
    struct arena stacks;
};

extern struct ashlar_kva ashlar_kva;

#endif
