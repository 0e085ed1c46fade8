/* SPDX-License-Identifier: 0BSD */
/* kernel_half.h - the one kernel half of a machine: what the files of this floor and of space share.
 *
 * Lock letters:
 *   b  set by boot, constant afterwards
 *   k  half.lock (rank KERNEL)
 *   s  the address space's lock (rank SPACE)
 *   n  counters for people: approximate on several CPUs
 */
#ifndef ASHLAR_SPACE_INTERNAL_H
#define ASHLAR_SPACE_INTERNAL_H

#include "base/atomic.h"
#include "base/token.h"
#include <ashlar/space.h>
#include <stdbool.h>

#define CPU_WORDS ((ASHLAR_MAX_CPUS + 31u) / 32u)

#define GROWTH_SLOTS_MAX 16u

/* Entries on their way into the roots: whoever joins meanwhile gets them, too. */
struct growth {
    unsigned first; /* slot */
    unsigned count;
    uint64_t entry[GROWTH_SLOTS_MAX];
};

/* Translations that a CPU keeps under this ASID: of which space, and as of when. */
struct asid {
    const struct ashlar_space *space; /* compared only: it may be gone */
    uintptr_t epoch;
};

/* Of each CPU; 0 is the reference root's. Where the formats have none one keeps the arrays legal. */
#define ASIDS (sizeof(uintptr_t) > 4u ? 8u : 1u)
struct asids {
    struct asid asid[ASIDS]; /* number 1 and on */
    unsigned next;           /* to be taken over by a space that has none here */
};

/* What others ask a CPU to forget. */
struct shootdown {
    struct ashlar_lock lock;
    struct ashlar_gather pending; /* under its lock */
    volatile uint32_t online;     /* set by a CPU that joins, cleared under its lock */
    volatile uint32_t asked;      /* under its lock: requests so far */
    volatile uint32_t answered;   /* the CPU's own: requests that it has met */
};

/* Of each CPU, in lines of its own: what it writes at each switch and flush, and apart from that what others write to. */
struct half_cpu {
    struct ashlar_space *volatile current OWN_LINES; /* written by the CPU alone, as are the next ones */
    struct asids asids;
    uint64_t root_keeps;  /* n */
    uint64_t flush_pages; /* n */
    uint64_t flush_alls;  /* n */
    uint64_t kicks;       /* n: CPUs that it asked */
    struct shootdown box OWN_LINES;
};

/* Tables of level 1 that are remembered, where a word has room for it. */
#define LEAF_TABLES (sizeof(uintptr_t) > 4u ? 64u : 1u)

/* Flags that make a difference to a page of level 1. */
#define LEAF_FLAGS                                                                                                     \
    (ASHLAR_MAP_READ | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL | ASHLAR_MAP_CACHE_MASK)

struct ashlar_half {
    const struct ashlar_paging *paging;   /* b */
    const struct ashlar_sharing *sharing; /* b */
    struct ashlar_space_options options;  /* b */
    struct ashlar_space_layout layout;    /* b */
    struct ashlar_frames *pool;           /* b; NULL until ashlar_space_init */
    ashlar_phys root;                     /* b: the reference root */
    ashlar_pfn frame_limit;               /* b: no frame from here on can be mapped */
    uint64_t root_keep;                   /* b: 0 without ASIDs */
    bool flushes_globals_whole;           /* b: a flush of single pages leaves global ones (asid.c) */
    uint64_t leaf_bits[LEAF_FLAGS + 1u];  /* b: of entries of level 1, by what they allow; GLOBAL: the kernel half's */
    char *array;                          /* b: the linear array; NULL where all RAM is mapped */
    char *directory;                      /* b: level-2 tables of the kernel half behind the array */
    ashlar_vpn directory_page;            /* b: where they are shown */
    void *root_page;                      /* b: the reference root behind them */
    ashlar_vpn directory_first;           /* b: first page that they cover */
    struct ashlar_lock lock;
    volatile uintptr_t leaf_tables[LEAF_TABLES]; /* where all RAM is mapped: tables of level 1, by slot (reach.c) */
    struct ashlar_link spaces;                   /* k */
    size_t space_count;                          /* k */
    struct growth pending;                       /* k */
    struct growth prepared;                      /* the grower's own */
    struct ashlar_token growing;                 /* of the thread that adds top-level slots */
    volatile uint32_t generation;                /* counts growths; written by the grower, after the reference */
    uint64_t pulls;                              /* n */
    volatile uintptr_t epochs;                   /* given out so far */
    volatile uint32_t online[CPU_WORDS];         /* CPUs that take part: those that may hold kernel translations */
    size_t table_frames;                         /* k: kernel tables made after boot */
    ashlar_pfn deposits;        /* k: tables kept for splits, chained through their first word; 0: the end */
    size_t deposit_count;       /* k: of them, and of large pages that are marked so */
    ashlar_pfn table_reserve;   /* k: frames for tables to come, chained alike; 0: the end */
    size_t table_reserve_count; /* k; others may peek */
    uint64_t root_writes;       /* k */
    struct half_cpu cpus[ASHLAR_MAX_CPUS];
};

extern struct ashlar_half ashlar_half;

#endif
