/* SPDX-License-Identifier: 0BSD */
/* room.c - when there is no more memory to be had: what a CPU keeps empty is found for another size, and reclaimers
 * are asked.
 */
#include "source.h"

#include "heap/owner.h"
#include <ashlar/heap.h>

#define PAGES 512u
#define BLOCKS 512u

static struct ashlar_heap *heap;
static struct test_source test;
static void *block[BLOCKS];
static struct ashlar_cache *cache;

static void begin(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, PAGES, 2, (size_t)64 << 10, 0);
    test.limit = 64;
}

static void end(const char *what)
{
    source_end(heap, &test, 2, what);
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
    sim_set_cpu(0);
    heap = source_heap(&test, 4096, 2, (size_t)128 << 10, 0);
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

/* Of two threads that are short on one CPU the second goes first, and is given what there was to give: objects of slabs. */
#define SMALL 4096u
static void *small[SMALL];
static void *second;

static int go_first(void *context)
{
    (void)context;
    heap->runs.source.relieve = NULL;
    second = ashlar_heap_alloc(heap, 64, 0);
    return 0;
}

static int give_small(void *context, size_t bytes)
{
    int freed = 0;
    (void)context;
    (void)bytes;
    for (unsigned i = 0; i < 4u; i++) {
        freed += small[i] != NULL;
        ashlar_heap_free(heap, small[i]);
        small[i] = NULL;
    }
    return freed;
}

static void test_reclaimed_meanwhile(void)
{
    unsigned count = 0;
    begin();
    while (count < SMALL && (small[count] = ashlar_heap_alloc(heap, 64, 0)) != NULL) {
        count++;
    }
    (void)!ashlar_heap_on_shortage(heap, give_small, NULL);
    heap->runs.source.relieve = go_first;
    second = NULL;
    void *first = ashlar_heap_alloc(heap, 64, 0);
    ok(second != NULL, "one of two threads is given what reclaimers freed");
    ok(first != NULL, "[fault 165] so is the other one, of what that one left");
    ashlar_heap_free(heap, first);
    ashlar_heap_free(heap, second);
    for (unsigned i = 0; i < count; i++) {
        ashlar_heap_free(heap, small[i]);
    }
    end("sound after both");
}

/* Another thread is faster each time, and is given all that reclaimers free: until this one asks them itself. */
static void *faster[64];
static unsigned faster_count;

static int be_faster(void *context)
{
    heap->runs.source.relieve = NULL;
    if (faster_count < 64u) {
        faster[faster_count++] = ashlar_heap_alloc(heap, 64, 0);
    }
    heap->runs.source.relieve = be_faster;
    (void)context;
    return 0;
}

static int give_one(void *context, size_t bytes)
{
    unsigned *left = context;
    (void)bytes;
    if (*left == 0) {
        return 0;
    }
    ashlar_heap_free(heap, small[--*left]);
    return 1;
}

static void test_faster(void)
{
    static unsigned count;
    begin();
    while (count < SMALL && (small[count] = ashlar_heap_alloc(heap, 64, 0)) != NULL) {
        count++;
    }
    (void)!ashlar_heap_on_shortage(heap, give_one, &count);
    heap->runs.source.relieve = be_faster;
    void *object = ashlar_heap_alloc(heap, 64, 0);
    ok(faster_count > 1u && faster[faster_count - 1u] != NULL, "others are faster (%u times)", faster_count);
    ok(object != NULL,
       "[fault 215] who is always too late asks reclaimers itself before it is told that there is nothing");
    heap->runs.source.relieve = NULL;
    ashlar_heap_free(heap, object);
    while (faster_count != 0) {
        ashlar_heap_free(heap, faster[--faster_count]);
    }
    while (count != 0) {
        ashlar_heap_free(heap, small[--count]);
    }
    end("sound after all of them");
}

int main(void)
{
    test_kept(begin_plain, keep_by_class, "a slab that was kept empty is found by who is short");
    test_kept(begin_plain, keep_by_interrupt, "so is one that an interrupt emptied");
    test_kept(begin_cache, keep_by_cache, "and that of a cache");
    test_shortage();
    test_reclaimed_meanwhile();
    test_faster();
    return done_testing();
}
