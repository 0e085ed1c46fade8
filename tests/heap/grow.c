/* SPDX-License-Identifier: 0BSD */
/* grow.c - growth from a source and giving back: watermark and hysteresis, shrink, bookkeeping, shortage; and contexts in
 * which none of it may happen.
 */
#include "source.h"

#include <ashlar/heap.h>

#define KEEP ((size_t)128 << 10)
#define COUNT 64u

static struct ashlar_heap *heap;
static struct test_source test;

static void begin(size_t pages, unsigned flags)
{
    sim_set_cpu(0);
    heap = source_heap(&test, pages, 2, KEEP, flags);
}

static void end(const char *what)
{
    settle_all(heap, 2);
    is_str(source_audit(heap, &test), NULL, what);
    source_free(&test);
}

/* COUNT blocks of 64 KiB each, or fewer. */
static unsigned take_blocks(void **blocks)
{
    unsigned count = 0;
    while (count < COUNT && (blocks[count] = ashlar_heap_alloc(heap, 65536, 0)) != NULL) {
        count++;
    }
    return count;
}

static void give_blocks(void **blocks, unsigned count)
{
    while (count != 0) {
        ashlar_heap_free(heap, blocks[--count]);
    }
}

/* --- init ------------------------------------------------------------------- */

static void test_init(void)
{
    begin(4096, 0);
    is_u(test.commits, 0, "init commits nothing");
    is_u(stats_of(heap).backed_bytes, 0, "nothing is backed");
    is_str(ashlar_heap_audit(heap), NULL, "sound while empty");
    void *object = ashlar_heap_alloc(heap, 1, 0);
    is_u(test.commits, 4, "the first object: descriptors, map, bits, pages");
    is_u(stats_of(heap).backed_bytes, 65536 + 3 * 4096, "64 KiB and three pages of bookkeeping");
    is_u(stats_of(heap).metadata_bytes, 3 * 4096, "counted as such");
    ashlar_heap_free(heap, object);
    end("sound after the first object");
}

static void test_bad_init(void)
{
    static _Alignas(16) char storage[65536];
    struct ashlar_heap *made = NULL;
    struct ashlar_heap_options options = {.max_cpus = 1};
    struct ashlar_heap_source source = {0x10000000, 1024, source_commit, source_decommit, NULL, NULL, 0};
    size_t bytes = ashlar_heap_footprint_bytes(&options, 1024);
    ok(ashlar_heap_init(storage, bytes - 1, &options, &source, &made) == ASHLAR_NO_STORAGE, "too little storage");
    ok(ashlar_heap_init(storage + 8, bytes, &options, &source, &made) == ASHLAR_BAD_ARGUMENT, "storage not aligned");
    source.base += 16;
    ok(ashlar_heap_init(storage, bytes, &options, &source, &made) == ASHLAR_BAD_ARGUMENT, "a range not aligned");
    source.base = 0x10000000;
    source.pages = 15;
    ok(ashlar_heap_init(storage, bytes, &options, &source, &made) == ASHLAR_BAD_ARGUMENT, "less than 64 KiB");
    source.base = UINTPTR_MAX - 4095u;
    source.pages = 16;
    ok(ashlar_heap_init(storage, bytes, &options, &source, &made) == ASHLAR_BAD_ARGUMENT, "a range that wraps");
    source.base = 0x10000000;
    options.max_cpus = ASHLAR_MAX_CPUS + 1u;
    ok(ashlar_heap_init(storage, sizeof storage, &options, &source, &made) == ASHLAR_BAD_ARGUMENT, "too many CPUs");
    ok(made == NULL, "and nothing was made");
    ok(ashlar_heap_footprint_bytes(NULL, 16) <= ashlar_heap_footprint_bytes(&options, 16),
       "a footprint grows with CPUs");
}

/* --- watermark -------------------------------------------------------------- */

