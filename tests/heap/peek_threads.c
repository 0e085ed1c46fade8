/* SPDX-License-Identifier: 0BSD */
/* peek_threads.c - addresses are explained, without a lock, while another thread grows and shrinks the heap under them:
 * nothing faults, and nothing is told that cannot be.
 */
#include "source.h"
#include "threads.h"

#include "heap/marks.h"
#include "runs/peek.h"
#include <ashlar/heap.h>

#define ROUNDS 60u
#define OBJECTS 64u

static struct ashlar_heap *heap;
static struct test_source test;
static void *last; /* A: taken last */
static uint32_t done;
static unsigned long looks, wrong;

static void grow_and_shrink(struct ashlar_cache *cache)
{
    void *objects[OBJECTS];
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = i % 4u == 0   ? ashlar_cache_alloc(cache, 0)
                     : i % 2u == 0 ? take_one(heap, 2048)
                                   : take_one(heap, 70000);
        __atomic_store_n(&last, objects[i], __ATOMIC_RELEASE);
    }
    give_objects(heap, objects, OBJECTS);
}

/* A cache that comes and goes, too: its structure lies in the heap. */
static void change(void)
{
    sim_set_cpu(0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct ashlar_cache *cache = make_cache(heap, "inode", 1000, 0, 0);
        grow_and_shrink(cache);
        if (ashlar_cache_destroy(cache) != ASHLAR_OK) {
            exit(1);
        }
        if (ashlar_heap_prefill(heap, 48u + i * 16u, 200) != ASHLAR_OK) {
            exit(1);
        }
        (void)ashlar_heap_shrink(heap, 0);
    }
    __atomic_store_n(&done, 1u, __ATOMIC_RELEASE);
}

static void look(void)
{
    struct ashlar_heap_place place;
    char text[120];
    char *at = __atomic_load_n(&last, __ATOMIC_ACQUIRE);
    if (at != NULL) {
        ashlar_heap_explain(heap, at + 24, &place);
        wrong += place.kind == ASHLAR_HEAP_PLACE_OUTSIDE || place.kind == ASHLAR_HEAP_PLACE_UNKNOWN;
        wrong += place.cache != NULL && strcmp(place.cache, "inode") != 0;
        ashlar_heap_explain_text(heap, at - 4096, text, sizeof text);
        looks++;
    }
}

static int see(void *context, const struct ashlar_heap_place *object)
{
    (void)context;
    wrong += !object->live || object->kind == ASHLAR_HEAP_PLACE_OUTSIDE;
    return 0;
}

static void *work(void *number)
{
    if ((uintptr_t)number == 1) {
        change();
        return NULL;
    }
    sim_set_cpu(1);
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) == 0) {
        look();
        if (looks % 64u == 0) {
            ashlar_heap_walk(heap, see, NULL);
        }
    }
    return NULL;
}

/* --- one thread: what a peek refuses ------------------------------------------------------------------ */

static unsigned peeks, refused;

static int refuse_nth(void *context, uintptr_t address, void *to, size_t bytes)
{
    return ++peeks != refused && source_peek(context, address, to, bytes);
}

/* Each peek of an explanation fails in turn: less is told, and nothing is touched. */
static void test_each_peek(void)
{
    struct ashlar_cache *cache = make_cache(heap, "inode", 1000, 0, 0);
    char *object = ashlar_cache_alloc(cache, 0);
    struct ashlar_heap_place place;
    heap->runs.source.peek = refuse_nth;
    refused = 0;
    peeks = 0;
    place = place_of(heap, object);
    unsigned all = peeks;
    ok(place.kind == ASHLAR_HEAP_PLACE_OBJECT && place.live && place.cache != NULL && all >= 5, "%u peeks tell all",
       all);
    for (refused = 1; refused <= all; refused++) {
        peeks = 0;
        place = place_of(heap, object);
        bool whole = place.kind == ASHLAR_HEAP_PLACE_OBJECT && place.live && place.cache != NULL && place.bytes == 1000;
        ok(!whole || refused == all, "[fault 131] peek %u says no, and the heap believes it", refused);
    }
    heap->runs.source.peek = source_peek;
    ashlar_heap_free(heap, object);
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK, "the cache goes");
}

/* Descriptors as they may be read in the middle of a change. */
static void test_torn(void)
{
    char *object = take_one(heap, 64);
    struct run *run = run_in_map(&heap->runs, heap->runs.map[((uintptr_t)object - heap->runs.base) >> 12]);
    const struct run good = *run;
    struct ashlar_heap_place place;
    run->stride = 0;
    place = place_of(heap, object);
    ok(place.offset == 0 || place.kind != ASHLAR_HEAP_PLACE_OBJECT, "[fault 131] a slab without a size yet");
    *run = good;
    run->base = 16;
    (void)place_of(heap, object);
    run->base = ~(uintptr_t)15;
    (void)place_of(heap, object);
    ok(true, "[fault 131] a slab whose base is another's: its bits are nowhere");
    *run = good;
    run->cache = (struct ashlar_cache *)(void *)(object + (1u << 20));
    is_str(place_of(heap, object).cache, NULL, "[fault 131] a cache whose memory went back");
    *run = good;
    ashlar_heap_free(heap, object);
}

/* Reports that end all say what they can; others say that they cannot. */
static void test_without_peek(void)
{
    char text[120];
    char *object = take_one(heap, 64);
    heap->runs.source.peek = NULL;
    is_u(place_of(heap, object).kind, ASHLAR_HEAP_PLACE_UNKNOWN, "[fault 131] without a peek nothing is looked at");
    ashlar_heap_explain_text(heap, object, text, sizeof text);
    is_str(text, "in the heap", "in words");
    is_u(place_of(heap, heap->runs.map).kind, ASHLAR_HEAP_PLACE_METADATA, "the bookkeeping is known by its place");
    like(SIM_FATAL(ashlar_heap_free(heap, object + 16)), "interior pointer: 16 bytes into live object",
         "a bad free is told of in full");
    heap->runs.source.peek = source_peek;
    ashlar_heap_free(heap, object);
}

int main(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 32768, 2, 64 << 10, 0);
    test_each_peek();
    test_torn();
    test_without_peek();
    run_threads(2, work);
    is_u(wrong, 0, "[fault 131] nothing is told that cannot be, in %lu looks", looks);
    ok(looks > 100, "it was looked at often");
    source_end(heap, &test, 2, "sound");
    return done_testing();
}
