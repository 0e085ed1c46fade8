/* SPDX-License-Identifier: 0BSD */
/* chunk.c - which chunk is taken from: free 2 MiB blocks survive, and come back. */
#include "frames/admission.h"
#include "pool.h"

#define CHUNKS 256u
#define FRAMES (CHUNKS * 512u)

static ashlar_pfn held[FRAMES];
static size_t held_count;
static uint64_t seed = 1234567;
static struct ashlar_frames *pool;

static void give_random(size_t count)
{
    while (count-- != 0) {
        size_t index = (size_t)(tap_random(&seed) % held_count);
        ashlar_frames_give(pool, held[index], 0);
        held[index] = held[--held_count];
    }
}

static void take(size_t count)
{
    while (count-- != 0) {
        if (take_last(pool, 0, &held[held_count]) == ASHLAR_OK) {
            held_count++;
        }
    }
}

/* Fill, free a random half, then let 10% change a hundred times: LLFree's measure. Half the blocks is the ideal. */
static void test_defragmentation(void)
{
    pool = pool_at(4096, FRAMES);
    take(FRAMES);
    is_u(held_count, FRAMES, "filled");
    give_random(FRAMES / 2);
    printf("# %zu of %u blocks of 2 MiB are free after random frees\n", stats_of(pool).free_2mib_blocks, CHUNKS / 2);
    for (unsigned round = 0; round < 100; round++) {
        give_random(FRAMES / 20);
        take(FRAMES / 20);
    }
    size_t whole = stats_of(pool).free_2mib_blocks;
    ok(whole >= CHUNKS / 2 * 9 / 10, "%zu of at most %u blocks are free after 100 rounds of change", whole, CHUNKS / 2);
    is_str(ashlar_frames_audit(pool), NULL, "sound after change");
    give_random(held_count);
    is_u(stats_of(pool).free_2mib_blocks, CHUNKS, "all are free at the end");
}

/* Chunks with 300, 100, 10 and 512 free frames: small blocks go to the one with 100. */
static void test_choice(void)
{
    static const unsigned free_of[] = {300, 100, 10, 512};
    static const unsigned choice[] = {1, 0, 2, 3};
    pool = pool_at(4096, 4 * 512);
    pool->kept_frames = 0;
    ashlar_frames_set_gate(pool);
    for (unsigned i = 0; i < 4; i++) {
        const struct ashlar_frames_range range = {512 - free_of[i], 1, 0, 4096 + i * 512, 4096 + (i + 1) * 512};
        ashlar_pfn first;
        ok(free_of[i] == 512 || ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK, "chunk %u prepared", i);
    }
    unsigned wrong = 0;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < free_of[choice[i]]; j++) {
            ashlar_pfn frame = 0;
            wrong += ashlar_frames_take(pool, 0, &frame) != ASHLAR_OK || (frame - 4096) / 512 != choice[i];
        }
    }
    is_u(wrong, 0, "chunks are used up in the order 16..255, 256..511, 1..15, whole");
    ashlar_pfn frame;
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_NO_FRAMES, "then there is nothing");
}

/* The cursor's chunk is seen by those who need just that. */
static void test_cursor_gives_way(void)
{
    ashlar_pfn single;
    ashlar_pfn block;
    pool = pool_at(4096, 512);
    ok(take_last(pool, 0, &single) == ASHLAR_OK && take_last(pool, 8, &block) == ASHLAR_OK,
       "a block of the cursor's chunk");
    ok(take_last(pool, 8, &block) == ASHLAR_NO_FRAMES, "the other half is not whole");
    ashlar_frames_give(pool, single, 0);
    ok(take_last(pool, 8, &single) == ASHLAR_OK, "now it is");
    ashlar_frames_give(pool, block, 8);
    ashlar_frames_give(pool, single, 8);
    ok(take_last(pool, 0, &single) == ASHLAR_OK, "the cursor comes back");
    ashlar_frames_give(pool, single, 0);
    is_u(stats_of(pool).free_2mib_blocks, 1, "its chunk is counted as free while it is whole");
    ok(take_last(pool, 9, &block) == ASHLAR_OK, "and can be taken as a whole");
    is_str(ashlar_frames_audit(pool), NULL, "sound");
}

int main(void)
{
    test_defragmentation();
    test_choice();
    test_cursor_gives_way();
    pool_drop();
    return done_testing();
}