static void test_watermark(void)
{
    void *blocks[COUNT] = {NULL};
    size_t most_empty = 0;
    begin(4096, 0);
    is_u(take_blocks(blocks), COUNT, "4 MiB are there");
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

/* --- whole pieces ------------------------------------------------------------ */

#define PIECE ((size_t)1 << 20)

/* Of the pieces of the heap's addresses, how many are backed wholly, and how many in part. */
static void count_pieces(size_t *wholly, size_t *partly)
{
    *wholly = *partly = 0;
    for (uintptr_t piece = round_up(heap->base, PIECE); piece + PIECE <= test.source.base + test.source.pages * 4096u;
         piece += PIECE) {
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
    is_u(take_blocks(blocks), COUNT, "4 MiB more");
    count_pieces(&wholly, &partly);
    ok(wholly == 5 && partly == 0, "five pieces, all of them whole");
    give_blocks(blocks, COUNT);
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
    size_t units = heap->total;
    ok(got * 16u + 48u >= units, "%zu blocks of 64 KiB in %zu pages", got, units);
    is_str(source_audit(heap, &test), NULL, "sound");
    source_free(&test);
}

/* Bits are backed where something is; map and descriptors stay as reserves. */
static void test_metadata(void)
{
    void *blocks[COUNT];
    begin(8192, 0);
    void *object = ashlar_heap_alloc(heap, 10, 0);
    size_t first = stats_of(heap).metadata_bytes;
    is_u(take_blocks(blocks), COUNT, "4 MiB more");
    is_u(heap->bit_pages, 9, "a page of bits for each 512 KiB");
    give_blocks(blocks, COUNT);
    (void)ashlar_heap_shrink(heap, 0);
    is_u(heap->bit_pages, 1, "bits of what is bare go back");
    ok(stats_of(heap).metadata_bytes <= first + 2 * 4096, "map and descriptors stay");
    ashlar_heap_free(heap, object);
    (void)ashlar_heap_shrink(heap, 0);
    is_u(heap->bit_pages, 0, "the last page of bits, too");
    is_u(take_blocks(blocks), COUNT, "and all of it comes again");
    give_blocks(blocks, COUNT);
    end("sound after bits went and came");
}

static void test_slabs_go_back(void)
{
    static void *objects[20000];
    begin(8192, 0);
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

/* --- limits ----------------------------------------------------------------- */

static void test_out_of_addresses(void)
{
    void *blocks[COUNT];
    begin(200, ASHLAR_HEAP_SOURCE_ZEROED);
    unsigned count = take_blocks(blocks);
    ok(count >= 11 && count < 13, "a range of 800 KiB holds 11 blocks of 64 KiB or more (%u)", count);
    ok(ashlar_heap_alloc(heap, 60000, 0) == NULL, "then it is full");
    is_u(stats_of(heap).failures, 2, "which is counted");
    void *small = ashlar_heap_alloc(heap, 100, 0);
    ok(small != NULL, "what is left serves small objects, page by page");
    ashlar_heap_free(heap, small);
    is_str(source_audit(heap, &test), NULL, "sound while full");
    give_blocks(blocks, count);
    is_u(take_blocks(blocks), count, "as many again");
    give_blocks(blocks, count);
    end("sound after it was full");
}

static void *hoard[8];
static unsigned asked;
static size_t asked_bytes;

static int give_hoard(void *context, size_t bytes)
{
    asked++;
    asked_bytes = bytes;
    if (ashlar_heap_alloc(heap, 3000000, 0) != NULL || context != &asked) {
        asked += 100; /* nested calls must find no memory, and not come here again */
    }
    for (unsigned i = 0; i < 8; i++) {
        if (hoard[i] != NULL) {
            ashlar_heap_free(heap, hoard[i]);
            hoard[i] = NULL;
            return 1;
        }
    }
    return 0;
}

static void test_shortage(void)
{
    void *objects[8];
    unsigned count = 0;
    begin(4096, 0);
    for (unsigned i = 0; i < 8; i++) {
        hoard[i] = ashlar_heap_alloc(heap, 100000, 0);
    }
    test.limit = test.backed_pages;
    (void)!ashlar_heap_on_shortage(heap, give_hoard, &asked);
    asked = 0;
    objects[0] = ashlar_heap_alloc(heap, 90000, ASHLAR_HEAP_NO_GROW);
    ok(asked == 0, "NO_GROW asks nobody");
    ashlar_heap_free(heap, objects[0]);
    asked = 0;
    for (; count < 7 && (objects[count] = ashlar_heap_alloc(heap, 100000, 0)) != NULL; count++) {
    }
    is_u(count, 7, "when growth fails, what reclaimers free is used");
    ok(asked >= 6 && asked < 20, "each was asked as often as needed, never from within (%u)", asked);
    is_u(asked_bytes, 100000, "and told how much is wanted");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    asked = 0;
    ok(ashlar_heap_alloc(heap, 300000, 0) == NULL && asked == 0, "interrupts ask nobody");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ok(ashlar_heap_on_shortage(heap, give_hoard, &asked) == ASHLAR_OK &&
           ashlar_heap_on_shortage(heap, give_hoard, &asked) == ASHLAR_OK &&
           ashlar_heap_on_shortage(heap, give_hoard, &asked) == ASHLAR_OK &&
           ashlar_heap_on_shortage(heap, give_hoard, &asked) == ASHLAR_NO_STORAGE,
       "four reclaimers at most");
    while (count != 0) {
        ashlar_heap_free(heap, objects[--count]);
    }
    for (unsigned i = 0; i < 8; i++) {
        ashlar_heap_free(heap, hoard[i]);
    }
    end("sound after shortage");
}

/* --- contexts --------------------------------------------------------------- */

static void test_no_growth(unsigned context, const char *what)
{
    void *blocks[COUNT];
    begin(4096, 0);
    sim_set_context(context);
    ok(ashlar_heap_alloc(heap, 64, 0) == NULL, "[fault 84] %s gets nothing from an empty heap", what);
    ok(ashlar_heap_alloc(heap, 100000, 0) == NULL, "[fault 84] %s gets no large block", what);
    is_u(test.commits, 0, "[fault 84] %s never grows", what);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    if (context != ASHLAR_CONTEXT_THREAD) {
        (void)ashlar_heap_work(heap);
        ok(test.commits != 0 && stats_of(heap).empty_bytes != 0, "work grows for %s that went without", what);
    }
    unsigned count = take_blocks(blocks);
    sim_set_context(context);
    size_t decommits = test.decommits;
    give_blocks(blocks, count);
    is_u(ashlar_heap_shrink(heap, 0), 0, "shrink does nothing in %s", what);
    is_u(test.decommits, decommits, "[fault 83] %s frees, and gives nothing back to the source", what);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    settle_all(heap, 2);
    while (ashlar_heap_work(heap) != 0) {
    }
    (void)ashlar_heap_work(heap);
    ok(stats_of(heap).empty_bytes <= KEEP + KEEP / 4 && stats_of(heap).live_objects == 0,
       "a thread's work does, after %s", what);
    end("sound after that context");
}

static void test_flags(void)
{
    begin(4096, 0);
    ok(ashlar_heap_alloc(heap, 64, ASHLAR_HEAP_NO_GROW) == NULL && test.commits == 0, "NO_GROW does not grow");
    uintptr_t saved = ashlar_port_irq_save();
    ok(ashlar_heap_alloc(heap, 64, 0) == NULL && test.commits == 0, "nor does a thread with interrupts off");
    ashlar_port_irq_restore(saved);
    ashlar_heap_free(heap, ashlar_heap_alloc(heap, 64, 0));
    void *object = ashlar_heap_alloc(heap, 128, ASHLAR_HEAP_NO_GROW);
    ok(object != NULL, "NO_GROW takes what is there");
    ashlar_heap_free(heap, object);
    end("sound after flags");
}

int main(void)
{
    test_init();
    test_bad_init();
    test_watermark();
    test_pieces();
    test_pieces_run_out();
    test_metadata();
    test_slabs_go_back();
    test_out_of_addresses();
    test_shortage();
    test_no_growth(ASHLAR_CONTEXT_INTERRUPT, "an interrupt");
    test_no_growth(ASHLAR_CONTEXT_NMI, "an NMI");
    test_flags();
    return done_testing();
}
