/* SPDX-License-Identifier: 0BSD */
/* strip.h - an arena of page numbers: its fields, what is known of a range in it, how large its strip may be. */
#ifndef ASHLAR_KVA_STRIP_H
#define ASHLAR_KVA_STRIP_H

#include <ashlar/types.h>

/* The first backed pages that init needs: one of hash buckets, one of descriptors. */
#define ASHLAR_RANGES_FIRST_PAGES 2u

/* A descriptor index counts units of this many bytes from the strip's start, so at most this many pages can be named. */
#define ASHLAR_RANGES_UNIT_BYTES 16u
#define ASHLAR_RANGES_STRIP_PAGES_MAX (((size_t)1 << 24) - 1u)

/* Of the kernel's own arenas, whose guards name descriptors by a note: addresses of a strip, at most. Their tables exist
 * from boot. */
#define ASHLAR_STRIP_PAGES_MAX ((size_t)16384)

/* Tags that are links: no index is larger in a strip of that size, nor is the number of a bin; and no string of a kernel
 * is named so low (kinds.h). So whoever reads a tag without a lock knows from itself whether it can be a name. */
#define ASHLAR_RANGES_LINK_MAX ((uintptr_t)ASHLAR_STRIP_PAGES_MAX * 256u - 1u)

/* In a taken range's note. */
#define RANGE_KEPT 0x40u  /* in a magazine: the tag is the next one's index */
#define RANGE_GIVEN 0x80u /* given back; while it waits for a purge the tag is the next one's index */

/* Bins of free ranges: eight for each power of two; sizes below 16 pages have a bin each. Pages of an arena: below 2^20
 * on 32-bit machines, below 2^45 on others (the last level stays empty). */
#define ASHLAR_RANGES_LEVELS (sizeof(uintptr_t) == 4u ? 19u : 44u)
#define ASHLAR_RANGES_SUB_BINS 8u

/* The fields are the allocator's own. Letters: L the owner's lock, C constant after init, A atomic. */
struct ashlar_ranges {
    unsigned char *strip;                   /* C */
    ashlar_vpn first;                       /* C */
    size_t pages;                           /* C */
    uint32_t strip_pages_max;               /* C */
    uint32_t strip_pages;                   /* L: backed */
    volatile uint32_t fresh;                /* L, read A: descriptors from here on were never used */
    uint32_t unused;                        /* L: chain of descriptors that were used before */
    uint32_t spare;                         /* L: descriptors that can be had: unused and fresh ones */
    uint32_t buckets;                       /* L: of the hash, in use */
    uint32_t bucket_mask;                   /* L: the bits that name the last of them, and all below */
    uint32_t live;                          /* L: ranges that are taken */
    uint32_t steps;                         /* L: links that the call at work has followed */
    uint32_t steps_worst;                   /* L */
    size_t free_pages;                      /* L */
    uintptr_t level_bits;                   /* L: levels with any free range */
    uint8_t sub_bits[ASHLAR_RANGES_LEVELS]; /* L: bins with any */
    uint32_t bins[ASHLAR_RANGES_LEVELS * ASHLAR_RANGES_SUB_BINS]; /* L: first free range of each */
};

/* What is known of a taken range. */
struct ashlar_range_info {
    ashlar_vpn first;
    size_t pages;
    uintptr_t tag;  /* the owner's */
    uint32_t note;  /* the owner's, from take */
    uint32_t index; /* its descriptor: never 0, stays while it is taken, less than 256 for each page of the strip */
};

#endif
