/* SPDX-License-Identifier: 0BSD */
/* bookkeeping.c - bookkeeping laid out in the caller's storage: at boot, and for memory that is added later.
 *
 * Usable runs of the map with holes of up to 64 MiB between them become one
 * region, but not across the ends of zones; wider holes cost nothing. Storage of
 * a pool:
 *
 *     pool | slots of mixed chunks | region: header words maps chunks slots [states] | region ...
 *
 * The same walk over the map says how much that is (footprint) and lays it out
 * (init). Boot asks before it carves, and the carve splits an entry: two more
 * mixed chunks are allowed for. If that hole parts a region, the two together
 * need less than the one, by 32 chunks at least.
 *
 * Memory that is added may touch chunks that a region has already, at its ends
 * or in a hole: those parts join that region, whatever its node, and so merge
 * with their neighbours. What is left becomes a region of its own. As both ends
 * of a region are RAM, what is left is one run.
 *
 * Cost per GiB: 32 KiB of bits, 1 KiB of counters, 1 KiB of slot numbers, 256
 * bytes of class maps; 64 bytes for each mixed chunk.
 */
#include "base/contexts.h"
#include "base/mem.h"
#include "frames/admission.h"
#include "frames/bitmap.h"
#include "frames/classes.h"
#include "frames/frames_cursor.h"
#include "frames/regions.h"

#define ALIGN_BYTES 64u
#define KEPT_SHARE 256u
#define KEPT_MOST 1024u
#define PFN_MOST (ASHLAR_PFN_NONE - CHUNK_FRAMES) /* rounding up does not wrap */

/* Usable runs that make one region. */
struct cluster {
    ashlar_pfn base; /* multiples of 512 */
    ashlar_pfn end;
    size_t mixed; /* chunks that are not all RAM */
};

static size_t map_words_of(size_t chunks)
{
    return (chunks + WORD_BITS - 1u) / WORD_BITS;
}

static size_t header_bytes(void)
{
    return round_up(sizeof(struct ashlar_frames), ALIGN_BYTES);
}

COLD static size_t region_bytes(size_t chunks)
{
    size_t each = CHUNK_FRAMES / 8u + 2u * sizeof(uint16_t) + (ASHLAR_DEBUG ? CHUNK_FRAMES : 0);
    return round_up(sizeof(struct region) + chunks * each + CLASSES * map_words_of(chunks) * sizeof(uintptr_t),
                    ALIGN_BYTES);
}

COLD static size_t slots_bytes(size_t slots)
{
    return round_up(sizeof(struct slot_block) + slots * (CHUNK_FRAMES / 8u), ALIGN_BYTES);
}

static ashlar_pfn chunk_up(ashlar_pfn frame)
{
    return round_up(frame, CHUNK_FRAMES);
}

/* Count the mixed chunks of [first, end), at its two ends; *last is the chunk counted last. */
COLD static void count_mixed(struct cluster *cluster, ashlar_pfn first, ashlar_pfn end, ashlar_pfn *last)
{
    ashlar_pfn low = round_down(first, CHUNK_FRAMES);
    ashlar_pfn high = round_down(end, CHUNK_FRAMES);
    if (low != *last && (first != low || high == low)) {
        cluster->mixed++;
        *last = low;
    }
    if (high != end && high != *last && high != low) {
        cluster->mixed++;
        *last = high;
    }
}

/* The next cluster of the map, from the last one's end on (0 at first); *run: the usable run that it may begin in. */
COLD static bool next_cluster(const struct ashlar_memmap *map, size_t *run, struct cluster *cluster)
{
    ashlar_pfn from = cluster->end;
    ashlar_pfn last_mixed = ASHLAR_PFN_NONE;
    ashlar_pfn first;
    size_t frames;
    size_t ahead = *run;
    bool found = false;
    cluster->mixed = 0;
    while (ashlar_memmap_next_usable(map, &ahead, &first, &frames)) {
        ashlar_pfn end = first + frames;
        first = first > from ? first : from;
        if (first < end) {
            if (!found) {
                cluster->base = round_down(first, CHUNK_FRAMES);
            } else if (first >= zone_end(cluster->base) ||
                       first > cluster->end + (size_t)REGION_GAP_CHUNKS * CHUNK_FRAMES) {
                break;
            }
            found = true;
            ashlar_pfn cut = zone_end(cluster->base);
            cluster->end = chunk_up(end < cut ? end : cut);
            count_mixed(cluster, first, end < cut ? end : cut, &last_mixed);
            if (end > cut) {
                break;
            }
        }
        *run = ahead;
    }
    return found;
}

