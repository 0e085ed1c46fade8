/* SPDX-License-Identifier: 0BSD */
/* heap_walk.c - the walk over live objects, and statistics. */
#include "source.h"

#include <ashlar/heap.h>

static struct ashlar_heap *heap;
static struct test_source test;

struct seen {
    unsigned count;
    unsigned most;
    uintptr_t last;
    bool ordered;
};

static int see(void *context, const struct ashlar_heap_place *place)
{
    struct seen *seen = context;
    seen->ordered = seen->ordered && place->base > seen->last && place->live && !place->pending && place->offset == 0;
    seen->last = place->base;
    return ++seen->count == seen->most;
}

static void test_walk(void)
{
    void *objects[300];
    struct seen seen = {0, 0, 0, true};
    for (unsigned i = 0; i < 300; i++) {
        objects[i] = ashlar_heap_alloc(heap, 16u + i * 130u, 0);
    }
    ashlar_heap_walk(heap, see, &seen);
    ok(seen.count == 300 && seen.ordered, "the walk shows each object once, in order");
    seen = (struct seen){0, 17, 0, true};
    ashlar_heap_walk(heap, see, &seen);
    is_u(seen.count, 17, "and stops when told to");
    sim_set_cpu(1);
    for (unsigned i = 0; i < 10; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
    sim_set_cpu(0);
    seen = (struct seen){0, 0, 0, true};
    ashlar_heap_walk(heap, see, &seen);
    is_u(seen.count, 290, "without those on their way back");
    struct ashlar_heap_stats stats = stats_of(heap);
    is_u(stats.live_objects, 300, "statistics count them");
    is_u(stats.large_blocks, 300 - (32768 - 16) / 130 - 1, "large blocks are those over 32 KiB");
    ok(stats.live_bytes > 300u * 19000u && stats.live_bytes < 300u * 21500u, "bytes are rounded sizes");
    is_u(stats.backed_bytes, stats.metadata_bytes + stats.empty_bytes + stats.slab_bytes + stats.large_bytes,
         "the parts are the whole");
    for (unsigned i = 10; i < 300; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
    settle_all(heap, 2);
    is_u(stats_of(heap).live_bytes, 0, "nothing is live");
}

int main(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 8192, 2, 256 << 10, 0);
    test_walk();
    source_end(heap, &test, 2, "sound");
    return done_testing();
}
