/* SPDX-License-Identifier: 0BSD */
/* frames_alone.c - the frames floor by itself, over a map that is written down here: no kernel, no page tables.
 *
 * Frames are numbers, and the floor never touches one: so it can manage the RAM
 * of a machine that is not there, or be a kernel's only floor. The port's hooks
 * come from the simulated machine; a kernel brings its own.
 */
#include <ashlar/frames.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB ((ashlar_phys)1 << 20)

/* What firmware says, in any order, and what is in use already. */
static ashlar_status describe(struct ashlar_memmap *map, struct ashlar_memmap_entry *entries, size_t capacity)
{
    ashlar_memmap_init(map, entries, capacity, 0, NULL, NULL);
    ashlar_memmap_add(map, 1 * MIB, 255 * MIB, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(map, 0, 0x9fc00, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(map, 240 * MIB, 16 * MIB, ASHLAR_MEMMAP_RESERVED);
    ashlar_memmap_reserve(map, 1 * MIB, 2 * MIB, ASHLAR_MEMMAP_KERNEL);
    return ashlar_memmap_finalize(map);
}

static ashlar_status take_and_give(struct ashlar_frames *pool)
{
    const struct ashlar_frames_request below_1_mib = {0, 256, ASHLAR_FRAMES_ANY_NODE, 0};
    const struct ashlar_frames_range buffer = {300, 16, 0, 0, 4096};
    ashlar_pfn first[4];
    ashlar_status status = ashlar_frames_take(pool, 0, &first[0]);
    status = status != ASHLAR_OK ? status : ashlar_frames_take(pool, 9, &first[1]);
    status = status != ASHLAR_OK ? status : ashlar_frames_take_request(pool, &below_1_mib, &first[2]);
    status = status != ASHLAR_OK ? status : ashlar_frames_take_range(pool, &buffer, &first[3]);
    if (status == ASHLAR_OK) {
        printf("a frame 0x%lx, 2 MiB at 0x%lx, a frame below 1 MiB 0x%lx, 300 below 16 MiB at 0x%lx\n",
               (unsigned long)first[0], (unsigned long)first[1], (unsigned long)first[2], (unsigned long)first[3]);
        ashlar_frames_give(pool, first[0], 0);
        ashlar_frames_give(pool, first[1], 9);
        ashlar_frames_give(pool, first[2], 0);
        ashlar_frames_give_range(pool, first[3], 100); /* in parts, if that suits */
        ashlar_frames_give_range(pool, first[3] + 100, 200);
    }
    return status;
}

int main(void)
{
    const struct ashlar_frames_options options = {.max_cpus = 1};
    struct ashlar_memmap_entry entries[16];
    struct ashlar_memmap map;
    struct ashlar_frames *pool = NULL;
    struct ashlar_frames_stats stats = {0};
    void *storage = NULL;
    ashlar_status status = describe(&map, entries, sizeof entries / sizeof entries[0]);
    if (status == ASHLAR_OK) {
        size_t bytes = ashlar_frames_footprint_bytes(&map, &options); /* whole pages, so whole 64 bytes, too */
        storage = aligned_alloc(64, bytes); /* not of the RAM described: a kernel carves it, ashlar_memmap_carve */
        status = storage == NULL ? ASHLAR_NO_STORAGE : ashlar_frames_init(storage, bytes, &map, &options, &pool);
    }
    status = status != ASHLAR_OK ? status : take_and_give(pool);
    if (status == ASHLAR_OK) {
        ashlar_frames_stats(pool, &stats);
        printf("%zu of %zu frames free, %zu blocks of 2 MiB, %zu bytes of bookkeeping\n", stats.free_frames,
               stats.total_frames, stats.free_2mib_blocks, stats.metadata_bytes);
    }
    printf("%s\n", ashlar_status_text(status));
    free(storage);
    return status == ASHLAR_OK && stats.free_frames == stats.total_frames ? 0 : 1;
}