/* Bytes for the map as it is; *mixed: slots among them. */
COLD static size_t pool_bytes(const struct ashlar_memmap *map, size_t *mixed)
{
    struct cluster cluster = {0, 0, 0};
    size_t run = 0;
    size_t bytes = header_bytes();
    *mixed = 0;
    while (next_cluster(map, &run, &cluster)) {
        bytes += region_bytes((cluster.end - cluster.base) >> CHUNK_ORDER);
        *mixed += cluster.mixed;
    }
    return bytes + slots_bytes(*mixed);
}

COLD size_t ashlar_frames_footprint_bytes(const struct ashlar_memmap *map, const struct ashlar_frames_options *options)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    size_t mixed;
    (void)options;
    return round_up(pool_bytes(map, &mixed) + (size_t)2 * (CHUNK_FRAMES / 8u), ASHLAR_PAGE_BYTES);
}

/* --- filling ---------------------------------------------------------------- */

COLD static void lay_slots(struct ashlar_frames *pool, unsigned char *storage, size_t count)
{
    struct slot_block *block = (struct slot_block *)(void *)storage;
    block->first = pool->slots == NULL ? 0 : pool->slots->first + pool->slots->count;
    block->count = count;
    block->next = pool->slots;
    pool->slots = block;
}

/* A region of chunks without RAM, in zeroed storage. */
COLD static void lay_region(struct ashlar_frames *pool, unsigned char *storage, ashlar_pfn base, size_t chunks,
                            unsigned node)
{
    struct region *region = (struct region *)(void *)storage;
    struct region **link = &pool->regions;
    region->base = base;
    region->span_frames = chunks * CHUNK_FRAMES;
    region->node = node;
    region->words = (uintptr_t *)(void *)(storage + sizeof *region);
    region->map_words = map_words_of(chunks);
    region->maps = region->words + chunks * CHUNK_WORDS;
    region->chunks = (uint16_t *)(void *)(region->maps + CLASSES * region->map_words);
    region->slots = region->chunks + chunks;
    region->chunks[0] = base == 0 && pool->low_end != 0 ? CHUNK_LOW : 0;
    region->states = ASHLAR_DEBUG ? (uint8_t *)(region->slots + chunks) : NULL;
    for (unsigned class = 0; class < CLASSES; class ++) {
        region->first_set[class] = region->map_words;
    }
    while (*link != NULL && (*link)->base > base) {
        link = &(*link)->next;
    }
    region->next = *link;
    *link = region;
}

/* Part of a chunk becomes RAM: note which in its slot. */
COLD static void note_mixed(struct ashlar_frames *pool, const struct piece *piece)
{
    uint16_t *chunk = &piece->region->chunks[piece->chunk];
    if ((*chunk & CHUNK_MIXED) == 0) {
        struct slot_block *block = pool->slots;
        ASHLAR_ASSERT(block->used < block->count);
        piece->region->slots[piece->chunk] = (uint16_t)(block->first + block->used++);
        *chunk = (uint16_t)(*chunk | CHUNK_MIXED);
    }
    uintptr_t *ram = ashlar_frames_ram_words(pool, piece->region, piece->chunk);
    ashlar_frames_bits_flip(ram, piece->offset, piece->frames);
    if (ashlar_frames_bits_find(ram, 0, CHUNK_FRAMES, ~(uintptr_t)0) == CHUNK_FRAMES) {
        *chunk = (uint16_t)((*chunk & ~CHUNK_MIXED) | CHUNK_RAM);
    }
}

