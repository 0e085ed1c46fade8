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

/* Units of 512 bytes: blocks begin at multiples of that. */
static void test_realloc_small_units(void)
{
    static _Alignas(4096) char memory[65536];
    unsigned badly = 0, in_place = 0;
    struct ashlar_heap *plain = NULL;
    for (size_t more = 0; more < 8; more++) {
        if (ashlar_heap_init_range(memory, sizeof memory, &plain) != ASHLAR_OK) {
            break;
        }
        char *block = ashlar_heap_alloc(plain, 32768u + 512u + 512u * more, 0);
        char *other = ashlar_heap_realloc(plain, block, 36864, 0);
        block = other != NULL ? other : block;
        badly += other != NULL && (uintptr_t)other % 4096u != 0;
        other = ashlar_heap_realloc(plain, block, 33280, 0);
        in_place += other == block;
        ashlar_heap_free(plain, other);
        badly += ashlar_heap_audit(plain) != NULL;
    }
    ok(badly == 0, "[fault 146] a block that grew to 36 KiB lies on a page boundary");
    is_u(in_place, 8, "one that shrinks stays where it is");
}

static void test_realloc_of_aligned(void)
{
    begin();
    char *object = ashlar_heap_alloc_aligned(heap, 1024, 1000, 0);
    char *block = ashlar_heap_alloc_aligned(heap, (size_t)1 << 20, 100000, 0);
    void *behind = ashlar_heap_alloc(heap, 100000, 0);
    char *moved = ashlar_heap_realloc(heap, object, 1040, 0);
    ok(object != NULL && (uintptr_t)moved % 128u == 0 && ashlar_heap_usable_size(heap, moved) == 1152,
       "realloc of an aligned object: as its new size is aligned");
    object = ashlar_heap_realloc(heap, block, 800000, 0);
    ok(block != NULL && (uintptr_t)object % 4096u == 0 && (uintptr_t)object % ((size_t)1 << 20) != 0,
       "and so a large one: its own alignment is dropped");
    ashlar_heap_free_sized(heap, object, 800000);
    ashlar_heap_free_sized(heap, moved, 1040);
    ashlar_heap_free(heap, behind);
    end("sound after realloc of aligned objects");
}

int main(void)
{
    test_realloc_small_units();
    test_realloc_of_aligned();
    test_realloc_small();
    test_realloc_zero();
    test_realloc_fails();
    return done_testing();
}
