/* SPDX-License-Identifier: 0BSD */
/* frames_audit.c - the audit sees every single damage: bits, counts, classes, sums. Each is done, seen, and undone. */
#include "frames/regions.h"
#include "pool.h"

static struct ashlar_frames *pool;
static const struct run runs[] = {{1, 158}, {256, 3840}, {4096, 8192}, {20000, 300}};

static void seen(const char *part, const char *name)
{
    like(ashlar_frames_audit(pool), part, name);
}

static void flip(ashlar_pfn frame)
{
    struct region *region = region_of(pool, frame);
    size_t index = frame - region->base;
    region->words[index / WORD_BITS] ^= (uintptr_t)1 << index % WORD_BITS;
}

/* Any bit of the bitmap, whatever its chunk is. */
static void test_flipped_bits(ashlar_pfn chunk_taken, ashlar_pfn single)
{
    static const ashlar_pfn frames[] = {0,    100,  158,   159,   255,   256,   511,  512,
                                        4095, 4096, 12287, 12288, 20000, 20299, 20300};
    unsigned missed = 0;
    for (unsigned i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        if (region_of(pool, frames[i]) == NULL) {
            continue;
        }
        flip(frames[i]);
        missed += ashlar_frames_audit(pool) == NULL;
        flip(frames[i]);
    }
    is_u(missed, 0, "[fault 33] a flipped bit is seen wherever it is");
    flip(chunk_taken + 77);
    seen("taken whole", "[fault 33] in a chunk taken whole");
    flip(chunk_taken + 77);
    flip(single);
    seen("count", "[fault 33] of a taken frame");
    flip(single);
    flip(200);
    seen("not RAM", "[fault 33] of a reserved frame");
    flip(200);
    if (ASHLAR_DEBUG) {
        flip(single);
        flip(single + 300);
        seen("shape", "[fault 33] debug builds see two that make up for each other");
        flip(single);
        flip(single + 300);
    }
    is_str(ashlar_frames_audit(pool), NULL, "flipped back, all is sound");
}

static void test_counters(ashlar_pfn chunk_taken)
{
    struct region *region = region_of(pool, chunk_taken);
    uint16_t *chunk = &region->chunks[(chunk_taken - region->base) / 512];
    uint16_t was = *chunk;
    *chunk = (uint16_t)(was | CHUNK_OWN);
    seen("taken whole", "a whole chunk that is owned as well");
    *chunk = (uint16_t)(was + 1u);
    seen("taken whole", "a whole chunk with free frames");
    *chunk = (uint16_t)(was & ~CHUNK_HUGE);
    seen("count", "a whole chunk that lost its mark");
    *chunk = (uint16_t)(was | CHUNK_MIXED);
    seen("all RAM and mixed", "a chunk of two kinds");
    *chunk = was;
    chunk = &region->chunks[5];
    was = *chunk;
    *chunk = (uint16_t)(was - 1u);
    seen("count", "a count that is one too low");
    *chunk = (uint16_t)(was | CHUNK_OWN);
    seen("class", "a chunk that is filed and owned");
    *chunk = was;
    *pool->cursor.chunk = (uint16_t)(*pool->cursor.chunk & ~CHUNK_OWN);
    seen("class", "the cursor's chunk disowned");
    *pool->cursor.chunk = (uint16_t)(*pool->cursor.chunk | CHUNK_OWN);
}

static void test_owner(void)
{
    struct cursor was = pool->cursor;
    pool->cursor.region = NULL;
    seen("owned", "a chunk that is owned by nobody");
    pool->cursor = was;
}

static void test_classes(void)
{
    struct region *region = region_of(pool, 4096);
    uintptr_t *whole = &region->maps[CLASS_WHOLE * region->map_words];
    whole[0] ^= 8;
    seen("class", "a bit of a class map");
    region->in_class[CLASS_WHOLE]--;
    seen("class", "even if it was counted");
    whole[0] ^= 8;
    seen("class", "a class that is counted wrongly");
    region->in_class[CLASS_WHOLE]++;
    region->first_set[CLASS_WHOLE]++;
    seen("class", "a class that would be searched from too high");
    region->first_set[CLASS_WHOLE]--;
    struct region *next = pool->regions->next;
    ashlar_pfn base = next->base;
    next->base = pool->regions->base;
    seen("overlap", "regions that overlap");
    next->base = base;
    struct region *mixed = region_of(pool, 300);
    uintptr_t *ram = ashlar_frames_ram_words(pool, mixed, 0);
    uintptr_t was[CHUNK_WORDS];
    memcpy(was, ram, sizeof was);
    memset(ram, 0xff, sizeof was);
    seen("mixed chunk is all RAM", "a chunk that is mixed without need");
    memcpy(ram, was, sizeof was);
}

static void test_sums(void)
{
    pool->free_frames++;
    seen("free frames", "the count of free frames");
    pool->free_frames--;
    pool->total_frames--;
    seen("RAM map", "the count of all frames");
    pool->total_frames++;
    pool->gate_frames--;
    seen("gate", "what is held back");
    pool->gate_frames++;
    pool->promised_frames += 20000;
    seen("promised", "more promised than free");
    pool->promised_frames -= 20000;
    is_str(ashlar_frames_audit(pool), NULL, "all undone, all is sound");
}

static void test_states(ashlar_pfn single)
{
    if (!ASHLAR_DEBUG) {
        return;
    }
    struct region *region = region_of(pool, single);
    region->states[single - region->base] = 0;
    seen("no shape", "a taken frame without a shape");
    region->states[single - region->base] = 1;
    region->states[single + 300 - region->base] = 1;
    seen("has a shape", "a free frame with one");
    region->states[single + 300 - region->base] = 0;
}

int main(void)
{
    ashlar_pfn chunk_taken = 0;
    ashlar_pfn single = 0;
    pool = pool_of(runs, 4, 0);
    const struct ashlar_frames_request low = {9, 4096 + 8192, ASHLAR_FRAMES_ANY_NODE, 0};
    ok(ashlar_frames_take_request(pool, &low, &chunk_taken) == ASHLAR_OK, "a chunk");
    ok(ashlar_frames_take(pool, 0, &single) == ASHLAR_OK, "and a frame");
    ashlar_pfn high = single;
    ok(ashlar_frames_take_request(pool, &(const struct ashlar_frames_request){0, 4096 + 8192, ANY, 0}, &single) ==
           ASHLAR_OK,
       "another, with room above");
    ok(high != single && ashlar_frames_audit(pool) == NULL, "sound at first");
    test_flipped_bits(chunk_taken, single);
    test_counters(chunk_taken);
    test_owner();
    test_classes();
    test_sums();
    test_states(single);
    is_str(ashlar_frames_audit(pool), NULL, "sound at last");
    pool_drop();
    return done_testing();
}
