/* SPDX-License-Identifier: 0BSD */
/* grow.c - growth from a source: its bookkeeping, its limits, and contexts in which none of it may happen. */
#include "base/token.h"
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
    source_end(heap, &test, 2, what);
}

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

/* Bits are backed where something is; map and descriptors stay as reserves. */
static void test_metadata(void)
{
    void *blocks[COUNT] = {NULL};
    begin(8192, 0);
    void *object = ashlar_heap_alloc(heap, 10, 0);
    size_t first = stats_of(heap).metadata_bytes;
    is_u(take_objects(heap, blocks, COUNT, 65536), COUNT, "4 MiB more");
    is_u(heap->runs.bit_pages, 17, "a page of bits for each 256 KiB");
    give_objects(heap, blocks, COUNT);
    (void)ashlar_heap_shrink(heap, 0);
    is_u(heap->runs.bit_pages, 1, "bits of what is bare go back");
    ok(stats_of(heap).metadata_bytes <= first + 6 * 4096, "map and descriptors stay");
    ashlar_heap_free(heap, object);
    (void)ashlar_heap_shrink(heap, 0);
    is_u(heap->runs.bit_pages, 0, "the last page of bits, too");
    is_u(take_objects(heap, blocks, COUNT, 65536), COUNT, "and all of it comes again");
    give_objects(heap, blocks, COUNT);
    end("sound after bits went and came");
}

/* Map and descriptors stay when all else has gone back: so they come in few pieces, not a page here and there. */
static void test_metadata_in_steps(void)
{
    static void *many[4096];
    begin(70000, ASHLAR_HEAP_SOURCE_ZEROED);
    is_u(take_objects(heap, many, 4096, 65536), 4096, "256 MiB in blocks");
    size_t pieces = test.commits - stats_of(heap).grows - heap->runs.bit_pages;
    size_t pages = heap->runs.map_pages + heap->runs.run_pages;
    ok(pieces <= 10, "[fault 149] map and descriptors came in %zu pieces", pieces);
    ok(pages >= 65536u / 1024u + 4096u / 73u && pages < 256, "[fault 149] %zu pages in all", pages);
    give_objects(heap, many, 4096);
    (void)ashlar_heap_shrink(heap, 0);
    is_u(test.backed_pages, pages, "nothing else stays");
    end("sound after a spike");
    begin(70000, ASHLAR_HEAP_SOURCE_ZEROED);
    many[0] = take_one(heap, (size_t)4 << 20);
    size_t pages_before = heap->runs.map_pages;
    test.fail_in = 1;
    many[1] = ashlar_heap_alloc(heap, (size_t)8 << 20, 0);
    ok(many[1] != NULL && heap->runs.map_pages > pages_before && heap->runs.map_pages <= pages_before + 3u,
       "[fault 149] where there is no memory for more, the least will do");
    give_objects(heap, many, 2);
    end("sound after the least");
}

static void test_out_of_addresses(void)
{
    void *blocks[COUNT] = {NULL};
    begin(205, ASHLAR_HEAP_SOURCE_ZEROED);
    unsigned count = take_objects(heap, blocks, COUNT, 65536);
    ok(count >= 11 && count < 13, "a range of 820 KiB holds 11 blocks of 64 KiB or more (%u)", count);
    ok(ashlar_heap_alloc(heap, 65536, 0) == NULL, "then it is full");
    is_u(stats_of(heap).failures, 2, "which is counted");
    void *small = ashlar_heap_alloc(heap, 100, 0);
    ok(small != NULL, "what is left serves small objects, page by page");
    ashlar_heap_free(heap, small);
    is_str(source_audit(heap, &test), NULL, "sound while full");
    give_objects(heap, blocks, count);
    is_u(take_objects(heap, blocks, COUNT, 65536), count, "as many again");
    give_objects(heap, blocks, count);
    end("sound after it was full");
}

