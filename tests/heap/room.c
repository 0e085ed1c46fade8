/* SPDX-License-Identifier: 0BSD */
/* room.c - when there is no more memory to be had: what a CPU keeps empty is found for another size, and moves that the
 * source cannot do leave nothing behind.
 */
#include "source.h"

#include <ashlar/heap.h>

#define PAGES 512u
#define BLOCKS 512u

static struct ashlar_heap *heap;
static struct test_source test;
static void *block[BLOCKS];

static void begin(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, PAGES, 2, (size_t)64 << 10, 0);
    test.limit = 64;
}

static void end(const char *what)
{
    settle_all(heap, 2);
    is_str(source_audit(heap, &test), NULL, what);
    source_free(&test);
}

/* All that is left, in pages. */
static unsigned fill(void)
{
    unsigned count = 0;
    while (count < BLOCKS && (block[count] = ashlar_heap_alloc(heap, 36864, 0)) != NULL) {
        count++;
    }
    while (count < BLOCKS && (block[count] = ashlar_heap_alloc_aligned(heap, 4096, 4096, 0)) != NULL) {
        count++;
    }
    return count;
}

static void empty(unsigned count)
{
    while (count != 0) {
        ashlar_heap_free(heap, block[--count]);
    }
}

/* Pages that can be had in all, after this. */
static unsigned pages_after(void (*before)(void))
{
    before();
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    unsigned count = fill();
    unsigned pages = 0;
    for (unsigned i = 0; i < count; i++) {
        pages += (unsigned)(ashlar_heap_usable_size(heap, block[i]) / 4096u);
    }
    empty(count);
    return pages;
}

static struct ashlar_cache *cache;

static void begin_plain(void)
{
    begin();
}

/* The slab, emptied, stays with its CPU. */
static void keep_by_class(void)
{
    begin();
    ashlar_heap_free(heap, ashlar_heap_alloc(heap, 64, 0));
}

static void begin_cache(void)
{
    begin();
    is_u(ashlar_cache_create(heap, "kept", 96, 0, 0, &cache), ASHLAR_OK, "a cache");
}

static void keep_by_cache(void)
{
    begin_cache();
    ashlar_cache_free(cache, ashlar_cache_alloc(cache, 0));
}

/* As an interrupt does that comes while its CPU is at work in the heap. */
static void keep_by_interrupt(void)
{
    begin();
    ashlar_heap_free(heap, ashlar_heap_alloc(heap, 36864, 0));
    struct owner *busy = ashlar_heap_claim(heap);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    void *object = ashlar_heap_alloc(heap, 64, 0);
    ok(object != NULL, "an interrupt is served");
    ashlar_heap_free(heap, object);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_heap_unclaim(busy);
}

static void test_kept(void (*without)(void), void (*with)(void), const char *name)
{
    unsigned pages = pages_after(without);
    end("audit without");
    ok(pages > 40, "%u pages can be had", pages);
    is_u(pages_after(with), pages, "%s", name);
    end("audit after room was made");
}

static int refuse_to_move(void *context, size_t to, size_t from, size_t pages)
{
    struct test_source *source = context;
    (void)to;
    (void)from;
    (void)pages;
    source->moves++;
    return 0;
}

static void test_no_move(void)
{
    begin();
    test.limit = 0;
    heap->source.move = refuse_to_move;
    unsigned char *large = ashlar_heap_alloc(heap, 100000, 0);
    void *behind = ashlar_heap_alloc(heap, 100000, 0);
    if (!ok(large != NULL && behind != NULL, "two large blocks")) {
        return;
    }
    memset(large, 0x77, 100000);
    large = ashlar_heap_realloc(heap, large, 300000, 0);
    ok(large != NULL && large[0] == 0x77 && large[99999] == 0x77, "realloc copies where the source will not move");
    ok(test.moves != 0, "it was asked");
    is_str(source_audit(heap, &test), NULL, "what was backed for the move was given back");
    ashlar_heap_free(heap, large);
    ashlar_heap_free(heap, behind);
    end("audit after a move that was refused");
}

int main(void)
{
    test_kept(begin_plain, keep_by_class, "a slab that was kept empty is found by who is short");
    test_kept(begin_plain, keep_by_interrupt, "so is one that an interrupt emptied");
    test_kept(begin_cache, keep_by_cache, "and that of a cache");
    test_no_move();
    return done_testing();
}
