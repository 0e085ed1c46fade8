/* SPDX-License-Identifier: 0BSD */
/* frames.h - who owns each physical frame.
 *
 * Frames are handed out in blocks of 2^order, aligned to their own size, or as
 * ranges of any length. What is taken is its caller's alone until it is given
 * back in the same shape. Bookkeeping lies outside the frames, and no frame is
 * ever touched: memory that the kernel cannot address is served as well.
 *
 * Context: any but NMI. Locks: one, rank FRAMES, taken with interrupts off;
 * nothing here sleeps, or takes memory from another floor, and nothing but
 * ashlar_frames_relieve calls back.
 * Contents of frames are not cleared. Whatever is passed by pointer is resident (types.h).
 */
#ifndef ASHLAR_FRAMES_H
#define ASHLAR_FRAMES_H

#include <ashlar/memmap.h>
#include <ashlar/private.h>

ASHLAR_BEGIN_DECLS

#define ASHLAR_FRAMES_ORDER_MAX 18u /* 1 GiB */
#define ASHLAR_FRAMES_ANY_NODE 0xffu

struct ashlar_frames; /* one pool; lives in storage that the caller supplies */

struct ashlar_frames_options {
    unsigned max_cpus;     /* 1 to ASHLAR_MAX_CPUS */
    size_t reserve_frames; /* kept back from ordinary requests; 0: 1/256 of RAM, at most 1024 */
    int keeps_low;         /* nonzero: frames below 1 MiB are for requests alone whose limit_pfn is 1 MiB or less */
};

/* Frames between the last frame below a limit and the reserve. */
#define ASHLAR_FRAMES_MAY_USE_RESERVE 1u  /* may take what is kept back */
#define ASHLAR_FRAMES_ONLY_NODE 2u        /* no fallback to other nodes */
#define ASHLAR_FRAMES_NO_DRAIN 4u         /* do not look into other CPUs' caches */
#define ASHLAR_FRAMES_FROM_RESERVATION 8u /* consumes frames promised by ashlar_frames_reserve */

struct ashlar_frames_request {
    unsigned order;       /* 0 to ASHLAR_FRAMES_ORDER_MAX */
    ashlar_pfn limit_pfn; /* every frame lies below; 0: anywhere */
    unsigned node;        /* preferred node, or ASHLAR_FRAMES_ANY_NODE */
    unsigned flags;       /* ASHLAR_FRAMES_... */
};

struct ashlar_frames_range {
    size_t frames;          /* any length from 1 */
    size_t align_frames;    /* power of two; 0 or 1: none */
    size_t boundary_frames; /* power of two: the range does not cross a multiple of it; 0: none */
    ashlar_pfn from_pfn;    /* first frame not below this */
    ashlar_pfn limit_pfn;   /* every frame below; 0: anywhere */
};

struct ashlar_frames_stats {
    size_t total_frames;         /* that the pool manages */
    size_t free_frames;          /* now, caches included; without low_frames */
    size_t low_frames;           /* free as well, but kept for requests with a limit of 1 MiB (keeps_low) */
    size_t reserved_frames;      /* promised by ashlar_frames_reserve, not yet taken */
    size_t kept_frames;          /* the reserve for MAY_USE_RESERVE */
    size_t free_2mib_blocks;     /* 2 MiB blocks wholly free */
    size_t low_watermark_frames; /* below this ashlar_frames_is_short says so */
    size_t metadata_bytes;
    uint64_t takes; /* calls, since init */
    uint64_t gives;
    uint64_t failures;
};

/* Bytes of storage that a pool for this finalized map needs, rounded to frames.
 * Pure. The carve that supplies the storage splits the map: allowed for. */
size_t ashlar_frames_footprint_bytes(const struct ashlar_memmap *map, const struct ashlar_frames_options *options);

/* Build a pool in storage (aligned to 64 bytes, zeroed or not) from the map's usable
 * runs. storage must itself not be usable in the map (carve it first).
 * ASHLAR_NO_STORAGE, ASHLAR_BAD_MAP, ASHLAR_BAD_ARGUMENT. O(frames / 32). */
ASHLAR_MUST_USE ashlar_status ashlar_frames_init(void *storage, size_t storage_bytes, const struct ashlar_memmap *map,
                                                 const struct ashlar_frames_options *options,
                                                 struct ashlar_frames **pool);

/* One block of 2^order frames, anywhere. ASHLAR_NO_FRAMES; ASHLAR_BAD_ARGUMENT
 * if the order is over the maximum. *first is untouched on failure. */
ASHLAR_MUST_USE ashlar_status ashlar_frames_take(struct ashlar_frames *pool, unsigned order, ashlar_pfn *first);
ASHLAR_MUST_USE ashlar_status ashlar_frames_take_request(struct ashlar_frames *pool,
                                                         const struct ashlar_frames_request *request,
                                                         ashlar_pfn *first);

/* Never fails. A foreign, misaligned or doubled give is a caller's bug: fatal,
 * naming the frame and the caller (a mis-sized or still mapped one in debug
 * builds, which remember orders and mappings). */