/* Every call that may grow. */
static void test_no_call_grows(const char *what)
{
    struct ashlar_cache *cache = NULL;
    ok(ashlar_heap_alloc(heap, 64, 0) == NULL, "[fault 84] %s gets nothing from an empty heap", what);
    ok(ashlar_heap_alloc(heap, 100000, 0) == NULL, "[fault 84] %s gets no large block", what);
    ok(ashlar_heap_alloc_aligned(heap, 4096, 64, 0) == NULL && ashlar_heap_alloc_aligned(heap, 65536, 64, 0) == NULL,
       "[fault 84] nor any that is aligned");
    ok(ashlar_heap_calloc(heap, 4, 16, 0) == NULL && ashlar_heap_realloc(heap, NULL, 64, 0) == NULL,
       "[fault 84] nor an array, nor one that grows from nothing");
    is_u(ashlar_heap_prefill(heap, 64, 1), ASHLAR_MAY_NOT_WAIT, "[fault 84] a prefill is told so");
    is_u(ashlar_cache_create(heap, "none", 64, 0, 0, &cache), ASHLAR_MAY_NOT_WAIT, "[fault 84] so is a new cache");
    is_u(test.commits, 0, "[fault 84] %s never grows", what);
}

/* Of a cache, and of an object that is there: full to the last one, all stays as it was. */
static void test_no_growth_of_what_is_there(unsigned context, const char *what)
{
    static void *objects[1024];
    struct ashlar_cache *cache = NULL;
    size_t count = 0;
    begin(4096, 0);
    ok(ashlar_cache_create(heap, "full", 200, 0, 0, &cache) == ASHLAR_OK, "a cache");
    char *large = take_one(heap, 100000);
    memset(large, 7, 100000);
    sim_set_context(context);
    while (count < 1024 && (objects[count] = ashlar_cache_alloc(cache, 0)) != NULL) {
        count++;
    }
    size_t commits = test.commits, live = stats_of(heap).live_objects;
    ok(count < 1024, "[fault 84] %s has what a cache has", what);
    ok(ashlar_cache_alloc_bulk(cache, 0, objects + count, 40) == 0, "[fault 84] and no bulk beyond that");
    ok(ashlar_heap_realloc(heap, large, (size_t)8 << 20, 0) == NULL && large[99999] == 7,
       "[fault 84] a block that cannot grow is as it was");
    ok(test.commits == commits && stats_of(heap).live_objects == live, "[fault 84] %s leaves it at that", what);
    ashlar_cache_free_bulk(cache, objects, count);
    ashlar_heap_free_sized(heap, large, 100000);
    is_u(ashlar_cache_destroy(cache), ASHLAR_MAY_NOT_WAIT, "[fault 83] nor does it destroy a cache");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    settle_all(heap, 2);
    is_u(ashlar_cache_destroy(cache), ASHLAR_OK, "a thread does");
    end("sound after that context");
}

