/* SPDX-License-Identifier: 0BSD */
/* bookkeeping.c - storage: sizes near every boundary, footprints, carves, bad maps, memory that comes later. */
#include "pool.h"

#define GUARD 0x5a

/* Init in exactly the bytes that are asked for, with a guard behind; every frame out, every frame in. */
static const char *tour(const struct run *runs, size_t count)
{
    const struct ashlar_frames_options options = {.max_cpus = 1};
    static ashlar_pfn got[70000];
    struct ashlar_frames *pool = NULL;
    const struct ashlar_memmap *map = map_of(runs, count);
    size_t bytes = ashlar_frames_footprint_bytes(map, &options);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += runs[i].frames;
    }
    pool_drop();
    pool_storage = storage_of(bytes + 64);
    memset((char *)pool_storage + bytes, GUARD, 64);
    if (ashlar_frames_init(pool_storage, bytes, map, &options, &pool) != ASHLAR_OK) {
        return "no pool";
    }
    const char *broken = ashlar_frames_audit(pool);
    if (broken != NULL) {
        return broken;
    }
    if (stats_of(pool).free_frames != total ||
        ashlar_frames_take_bulk(pool, got, total, ASHLAR_FRAMES_MAY_USE_RESERVE) != ASHLAR_OK) {
        return "not every frame can be taken";
    }
    for (size_t i = 0; i < count; i++) {
        if (ashlar_frames_state(pool, runs[i].first) != ASHLAR_FRAME_TAKEN ||
            ashlar_frames_state(pool, runs[i].first + runs[i].frames - 1u) != ASHLAR_FRAME_TAKEN ||
            ashlar_frames_state(pool, runs[i].first - 1u) != ASHLAR_FRAME_FOREIGN ||
            ashlar_frames_state(pool, runs[i].first + runs[i].frames) != ASHLAR_FRAME_FOREIGN) {
            return "a run has the wrong ends";
        }
    }
    broken = ashlar_frames_audit(pool);
    ashlar_frames_give_bulk(pool, got, total);
    for (size_t i = 0; i < 64; i++) {
        if (((char *)pool_storage)[bytes + i] != GUARD) {
            return "written behind the storage";
        }
    }
    return broken != NULL ? broken : ashlar_frames_audit(pool);
}

static void test_sizes_near(size_t boundary)
{
    const char *broken = NULL;
    size_t frames = boundary > 70 ? boundary - 70 : 1;
    for (; frames <= boundary + 70 && broken == NULL; frames++) {
        static const ashlar_pfn starts[] = {1, 512, 4096 - 33, 0x100000 - 64, 0x100000};
        for (unsigned i = 0; i < 5 && broken == NULL; i += boundary > 4096 ? 4 : 1) {
            struct run run = {starts[i], frames};
            broken = tour(&run, 1);
        }
    }
    if (!ok(broken == NULL, "every size within 70 frames of %zu", boundary)) {
        printf("# %zu frames: %s\n", frames - 1, broken);
    }
}

/* Two runs, with a hole that passes over chunk and word boundaries. */
static void test_holes(void)
{
    const char *broken = NULL;
    for (ashlar_pfn end = 480; end <= 544 && broken == NULL; end++) {
        for (size_t hole = 1; hole < 1100 && broken == NULL; hole += hole < 40 ? 1 : 31) {
            struct run runs[2] = {{17, end - 17}, {end + hole, 40 + hole % 7}};
            broken = tour(runs, 2);
        }
    }
    is_str(broken, NULL, "holes of every size at every place near a chunk's end");
}

/* A carve anywhere must not make the pool need more than was asked before it. */
static void test_carves(void)
{
    static const struct run before = {300, 0x12000};
    const struct ashlar_frames_options options = {.max_cpus = 1};
    const size_t lengths[] = {1, 37, 512, 1000, 16384, 33 * 512, 40000};
    size_t asked = ashlar_frames_footprint_bytes(map_of(&before, 1), &options);
    unsigned refused = 0;
    struct ashlar_frames *pool;
    pool_drop();
    pool_storage = storage_of(asked);
    for (unsigned l = 0; l < 7; l++) {
        for (ashlar_pfn at = before.first; at + lengths[l] < before.first + before.frames; at += 509) {
            struct run runs[2] = {{before.first, at - before.first},
                                  {at + lengths[l], before.first + before.frames - at - lengths[l]}};
            unsigned skip = runs[0].frames == 0;
            const struct ashlar_memmap *map = map_of(runs + skip, 2 - skip);
            refused += ashlar_frames_init(pool_storage, asked, map, &options, &pool) != ASHLAR_OK;
        }
    }
    is_u(refused, 0, "what was asked for before a carve is enough after it, wherever it was");
}