void ashlar_frames_give(struct ashlar_frames *pool, ashlar_pfn first, unsigned order);

/* count single frames, all or nothing, in no order. flags as in a request. */
ASHLAR_MUST_USE ashlar_status ashlar_frames_take_bulk(struct ashlar_frames *pool, ashlar_pfn *frames, size_t count,
                                                      unsigned flags);
void ashlar_frames_give_bulk(struct ashlar_frames *pool, const ashlar_pfn *frames, size_t count);

/* A contiguous run of any length. ASHLAR_NO_FRAMES, ASHLAR_BAD_ARGUMENT.
 * O(frames of RAM / 32) at worst. A range may be given back in parts. */
ASHLAR_MUST_USE ashlar_status ashlar_frames_take_range(struct ashlar_frames *pool,
                                                       const struct ashlar_frames_range *range, ashlar_pfn *first);
void ashlar_frames_give_range(struct ashlar_frames *pool, ashlar_pfn first, size_t frames);

/* Promise: count frames can later be taken, one by one or in bulk, with
 * ASHLAR_FRAMES_FROM_RESERVATION, and that will not fail. O(1). */
ASHLAR_MUST_USE ashlar_status ashlar_frames_reserve(struct ashlar_frames *pool, size_t count);
void ashlar_frames_unreserve(struct ashlar_frames *pool, size_t count);

/* --- shortage -------------------------------------------------------------- */

/* Somebody who keeps frames that he could do without. The caller's storage, for good; the last two fields are the
 * pool's own. */
struct ashlar_reliever {
    /* Give frames back to the pool; returns how many, 0: there are none to give. Called in thread context with nothing
     * held, by one thread at a time. It may wait, but for nothing that somebody who is short may hold. */
    size_t (*relieve)(void *context);
    void *context;
    /* Nonzero: it may take memory itself. Then a thread that is called by such a one does not wait for it, but passes it
     * by while it is at work: so what it takes cannot end in itself. Others wait for it, if the kernel marks threads (mark in
     * ashlar/port.h). */
    int takes_memory;
    struct ashlar_reliever *volatile next;
    struct ashlar_token token;
};
/* Asked after those that are there already. Never taken off; fatal if it is there. */
void ashlar_frames_add_reliever(struct ashlar_frames *pool, struct ashlar_reliever *reliever);

/* Ask whoever has registered, until one gives something. Nonzero: something came free since the call began, so try again.
 * 0: nobody has anything; or the context does not allow to ask. No take does this by itself: a caller who is short asks,
 * with no lock, token, cursor or pin in his hands. Thread context; elsewhere 0. */
int ashlar_frames_relieve(struct ashlar_frames *pool);

/* --- more ------------------------------------------------------------------- */

/* More RAM: [first, first + frames). storage holds its bookkeeping, of
 * ashlar_frames_add_footprint_bytes(frames) bytes, aligned to 64. It must not
 * overlap what the pool has: ASHLAR_EXISTS. ASHLAR_NO_STORAGE,
 * ASHLAR_BAD_ARGUMENT. */
size_t ashlar_frames_add_footprint_bytes(ashlar_pfn first, size_t frames);
ASHLAR_MUST_USE ashlar_status ashlar_frames_add_memory(struct ashlar_frames *pool, ashlar_pfn first, size_t frames,
                                                       unsigned node, void *storage, size_t storage_bytes);

/* Free frames are below the low watermark: purge, shrink. O(1). */
int ashlar_frames_is_short(struct ashlar_frames *pool);

/* Debug builds note what is mapped, so that a give of a mapped frame is fatal.
 * They count; frames that the pool does not manage are ignored. Nothing in
 * release builds. */
void ashlar_frames_note_mapped(struct ashlar_frames *pool, ashlar_pfn frame);
void ashlar_frames_note_unmapped(struct ashlar_frames *pool, ashlar_pfn frame);

/* From here on this block, taken by order, may be given back in any parts, as a range may, or whole as before. Only debug
 * builds want to know. */
void ashlar_frames_note_range(struct ashlar_frames *pool, ashlar_pfn first, size_t frames);

/* What the pool knows of one frame: for explanations and dumps. */
typedef enum ashlar_frame_state {
    ASHLAR_FRAME_FOREIGN, /* not managed: a hole, MMIO, reserved, beyond the end */
    ASHLAR_FRAME_FREE,
    ASHLAR_FRAME_TAKEN
} ashlar_frame_state;
ashlar_frame_state ashlar_frames_state(struct ashlar_frames *pool, ashlar_pfn frame);

void ashlar_frames_stats(struct ashlar_frames *pool, struct ashlar_frames_stats *stats);

/* NULL, or the first broken invariant. O(frames / 32), takes the lock. */
const char *ashlar_frames_audit(struct ashlar_frames *pool);

/* Tests: the n-th take from now on (1: the next) fails, and every later one if
 * forever is nonzero; 0 turns it off. Counts every kind of take and reserve. */
void ashlar_frames_fail_nth(struct ashlar_frames *pool, uint64_t n, int forever);

ASHLAR_END_DECLS

#endif