/* Chunks that were not RAM become free as a whole. */
COLD static void add_chunks(struct region *region, size_t first, size_t count)
{
    memset(chunk_words(region, first), 0xff, count * (CHUNK_FRAMES / 8u));
    for (size_t i = 0; i < count; i++) {
        region->chunks[first + i] = CHUNK_RAM | CHUNK_FRAMES;
    }
    ashlar_frames_bits_flip(region->maps + CLASS_WHOLE * region->map_words, first, count);
    region->in_class[CLASS_WHOLE] += count;
    if (first / WORD_BITS < region->first_set[CLASS_WHOLE]) {
        region->first_set[CLASS_WHOLE] = first / WORD_BITS;
    }
}

/* The run, which regions know and which was not RAM, becomes free RAM. */
COLD static void add_run(struct ashlar_frames *pool, ashlar_pfn first, size_t frames)
{
    struct piece piece;
    size_t step;
    pool->total_frames += frames;
    ashlar_frames_count(pool, first, frames, true);
    for (; frames != 0; first += step, frames -= step) {
        (void)ashlar_frames_piece(pool, first, frames, &piece);
        struct region *region = piece.region;
        size_t whole = region->span_frames - (first - region->base);
        step = piece.frames;
        if (step == CHUNK_FRAMES) {
            step = round_down(frames < whole ? frames : whole, CHUNK_FRAMES);
            add_chunks(region, piece.chunk, step >> CHUNK_ORDER);
        } else {
            ashlar_frames_bits_flip(chunk_words(region, piece.chunk), piece.offset, step);
            note_mixed(pool, &piece);
            ashlar_frames_set_count(region, piece.chunk, (region->chunks[piece.chunk] & CHUNK_COUNT) + piece.frames);
        }
    }
}

COLD static size_t default_kept(size_t frames)
{
    size_t share = frames / KEPT_SHARE;
    return share < KEPT_MOST ? share : KEPT_MOST;
}

COLD ashlar_status ashlar_frames_init(void *storage, size_t storage_bytes, const struct ashlar_memmap *map,
                                      const struct ashlar_frames_options *options, struct ashlar_frames **pool)
{
    CONTEXTS(yes, yes, yes, no, no);
    struct ashlar_frames *new_pool = storage;
    unsigned char *at = storage;
    struct cluster cluster = {0, 0, 0};
    ashlar_pfn first;
    size_t mixed;
    size_t frames;
    size_t run = 0;
    if (!map->finalized || ashlar_memmap_usable_frames(map) == 0) {
        return ASHLAR_BAD_MAP;
    }
    if ((uintptr_t)storage % ALIGN_BYTES != 0 || options->max_cpus == 0 || options->max_cpus > ASHLAR_MAX_CPUS) {
        return ASHLAR_BAD_ARGUMENT;
    }
    size_t bytes = pool_bytes(map, &mixed);
    if (mixed > SLOTS_MAX) {
        return ASHLAR_BAD_MAP;
    }
    if (storage_bytes < bytes) {
        return ASHLAR_NO_STORAGE;
    }
    memset(storage, 0, bytes);
    ashlar_lock_init(&new_pool->lock, ASHLAR_RANK_FRAMES, "frames");
    new_pool->cursor.word = &new_pool->cursor.none;
    new_pool->cursor.better = ASHLAR_PFN_NONE;
    new_pool->metadata_bytes = bytes;
    new_pool->low_end = options->keeps_low != 0 ? LOW_FRAMES : 0;
    at += header_bytes();
    lay_slots(new_pool, at, mixed);
    for (at += slots_bytes(mixed); next_cluster(map, &run, &cluster);) {
        size_t chunks = (cluster.end - cluster.base) >> CHUNK_ORDER;
        lay_region(new_pool, at, cluster.base, chunks, 0);
        at += region_bytes(chunks);
    }
    for (run = 0; ashlar_memmap_next_usable(map, &run, &first, &frames);) {
        add_run(new_pool, first, frames);
    }
    new_pool->kept_frames =
        options->reserve_frames != 0 ? options->reserve_frames : default_kept(new_pool->total_frames);
    ashlar_frames_set_gate(new_pool);
    *pool = new_pool;
    return ASHLAR_OK;
}

