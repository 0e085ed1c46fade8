/* SPDX-License-Identifier: 0BSD */
/* shrink.c - giving back to a source: the watermark and its hysteresis, whole pieces, slabs, down to nothing. */
#include "source.h"

#include "base/bits.h"
#include <ashlar/heap.h>

#define KEEP ((size_t)128 << 10)
#define COUNT 64u
#define PIECE ((size_t)1 << 20)

static struct ashlar_heap *heap;
static struct test_source test;

static void begin(size_t pages)
{
    sim_set_cpu(0);
    heap = source_heap(&test, pages, 2, KEEP, 0);
}

static void end(const char *what)
{
    source_end(heap, &test, 2, what);
}

static void test_watermark(void)
{
    void *blocks[COUNT] = {NULL};
    size_t most_empty = 0;
    begin(4096);
    is_u(take_objects(heap, blocks, COUNT, 65536), COUNT, "4 MiB are there");
    size_t peak = stats_of(heap).backed_bytes;
    is_u(stats_of(heap).peak_bytes, peak, "the peak is what is backed");
    for (unsigned i = COUNT; i-- != 0;) {
        ashlar_heap_free(heap, blocks[i]);
        size_t empty = stats_of(heap).empty_bytes;
        most_empty = empty > most_empty ? empty : most_empty;
    }
    ok(most_empty <= KEEP + KEEP / 4, "never more than the watermark and a quarter are kept");
    ok(stats_of(heap).empty_bytes >= KEEP, "and at least the watermark");
    ok(stats_of(heap).backed_bytes < KEEP + KEEP / 4 + 8 * 4096, "the rest went back to the source");
    is_u(stats_of(heap).peak_bytes, peak, "the peak stays");
    size_t calls = test.commits + test.decommits;
    for (unsigned i = 0; i < 100; i++) {
        ashlar_heap_free(heap, ashlar_heap_alloc(heap, 65536, 0));
    }
    is_u(test.commits + test.decommits, calls, "a block taken and given a hundred times costs no call of the source");
    is_u(ashlar_heap_shrink(heap, 32768), stats_of(heap).range_bytes != 0 ? KEEP - 32768 : 0,
         "shrink gives back the rest");
    is_u(stats_of(heap).empty_bytes, 32768, "up to its target");
    is_u(ashlar_heap_shrink(heap, 32768), 0, "once");
    is_u(ashlar_heap_shrink(heap, 0), 32768, "shrink to nothing");
    is_u(test.backed_pages * 4096u, stats_of(heap).metadata_bytes, "only bookkeeping is backed then");
    end("sound after shrinking");
}

/* Of the pieces of the heap's addresses, how many are backed wholly, and how many in part. */
static void count_pieces(size_t *wholly, size_t *partly)
{
    *wholly = *partly = 0;
    for (uintptr_t piece = round_up(heap->runs.base, PIECE);
         piece + PIECE <= test.source.base + test.source.pages * 4096u; piece += PIECE) {
        size_t backed = 0;
        for (size_t page = 0; page < PIECE / 4096u; page++) {
            backed += test.backed[(piece - test.source.base) / 4096u + page];
        }
        *wholly += backed == PIECE / 4096u;
        *partly += backed != 0 && backed != PIECE / 4096u;
    }
}

/* The heap grows by whole pieces and gives whole ones back, while nothing is short. */
static void test_pieces(void)
{
    const struct ashlar_heap_options options = {.max_cpus = 2,
                                                .keep_bytes = 2u * PIECE,
                                                .grow_bytes = PIECE,
                                                .grow_align_bytes = PIECE};
    void *blocks[COUNT] = {NULL};
    size_t wholly, partly;
    sim_set_cpu(0);
    heap = source_heap_with(&test, 16384, &options, 0);
    void *object = ashlar_heap_alloc(heap, 100, 0);
    count_pieces(&wholly, &partly);
    ok(object != NULL && wholly == 1 && partly == 0, "one object: one piece is backed");
    is_u(take_objects(heap, blocks, COUNT, 65536), COUNT, "4 MiB more");
    count_pieces(&wholly, &partly);
    ok(wholly == 5 && partly == 0, "five pieces, all of them whole");
    give_objects(heap, blocks, COUNT);
    count_pieces(&wholly, &partly);
    ok(wholly >= 2 && wholly <= 4 && partly == 0, "%zu are kept, all of them whole", wholly);
    is_str(source_audit(heap, &test), NULL, "sound");
    void *large = ashlar_heap_alloc(heap, 6u * PIECE + 5000u, 0);
    count_pieces(&wholly, &partly);
    ok(large != NULL && wholly >= 8 && partly == 1, "a large block: its end is no whole one");
    ashlar_heap_free(heap, large);
    is_u(ashlar_heap_shrink(heap, 0) & 4095u, 0, "shrink to nothing");
    is_u(stats_of(heap).empty_bytes, 0, "leaves nothing that is empty");
    test.limit = test.backed_pages + 16u + 4u; /* and bookkeeping: where the range begins is the host's affair */
    ok(ashlar_heap_alloc(heap, 65536, 0) != NULL, "with no memory for a piece, less will do");
    test.limit = 0;
    is_str(source_audit(heap, &test), NULL, "sound");
    ashlar_heap_free(heap, object);
    source_free(&test);
}

/* And no further than there are addresses: where no piece fits any more, anything does. */
static void test_pieces_run_out(void)
{
    const struct ashlar_heap_options options = {.max_cpus = 2, .grow_bytes = PIECE, .grow_align_bytes = PIECE};
    size_t got = 0;
    heap = source_heap_with(&test, 1024, &options, 0);
    while (ashlar_heap_alloc(heap, 65536, 0) != NULL) {
        got++;
    }
    size_t units = heap->runs.total;
    ok(got * 16u + 48u >= units, "%zu blocks of 64 KiB in %zu pages", got, units);
    is_str(source_audit(heap, &test), NULL, "sound");
    source_free(&test);
}

static void test_slabs_go_back(void)
{
    static void *objects[20000];
    begin(8192);
    for (unsigned i = 0; i < 20000; i++) {
        objects[i] = ashlar_heap_alloc(heap, 100, 0);
    }
    ok(test.backed_pages > 550, "2 MiB in small objects");
    for (unsigned i = 0; i < 20000; i++) {
        ashlar_heap_free(heap, objects[i * 7u % 20000u]);
    }
    is_u(stats_of(heap).live_objects, 0, "nothing is live");
    ok(stats_of(heap).backed_bytes < KEEP + KEEP / 4 + KEEP / 4 + 10 * 4096, "emptied slabs went back to the source");
    (void)ashlar_heap_shrink(heap, 0);
    is_u(stats_of(heap).slabs, 0, "shrink takes the empty slab that this CPU keeps");
    end("sound after slabs went back");
}

int main(void)
{
    test_watermark();
    test_pieces();
    test_pieces_run_out();
    test_slabs_go_back();
    return done_testing();
}