static void test_refusals(void)
{
    static const struct run run = {512, 5000};
    struct ashlar_frames_options options = {.max_cpus = 1};
    struct ashlar_frames *pool = NULL;
    pool_drop();
    pool_storage = storage_of(65536);
    const struct ashlar_memmap *map = map_of(&run, 1);
    ok(ashlar_frames_init(pool_storage, 256, map, &options, &pool) == ASHLAR_NO_STORAGE, "too little storage");
    ok(ashlar_frames_init((char *)pool_storage + 8, 65528, map, &options, &pool) == ASHLAR_BAD_ARGUMENT,
       "storage that is not aligned");
    options.max_cpus = 0;
    ok(ashlar_frames_init(pool_storage, 65536, map, &options, &pool) == ASHLAR_BAD_ARGUMENT, "no CPUs");
    options.max_cpus = ASHLAR_MAX_CPUS + 1;
    ok(ashlar_frames_init(pool_storage, 65536, map, &options, &pool) == ASHLAR_BAD_ARGUMENT, "too many CPUs");
    options.max_cpus = 1;
    pool_map.finalized = 0;
    ok(ashlar_frames_init(pool_storage, 65536, map, &options, &pool) == ASHLAR_BAD_MAP, "a map that is not finalized");
    ok(ashlar_frames_init(pool_storage, 65536, map_of(&run, 0), &options, &pool) == ASHLAR_BAD_MAP,
       "a map without RAM");
    ok(pool == NULL, "none of them wrote its output");
}

/* Slots of mixed chunks have 16-bit numbers. */
static void test_most_mixed_chunks(void)
{
    const size_t most = 0x10000;
    const struct ashlar_frames_options options = {.max_cpus = 1};
    struct ashlar_frames *pool = NULL;
    struct ashlar_memmap_entry *entries = calloc(most + 1u, sizeof *entries);
    if (entries == NULL) {
        abort();
    }
    for (size_t i = 0; i <= most; i++) {
        entries[i].base = (ashlar_phys)(512u * i + 1u) * ASHLAR_PAGE_BYTES;
        entries[i].length = ASHLAR_PAGE_BYTES;
        entries[i].type = ASHLAR_MEMMAP_USABLE;
    }
    struct ashlar_memmap map = pool_map;
    map.entries = entries;
    map.capacity = map.count = map.wanted = most;
    map.finalized = 1;
    pool_drop();
    pool_storage = storage_of(4096);
    ok(ashlar_frames_init(pool_storage, 4096, &map, &options, &pool) == ASHLAR_NO_STORAGE,
       "65536 chunks that are RAM in part are a matter of storage");
    map.count++;
    ok(ashlar_frames_init(pool_storage, 4096, &map, &options, &pool) == ASHLAR_BAD_MAP && pool == NULL,
       "one more is too much for any");
    free(entries);
}

/* Bytes that bookkeeping takes, for each GiB: bits alone are 32 KiB. */
static void test_metadata(void)
{
    static const struct run runs[] = {{1, 158}, {256, 3 * GIB - 256}, {4 * GIB, 13 * GIB}};
    struct ashlar_frames *pool = pool_of(runs, 3, 0);
    size_t per_gib = stats_of(pool).metadata_bytes / 16;
    size_t most = (ASHLAR_DEBUG ? 300u : 40u) * 1024u;
    ok(per_gib < most, "%zu bytes of metadata per GiB", per_gib);
    is_str(ashlar_frames_audit(pool), NULL, "16 GiB with a hole of one are sound");
    ashlar_pfn frame;
    ok(ashlar_frames_take(pool, 18, &frame) == ASHLAR_OK && frame == 16 * GIB, "a block of 1 GiB from the top");
    ashlar_frames_give(pool, frame, 18);
    is_u(stats_of(pool).free_2mib_blocks, 16 * 512 - 1, "all whole again");
}

static void test_many_runs(void)
{
    static struct run runs[4000];
    for (unsigned i = 0; i < 4000; i++) {
        runs[i] = (struct run){1 + i * 700u + i % 3u, 5 + i % 9u};
    }
    is_str(tour(runs, 4000), NULL, "4000 runs, all in mixed chunks");
}

/* --- memory that comes later -------------------------------------------------- */

static struct ashlar_frames *pool;
static void *added[16];
static unsigned added_count;