/* --- memory that is added later --------------------------------------------- */

COLD size_t ashlar_frames_add_footprint_bytes(ashlar_pfn first, size_t frames)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    ashlar_pfn end = chunk_up(first + frames);
    size_t bytes = slots_bytes(2);
    for (ashlar_pfn base = round_down(first, CHUNK_FRAMES); base < end;) {
        ashlar_pfn cut = zone_end(base) < end ? zone_end(base) : end;
        bytes += region_bytes((cut - base) >> CHUNK_ORDER);
        base = cut;
    }
    return round_up(bytes, ASHLAR_PAGE_BYTES);
}

COLD static bool is_any_ram(const struct ashlar_frames *pool, const struct piece *piece)
{
    unsigned state = piece->region->chunks[piece->chunk];
    if ((state & CHUNK_MIXED) == 0) {
        return (state & CHUNK_RAM) != 0;
    }
    const uintptr_t *ram = ashlar_frames_ram_words(pool, piece->region, piece->chunk);
    return ashlar_frames_bits_find(ram, piece->offset, piece->frames, 0) != piece->offset + piece->frames;
}

/* Is any frame of the run RAM already? */
COLD static bool overlaps_ram(const struct ashlar_frames *pool, ashlar_pfn first, size_t frames)
{
    struct piece piece;
    for (; frames != 0; first += piece.frames, frames -= piece.frames) {
        if (ashlar_frames_piece(pool, first, frames, &piece) && is_any_ram(pool, &piece)) {
            return true;
        }
    }
    return false;
}

/* Lay chunks that no region has into regions of their own: all but those at the ends of [first, end). */
COLD static void add_region(struct ashlar_frames *pool, ashlar_pfn first, ashlar_pfn end, unsigned node,
                            unsigned char *storage)
{
    first = round_down(first, CHUNK_FRAMES);
    while (first < end && region_of(pool, first) != NULL) {
        first += CHUNK_FRAMES;
    }
    end = chunk_up(end);
    while (first < end && region_of(pool, end - CHUNK_FRAMES) != NULL) {
        end -= CHUNK_FRAMES;
    }
    while (first < end) {
        ashlar_pfn cut = zone_end(first) < end ? zone_end(first) : end;
        size_t chunks = (cut - first) >> CHUNK_ORDER;
        lay_region(pool, storage, first, chunks, node);
        storage += region_bytes(chunks);
        first = cut;
    }
}

COLD ashlar_status ashlar_frames_add_memory(struct ashlar_frames *pool, ashlar_pfn first, size_t frames, unsigned node,
                                            void *storage, size_t storage_bytes)
{
    CONTEXTS(yes, yes, yes, yes, no);
    ashlar_status status = ASHLAR_OK;
    if (first == 0 || frames == 0 || first > PFN_MOST || frames > PFN_MOST - first || node >= ASHLAR_FRAMES_ANY_NODE ||
        (uintptr_t)storage % ALIGN_BYTES != 0) {
        return ASHLAR_BAD_ARGUMENT;
    }
    size_t bytes = ashlar_frames_add_footprint_bytes(first, frames);
    if (storage_bytes < bytes) {
        return ASHLAR_NO_STORAGE;
    }
    memset(storage, 0, bytes);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    if (overlaps_ram(pool, first, frames)) {
        status = ASHLAR_EXISTS;
    } else if (pool->slots->first + pool->slots->count + 2u > SLOTS_MAX) {
        status = ASHLAR_NO_STORAGE;
    } else {
        lay_slots(pool, storage, 2);
        add_region(pool, first, first + frames, node, (unsigned char *)storage + slots_bytes(2));
        add_run(pool, first, frames);
        ashlar_frames_cursor_drop(pool);
        pool->metadata_bytes += bytes;
    }
    ashlar_lock_give(&pool->lock, interrupts);
    return status;
}
