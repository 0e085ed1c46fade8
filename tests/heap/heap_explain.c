/* SPDX-License-Identifier: 0BSD */
/* heap_explain.c - what an address is, in values and in words. */
#include "source.h"

#include <ashlar/heap.h>

static struct ashlar_heap *heap;
static struct test_source test;
static char said[120];

static const char *text_of(const void *address)
{
    ashlar_heap_explain_text(heap, address, said, sizeof said);
    return said;
}

static ashlar_heap_place_kind kind_of(const void *address)
{
    struct ashlar_heap_place place;
    ashlar_heap_explain(heap, address, &place);
    return place.kind;
}

static void test_explain(void)
{
    char want[120];
    struct ashlar_heap_place place;
    struct ashlar_cache *cache;
    if (ashlar_cache_create(heap, "inode", 100, 0, 0, &cache) != ASHLAR_OK) {
        exit(1);
    }
    char *object = ashlar_heap_alloc(heap, 60, 0);
    char *inode = ashlar_cache_alloc(cache, 0);
    char *large = ashlar_heap_alloc(heap, 50000, 0);
    ashlar_heap_explain(heap, object + 10, &place);
    ok(place.kind == ASHLAR_HEAP_PLACE_OBJECT && place.live && !place.pending && place.base == (uintptr_t)object &&
           place.bytes == 64 && place.offset == 10 && place.owner == 0 && place.cache == NULL,
       "the inside of an object");
    snprintf(want, sizeof want, "10 bytes into live object 0x%" PRIxPTR " of 64 bytes", (uintptr_t)object);
    is_str(text_of(object + 10), want, "in words");
    snprintf(want, sizeof want, "8 bytes into live object 0x%" PRIxPTR " of 100 bytes, cache inode", (uintptr_t)inode);
    is_str(text_of(inode + 8), want, "the inside of a cache's object");
    snprintf(want, sizeof want, "49999 bytes into large block 0x%" PRIxPTR " of 53248 bytes", (uintptr_t)large);
    is_str(text_of(large + 49999), want, "the inside of a large block");
    sim_set_cpu(1);
    ashlar_heap_free(heap, object);
    sim_set_cpu(0);
    like(text_of(object), "0 bytes into object that another CPU freed,", "an object on its way back");
    settle_all(heap, 2);
    like(text_of(object), "0 bytes into free object", "a free object");
    is_u(kind_of(&place), ASHLAR_HEAP_PLACE_OUTSIDE, "the stack");
    like(text_of(&place), "not in the heap's range", "in words");
    is_u(kind_of((void *)heap->runs.map), ASHLAR_HEAP_PLACE_METADATA, "the map");
    is_u(kind_of(cache), ASHLAR_HEAP_PLACE_METADATA, "a cache's own structure");
    is_u(kind_of(inode + 4000 - (uintptr_t)inode % 4096 + 95), ASHLAR_HEAP_PLACE_SLACK, "behind the last object");
    is_u(kind_of((void *)(heap->runs.base + ((uintptr_t)heap->runs.limit << 12) - 4096)), ASHLAR_HEAP_PLACE_UNBACKED,
         "within the limit, without memory");
    is_u(kind_of((void *)(heap->runs.base + ((uintptr_t)heap->runs.limit << 12) + 4096)), ASHLAR_HEAP_PLACE_UNBACKED,
         "beyond the limit");
    ashlar_heap_free(heap, large);
    is_u(kind_of(large), ASHLAR_HEAP_PLACE_EMPTY, "what is free and backed");
    ashlar_heap_free(heap, inode);
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK, "the cache goes");
    char tiny[8];
    ashlar_heap_explain_text(heap, object, tiny, sizeof tiny);
    is_u(strlen(tiny), 7, "words are cut to the room they have");
}

int main(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 8192, 2, 256 << 10, 0);
    test_explain();
    source_end(heap, &test, 2, "sound");
    return done_testing();
}