static void test_no_growth(unsigned context, const char *what)
{
    void *blocks[COUNT] = {NULL};
    begin(4096, 0);
    sim_set_context(context);
    test_no_call_grows(what);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    if (context != ASHLAR_CONTEXT_THREAD) {
        (void)ashlar_heap_work(heap);
        ok(test.commits != 0 && stats_of(heap).empty_bytes != 0, "work grows for %s that went without", what);
    }
    unsigned count = take_objects(heap, blocks, COUNT, 65536);
    sim_set_context(context);
    size_t decommits = test.decommits;
    give_objects(heap, blocks, count);
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

/* Somebody gives pages back when the source has none: by a call in which nothing is held. */
static size_t relief_calls;
static bool relief_was_held;

static int give_relief(void *context)
{
    struct test_source *short_one = context;
    relief_calls++;
    relief_was_held = relief_was_held || ashlar_token_is_taken(&heap->runs.growing) || short_one->inside != 0 ||
                      sim_pins() != 0 || ashlar_lock_held_name() != NULL;
    if (relief_calls > 3) {
        return 0; /* nothing is left to be given */
    }
    short_one->limit += 16;
    return 1;
}

static void test_relief(void)
{
    relief_calls = 0;
    relief_was_held = false;
    begin(4096, 0);
    heap->runs.source.relieve = give_relief;
    heap->runs.source.context = &test;
    test.limit = 4; /* pages: bookkeeping, and one more */
    void *object = ashlar_heap_alloc(heap, 60000, 0);
    ok(object != NULL, "an allocation that the source refused is there after relief");
    ok(relief_calls == 1 && !relief_was_held, "asked once, with nothing held: no lock, no pin, no growth token");
    size_t failures = stats_of(heap).failures;
    ok(ashlar_heap_alloc(heap, (size_t)4 << 20, 0) == NULL, "more than anybody has is refused");
    ok(relief_calls == 4 && !relief_was_held, "after all had been asked for");
    is_u(stats_of(heap).failures, failures + 1u, "and counted");
    is_u(test.inside, 0, "nobody is in the source");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_heap_alloc(heap, (size_t)4 << 20, 0) == NULL && relief_calls == 4, "an interrupt asks nobody");
    sim_set_context(ASHLAR_CONTEXT_NO_SLEEP);
    ok(ashlar_heap_alloc(heap, (size_t)4 << 20, 0) == NULL && relief_calls == 4,
       "[fault 106] nor does a thread that may not sleep: it gets NULL");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_heap_free(heap, object);
    end("sound after relief");
}

/* A commit is refused; before anybody can be asked, another thread has been given what there was to give. */
static volatile uintptr_t reliefs;
static unsigned refusals;

static ashlar_status commit_too_early(void *context, size_t first, size_t pages)
{
    struct test_source *short_one = context;
    ashlar_status status = source_commit(context, first, pages);
    refusals += status == ASHLAR_NO_FRAMES;
    if (refusals == 2 && short_one->limit == 4) { /* a chunk, and what is wanted alone */
        short_one->limit += 20;
        reliefs++;
    }
    return status;
}

static int give_nothing(void *context)
{
    (void)context;
    relief_calls++;
    return 0;
}

static void test_relieved_meanwhile(void)
{
    relief_calls = refusals = 0;
    begin(4096, 0);
    heap->runs.source.commit = commit_too_early;
    heap->runs.source.relieve = give_nothing;
    heap->runs.source.reliefs = &reliefs;
    heap->runs.source.context = &test;
    test.limit = 4;
    void *object = ashlar_heap_alloc(heap, 60000, 0);
    ok(object != NULL, "[fault 165] what another thread was given meanwhile may be what this one lacks");
    is_u(relief_calls, 0, "nobody was asked for it");
    ok(ashlar_heap_alloc(heap, (size_t)4 << 20, 0) == NULL && relief_calls == 1, "where nothing came, somebody is");
    ashlar_heap_free(heap, object);
    end("sound after others' relief");
}

int main(void)
{
    static const struct {
        unsigned context;
        const char *what;
    } contexts[] = {
        {ASHLAR_CONTEXT_INTERRUPT, "an interrupt"},
        {ASHLAR_CONTEXT_NMI, "an NMI"},
        {ASHLAR_CONTEXT_THREAD | ASHLAR_CONTEXT_NO_SLEEP, "a thread that may not sleep"},
        {ASHLAR_CONTEXT_THREAD | ASHLAR_CONTEXT_IRQS_OFF, "a thread with interrupts off"},
        {ASHLAR_CONTEXT_INTERRUPT | ASHLAR_CONTEXT_IRQS_OFF, "an interrupt with interrupts off"},
    };
    test_init();
    test_metadata();
    test_metadata_in_steps();
    test_out_of_addresses();
    for (unsigned i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        test_no_growth(contexts[i].context, contexts[i].what);
        test_no_growth_of_what_is_there(contexts[i].context, contexts[i].what);
    }
    test_flags();
    test_relief();
    test_relieved_meanwhile();
    return done_testing();
}
