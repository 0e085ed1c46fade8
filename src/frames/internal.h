/* SPDX-License-Identifier: 0BSD */
/* internal.h - the structures behind ashlar/frames.h, for this folder and its tests.
 *
 * A pool is a list of *regions*, runs of RAM without a wide hole. A region has
 * a bitmap, 1 = free, and divides it into *chunks* of 512 frames, 2 MiB:
 *
 *     pool -> region 4..16 GiB -> region 0..3 GiB          (highest first)
 *               |  words   ..1101 0000 1111 1111..         a bit for each frame
 *               |  chunks  {312} {512} {HUGE} {0, OWN}..   16 bits for each chunk
 *               |  maps    FEW SOME MANY WHOLE             a bit for each chunk, by fill
 *               `  slots                                   what is RAM in chunks that are not all RAM
 *
 * Invariants (frames_audit.c checks them): free is the number of bits set
 * outside of HUGE chunks; each chunk's count is its share; a chunk with free
 * frames is in the class of its count, or under the cursor; only RAM has bits;
 * promised is at most free.
 *
 * Words are native, and all that a later, finer lock needs is here: counts that
 * decide before bits do, one chunk owned by who takes from it.
 *
 * Letters: L: under the pool's lock. I: written at init only.
 */
#ifndef ASHLAR_FRAMES_INTERNAL_H
#define ASHLAR_FRAMES_INTERNAL_H

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include <ashlar/frames.h>

/* One copy, for size. */
#define OUT_OF_LINE __attribute__((noinline))

#define CHUNK_ORDER 9u
#define CHUNK_FRAMES 512u
#define CHUNK_WORDS (CHUNK_FRAMES / WORD_BITS)
#define WORD_ORDER (sizeof(uintptr_t) == 8u ? 6u : 5u)
#define BULK_PIECE 128u /* frames that are taken or given one by one with the lock held all the time */
#define RANGE_PIECE ((size_t)2 * CHUNK_FRAMES) /* of a range that is given back, likewise */
#define REGION_GAP_CHUNKS 32u /* a hole over 64 MiB parts two regions; a smaller one costs less than a region */

/* A chunk's 16 bits. Invariants:
 * HUGE: taken as a whole; count is 0, its bits are left as they were: all ones.
 * OWN: the cursor's; filed in no class.
 * LOW: a part of it is kept for low requests, and counted apart: never on a fast path.
 * RAM: every frame is RAM. MIXED: some are, a slot says which. Neither: none is. Never both. */
#define CHUNK_COUNT 0x03ffu /* free frames, 0 to 512 */
#define CHUNK_LOW 0x0400u
#define CHUNK_RAM 0x1000u
#define CHUNK_MIXED 0x2000u
#define CHUNK_OWN 0x4000u
#define CHUNK_HUGE 0x8000u

/* How full a chunk is. A class begins at a power of two: while the highest bit of a count stays, so does the class. */
enum { CLASS_FEW, CLASS_SOME, CLASS_MANY, CLASS_WHOLE, CLASSES }; /* from 1, 16, 256, 512; CLASSES: none is free */

/* Chunks without a wide hole between them, of one zone. Low memory is kept for those who cannot use other: zones are
 * below 16 MiB, to 4 GiB, and above, and what lies below 1 MiB comes last in its region. */
#define LOW_FRAMES 256u         /* 1 MiB */
#define ZONE_16MIB_FRAMES 4096u /* 16 MiB */
#define ZONE_4GIB_FRAMES ((ashlar_pfn)1 << 20)

struct region {
    struct region *next;       /* L: the next lower one */
    ashlar_pfn base;           /* I: first frame of chunk 0, a multiple of 512 */
    size_t span_frames;        /* I: a multiple of 512 */
    unsigned node;             /* I */
    uintptr_t *words;          /* L: a bit for each frame, 1 = free */
    uint16_t *chunks;          /* L: CHUNK_... */
    uint16_t *slots;           /* L: of a mixed chunk: which slot says what is RAM */
    uintptr_t *maps;           /* L: for each class a bit for each chunk in it */
    size_t map_words;          /* I: words of one class's map */
    size_t in_class[CLASSES];  /* L: bits set in each map */
    size_t first_set[CLASSES]; /* L: no word of the map below this one has a bit set */
    uint8_t *states;           /* L: a byte for each frame in debug builds, else NULL */
};

/* RAM maps of mixed chunks. Each call that adds memory brings a block of them. */
struct slot_block {
    struct slot_block *next;
    size_t first; /* number of its first slot */
    size_t count;
    size_t used;
    uintptr_t words[];
};
#define SLOTS_MAX 0x10000u /* region.slots has 16 bits */

/* Where single frames come from: one word of the chunk that has CHUNK_OWN. Without one, word points at none. */
struct cursor {
    uintptr_t *word;       /* within region's bitmap, or &none */
    uint16_t *chunk;       /* its counter */
    ashlar_pfn first;      /* frame of the word's bit 0 */
    struct region *region; /* NULL: no chunk */
    ashlar_pfn better; /* frames from here on are to be taken first: the end of the region's zone, or of low memory */
    uintptr_t none;    /* always 0 */
};

struct ashlar_frames {
    struct ashlar_lock lock;
    struct region *regions;   /* L: the highest first */
    size_t free_frames;       /* L: low_frames not counted */
    size_t low_frames;        /* L: free ones below low_end */
    ashlar_pfn low_end;       /* I: below it frames are for low requests alone; 0: for all */
    size_t gate_frames;       /* L: the fast path leaves this many free: kept + promised; all ones: look closer */
    struct cursor cursor;     /* L */
    uint64_t takes;           /* L */
    uint64_t gives;           /* L */
    uint64_t failures;        /* L */
    uint64_t fail_in;         /* L: the take that fails, counted from now; 0: off */
    int fail_forever;         /* L */
    size_t promised_frames;   /* L */
    size_t kept_frames;       /* I */
    size_t total_frames;      /* L */
    size_t metadata_bytes;    /* L */
    struct slot_block *slots; /* L: the newest first */
    struct ashlar_reliever *volatile relievers; /* appended to under L; read by anybody */
};

/* The part of a run that lies in the chunk of its first frame. */
struct piece {
    struct region *region;
    size_t chunk;
    unsigned offset; /* within the chunk */
    unsigned frames;
};

/* What a block or range has to meet; checked, normalised. */
struct need {
    size_t frames;
    size_t align_frames;
    size_t boundary_frames; /* 0: none */
    ashlar_pfn from_pfn;
    ashlar_pfn limit_pfn; /* never 0 */
    unsigned node;        /* ASHLAR_FRAMES_ANY_NODE: every one */
};

#endif
