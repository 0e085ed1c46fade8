/* SPDX-License-Identifier: 0BSD */
/* resize.c - realloc of small objects: within a class, to another one, to nothing, with zeroes, without memory. */
#include "fixture.h"

#include <ashlar/heap.h>

static void test_realloc_small(void)
{
    begin();
    unsigned char *object = ashlar_heap_realloc(heap, NULL, 100, 0);
    memset(object, 0x31, 112);
    ok(ashlar_heap_realloc(heap, object, 112, 0) == object, "realloc within the class stays");
    ok(ashlar_heap_realloc(heap, object, 97, 0) == object, "down to its first size");
    unsigned char *moved = ashlar_heap_realloc(heap, object, 1000, 0);
    ok(moved != object && is_filled_with(moved, 0x31, 112), "realloc to a larger class moves, contents kept");
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "not live (double free?)", "the old object is free");
    moved = ashlar_heap_realloc(heap, moved, 20, 0);
    ok(ashlar_heap_usable_size(heap, moved) == 32 && is_filled_with(moved, 0x31, 20), "realloc to a smaller one, too");
    object = moved;
    moved = ashlar_heap_realloc(heap, object, 0, 0);
    ok(moved != NULL && ashlar_heap_usable_size(heap, moved) == 16,
       "[fault 80] realloc to 0 gives the smallest object, and does not free");
    ashlar_heap_free_sized(heap, moved, 0);
    end("sound after realloc of small objects");
}

static void test_realloc_zero(void)
{
    begin();
    unsigned char *object = ashlar_heap_alloc(heap, 100, ASHLAR_HEAP_ZERO);
    memset(object, 0x77, 100);
    object = ashlar_heap_realloc(heap, object, 40, ASHLAR_HEAP_ZERO);
    ok(is_filled_with(object, 0x77, 40) && is_filled_with(object + 40, 0, 8), "zero behind a lesser size");
    object = ashlar_heap_realloc(heap, object, 90000, ASHLAR_HEAP_ZERO);
    ok(is_filled_with(object, 0x77, 40) && is_filled_with(object + 40, 0, ashlar_heap_usable_size(heap, object) - 40),
       "and behind the old contents of a larger one");
    ashlar_heap_free(heap, object);
    end("sound after realloc with zeroes");
}

static void test_realloc_fails(void)
{
    begin();
    unsigned char *object = take_one(heap, 500);
    unsigned char *large = take_one(heap, 100000);
    memset(object, 0x42, 512);
    memset(large, 0x43, 100000);
    test.limit = 1;
    ok(ashlar_heap_realloc(heap, object, 2000000, 0) == NULL, "[fault 78] realloc out of memory is NULL");
    ok(is_filled_with(object, 0x42, 512) && ashlar_heap_usable_size(heap, object) == 512,
       "[fault 78] the old block is intact");
    ok(ashlar_heap_realloc(heap, large, 4000000, 0) == NULL && is_filled_with(large, 0x43, 100000),
       "[fault 78] also a large one");
    ok(ashlar_heap_realloc(heap, large, SIZE_MAX / 2u + 2u, 0) == NULL && is_filled_with(large, 0x43, 100000),
       "[fault 78] at a size that is none");
    ashlar_heap_fail_nth(heap, 1);
    ok(ashlar_heap_realloc(heap, object, 100, 0) == object && ashlar_heap_usable_size(heap, object) == 512,
       "what cannot move to become smaller stays as it is");
    ashlar_heap_free_sized(heap, object, 100);
    ashlar_heap_free(heap, large);
    end("sound after failed reallocs");
}

int main(void)
{
    test_realloc_small();
    test_realloc_zero();
    test_realloc_fails();
    return done_testing();
}
