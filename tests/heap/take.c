/* SPDX-License-Identifier: 0BSD */
/* take.c - taking: sizes and alignments that are none, zeroes, and heaps that are not there. */
#include "source.h"

#include <ashlar/heap.h>

#define PAGES 8192u
#define CPUS 2u

static struct ashlar_heap *heap;
static struct test_source test;

static void begin(unsigned flags)
{
    sim_set_cpu(0);
    heap = source_heap(&test, PAGES, CPUS, 256 << 10, flags);
}

static void end(const char *what)
{
    source_end(heap, &test, CPUS, what);
}

static void test_odd_sizes(void)
{
    begin(0);
    void *first = ashlar_heap_alloc(heap, 0, 0);
    void *second = ashlar_heap_alloc(heap, 0, 0);
    ok(first != NULL && second != NULL && first != second, "[fault 70] size 0 is unique");
    ashlar_heap_free_sized(heap, first, 0);
    ashlar_heap_free(heap, second);
    ok(ashlar_heap_alloc(heap, (size_t)PTRDIFF_MAX + 1u, 0) == NULL, "[fault 69] a size over PTRDIFF_MAX is no size");
    ok(ashlar_heap_alloc(heap, SIZE_MAX, 0) == NULL, "[fault 69] nor is the largest number");
    ok(ashlar_heap_alloc(heap, (size_t)PAGES * 4096u, 0) == NULL, "nothing is as large as the range");
    is_u(stats_of(heap).failures, 3, "failures are counted");
    ok(ashlar_heap_alloc_aligned(heap, 0, 64, 0) == NULL, "[fault 77] alignment 0 is none");
    ok(ashlar_heap_alloc_aligned(heap, 48, 64, 0) == NULL, "[fault 77] nor is 48");
    ok(ashlar_heap_alloc_aligned(heap, (size_t)1 << (sizeof(size_t) * 8u - 1u), 64, 0) == NULL,
       "[fault 77] nor one larger than the range");
    ok(ashlar_heap_alloc_aligned(heap, 64, SIZE_MAX - 8u, 0) == NULL, "[fault 69] a size that wraps when rounded");
    end("sound after odd sizes");
}

static void test_alignment(void)
{
    bool aligned = true;
    begin(0);
    for (size_t align = 1; align <= (1u << 20); align *= 2) {
        for (size_t bytes = 0; bytes < 40000; bytes = bytes * 3 + 1) {
            void *object = ashlar_heap_alloc_aligned(heap, align, bytes, 0);
            aligned = aligned && object != NULL && (uintptr_t)object % align == 0 &&
                      ashlar_heap_usable_size(heap, object) >= bytes;
            ashlar_heap_free_sized(heap, object, bytes);
        }
    }
    ok(aligned, "every power of two to 1 MiB can be had, and freed with the size asked for");
    end("sound after alignments");
}

static void test_zero(unsigned flags, const char *what)
{
    bool zero = true;
    begin(flags);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t bytes = 1; bytes < 200000; bytes = bytes * 2 + 7) {
            unsigned char *object = ashlar_heap_alloc(heap, bytes, ASHLAR_HEAP_ZERO);
            size_t usable = ashlar_heap_usable_size(heap, object);
            zero = zero && is_filled_with(object, 0, usable);
            memset(object, 0xff, usable);
            ashlar_heap_free(heap, object);
        }
        unsigned char *object = ashlar_heap_alloc_aligned(heap, 16384, 100, ASHLAR_HEAP_ZERO);
        zero = zero && is_filled_with(object, 0, ashlar_heap_usable_size(heap, object));
        memset(object, 0xff, 100);
        ashlar_heap_free(heap, object);
    }
    ok(zero, "every usable byte is zero, %s", what);
    end("sound after zeroing");
}

static void test_calloc(void)
{
    begin(0);
    unsigned char *object = ashlar_heap_alloc(heap, 600, 0);
    memset(object, 0xff, 600);
    ashlar_heap_free(heap, object);
    object = ashlar_heap_calloc(heap, 30, 20, 0);
    ok(object != NULL && is_filled_with(object, 0, 608) && ashlar_heap_usable_size(heap, object) == 608,
       "an array of zeroes");
    ok(ashlar_heap_calloc(heap, SIZE_MAX / 2u, 3, 0) == NULL, "[fault 68] an array whose size overflows");
    ok(ashlar_heap_calloc(heap, 1000, 100, ASHLAR_HEAP_NO_GROW) == NULL, "flags are obeyed");
    ashlar_heap_free(heap, object);
    end("sound after arrays");
}

static void test_before_init(void)
{
    static struct ashlar_heap nothing;
    struct ashlar_cache *cache = NULL;
    like(SIM_FATAL((void)!ashlar_heap_alloc(&nothing, 10, 0)), "heap: used before init",
         "[fault 88] alloc before init");
    like(SIM_FATAL((void)!ashlar_heap_alloc_aligned(&nothing, 64, 10, 0)), "heap: used before init",
         "[fault 88] aligned alloc before init");
    like(SIM_FATAL((void)!ashlar_heap_calloc(&nothing, 2, 3, 0)), "used before init", "[fault 88] calloc before init");
    like(SIM_FATAL((void)!ashlar_heap_realloc(&nothing, NULL, 3, 0)), "used before init", "[fault 88] realloc");
    like(SIM_FATAL((void)!ashlar_heap_prefill(&nothing, 3, 1)), "used before init", "[fault 88] prefill");
    like(SIM_FATAL((void)!ashlar_cache_create(&nothing, "none", 3, 0, 0, &cache)), "used before init",
         "[fault 88] a cache before init");
    like(SIM_FATAL(ashlar_heap_drain_cpu(&nothing, 1)), "used before init", "[fault 88] drain before init");
    like(SIM_FATAL(ashlar_heap_free(&nothing, &nothing)), "heap: used before init", "[fault 88] free before init");
    like(SIM_FATAL(ashlar_heap_free_sized(&nothing, &nothing, 1)), "used before init", "[fault 88] sized free");
    is_str(SIM_FATAL(ashlar_heap_answer(&nothing)), NULL, "[fault 88] a kick before init asks for nothing");
    begin(0);
    sim_set_cpu(7);
    like(SIM_FATAL((void)!ashlar_heap_alloc(heap, 10, 0)), "CPU 7 uses a heap made for 2 CPUs",
         "a CPU too many is fatal");
    sim_set_cpu(heap->max_cpus);
    heap->owners[heap->max_cpus].asked = 1;
    is_str(SIM_FATAL(ashlar_heap_answer(heap)), NULL, "[fault 115] but a kick of it is not for this heap");
    is_u(heap->owners[heap->max_cpus].asked, 1, "[fault 115] and no other CPU's word is taken for its own");
    heap->owners[heap->max_cpus].asked = 0;
    sim_set_cpu(0);
    end("sound after a CPU too many");
}

int main(void)
{
    test_odd_sizes();
    test_calloc();
    test_alignment();
    test_zero(0, "pages come back dirty");
    test_zero(ASHLAR_HEAP_SOURCE_ZEROED, "pages come back zeroed");
    test_before_init();
    return done_testing();
}