static ashlar_status add(ashlar_pfn first, size_t frames, unsigned node)
{
    size_t bytes = ashlar_frames_add_footprint_bytes(first, frames);
    void *storage = storage_of(bytes + 64);
    memset((char *)storage + bytes, GUARD, 64);
    ashlar_status status = ashlar_frames_add_memory(pool, first, frames, node, storage, bytes);
    for (size_t i = 0; i < 64; i++) {
        if (((char *)storage)[bytes + i] != GUARD) {
            return ASHLAR_REFUSED;
        }
    }
    added[added_count++] = storage;
    return status;
}

static void drop_added(void)
{
    pool_drop();
    while (added_count != 0) {
        free(added[--added_count]);
    }
}

static void test_add(void)
{
    static const struct run runs[] = {{700, 3000}, {9000, 100}};
    struct ashlar_frames_stats before;
    pool = pool_of(runs, 2, 0);
    before = stats_of(pool);
    ok(add(1000, 1, 0) == ASHLAR_EXISTS, "a frame that is RAM");
    ok(add(1, 700, 0) == ASHLAR_EXISTS, "a run whose last frame is");
    ok(add(3699, 10, 0) == ASHLAR_EXISTS, "a run whose first frame is");
    ok(add(500, 20000, 0) == ASHLAR_EXISTS, "a run around all");
    ok(add(0, 10, 0) == ASHLAR_BAD_ARGUMENT, "frame 0");
    ok(add(5000, 0, 0) == ASHLAR_BAD_ARGUMENT, "nothing");
    ok(add(5000, 10, ANY) == ASHLAR_BAD_ARGUMENT, "any node");
    struct ashlar_frames_stats after = stats_of(pool);
    ok(memcmp(&before, &after, sizeof before) == 0, "nothing has changed");
    ok(ashlar_frames_add_memory(pool, 5000, 10, 0, added[0], 64) == ASHLAR_NO_STORAGE, "too little storage");
    ok(ashlar_frames_add_memory(pool, 5000, 10, 0, (char *)added[0] + 1, 65536) == ASHLAR_BAD_ARGUMENT,
       "storage that is not aligned");
    ok(ashlar_frames_add_memory(pool, ASHLAR_PFN_NONE - 5, 10, 0, added[0], 65536) == ASHLAR_BAD_ARGUMENT,
       "a run that wraps");
    ok(add(600, 100, 0) == ASHLAR_OK, "right below");
    ok(add(3700, 5300, 0) == ASHLAR_OK, "all of the hole between two runs");
    ok(add(9100, 9000, 5) == ASHLAR_OK, "from within a chunk into new ones");
    ok(add(0x100000 - 600, 1200, 6) == ASHLAR_OK, "across 4 GiB");
    ok(add(0x2000 * 16, 1, 7) == ASHLAR_OK, "a single frame");
    is_u(stats_of(pool).total_frames, 3100 + 100 + 5300 + 9000 + 1200 + 1, "all is counted");
    is_str(ashlar_frames_audit(pool), NULL, "and sound");
    is_u(stats_of(pool).free_2mib_blocks, 33 + 2, "what was put together is whole");
    drop_added();
}

static void test_added_merges(void)
{
    static const struct run boot = {512, 1024};
    const struct ashlar_frames_range range = {2500, 1, 0, 0, 0};
    ashlar_pfn first;
    pool = pool_of(&boot, 1, 1);
    ok(add(1536, 600, 1) == ASHLAR_OK && add(2136, 1000, 2) == ASHLAR_OK, "two more runs, end to end");
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK, "a range over all three");
    is_str(ashlar_frames_audit(pool), NULL, "sound over regions");
    ashlar_frames_give_range(pool, first, 2500);
    ok(ashlar_frames_take(pool, 10, &first) == ASHLAR_OK, "a block of order 10");
    ashlar_frames_give(pool, first, 10);
    is_u(stats_of(pool).free_frames, 2624, "all are back");
    ok(ashlar_frames_state(pool, 3136) == ASHLAR_FRAME_FOREIGN, "behind it is nothing");
    drop_added();
}

int main(void)
{
    static const size_t boundaries[] = {1, 32, 64, 512, 1024, 4096, 32 * 512, 64 * 512, 65 * 512, 128 * 512};
    for (unsigned i = 0; i < sizeof boundaries / sizeof boundaries[0]; i++) {
        if (boundaries[i] < 32 * 512 || getenv("ASHLAR_LONG") != NULL || boundaries[i] == 64 * 512) {
            test_sizes_near(boundaries[i]);
        }
    }
    test_holes();
    test_carves();
    test_refusals();
    test_most_mixed_chunks();
    test_metadata();
    test_many_runs();
    test_add();
    test_added_merges();
    pool_drop();
    return done_testing();
}
