/* SPDX-License-Identifier: 0BSD */
/* give.c - sizes, alignment, zeroes, realloc, sized frees; and each misuse of a pointer with its message. */
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

/* Sound, nothing live. */
static void end(const char *what)
{
    settle_all(heap, CPUS);
    const char *broken = source_audit(heap, &test);
    if (broken == NULL && stats_of(heap).live_objects != 0) {
        broken = "objects are live";
    }
    is_str(broken, NULL, what);
    source_free(&test);
}

static void *take(size_t bytes)
{
    void *object = ashlar_heap_alloc(heap, bytes, 0);
    if (object == NULL) {
        puts("# no object");
        exit(1);
    }
    return object;
}

static bool is_filled(const unsigned char *object, int byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (object[i] != byte) {
            return false;
        }
    }
    return true;
}

/* --- sizes ------------------------------------------------------------------ */

static size_t alignment_of(size_t rounded)
{
    size_t lowest = rounded & (0 - rounded);
    return lowest > 4096 ? 4096 : lowest;
}

static void test_sizes(void)
{
    bool enough = true;
    bool aligned = true;
    bool said = true;
    bool tight = true;
    begin(0);
    for (size_t bytes = 1; bytes <= 70000; bytes += bytes < 1100 ? 1 : bytes / 37) {
        size_t rounded = ashlar_heap_size_roundup(heap, bytes);
        void *object = take(bytes);
        size_t usable = ashlar_heap_usable_size(heap, object);
        memset(object, 0xab, usable);
        enough = enough && usable >= bytes;
        said = said && usable == rounded && ashlar_heap_size_roundup(heap, rounded) == rounded;
        aligned = aligned && ((uintptr_t)object & (alignment_of(rounded) - 1u)) == 0 && rounded % 16 == 0;
        tight = tight && rounded - bytes < (bytes <= 1024 ? 16 : bytes <= 32768 ? bytes / 8 + 1 : 4096);
        ashlar_heap_free_sized(heap, object, bytes);
    }
    ok(enough, "usable size is at least what was asked for");
    ok(said, "and what roundup said before");
    ok(aligned, "aligned to the largest power of two that divides it, up to a page");
    ok(tight, "steps of 16 bytes to 1 KiB, an eighth to 32 KiB, pages above");
    is_u(ashlar_heap_size_roundup(heap, 0), 16, "size 0 rounds to the smallest object");
    is_u(ashlar_heap_size_roundup(heap, (size_t)PTRDIFF_MAX + 1u), 0, "no size over PTRDIFF_MAX");
    is_u(ashlar_heap_usable_size(heap, NULL), 0, "nothing of NULL is usable");
    ashlar_heap_free(heap, NULL);
    ashlar_heap_free_sized(heap, NULL, 10);
    end("sound after all sizes");
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
            zero = zero && is_filled(object, 0, usable);
            memset(object, 0xff, usable);
            ashlar_heap_free(heap, object);
        }
        unsigned char *object = ashlar_heap_alloc_aligned(heap, 16384, 100, ASHLAR_HEAP_ZERO);
        zero = zero && is_filled(object, 0, ashlar_heap_usable_size(heap, object));
        memset(object, 0xff, 100);
        ashlar_heap_free(heap, object);
    }
    ok(zero, "every usable byte is zero, %s", what);
    end("sound after zeroing");
}

/* --- realloc ---------------------------------------------------------------- */

static void test_realloc_small(void)
{
    begin(0);
    unsigned char *object = ashlar_heap_realloc(heap, NULL, 100, 0);
    memset(object, 0x31, 112);
    ok(ashlar_heap_realloc(heap, object, 112, 0) == object, "realloc within the class stays");
    ok(ashlar_heap_realloc(heap, object, 97, 0) == object, "down to its first size");
    unsigned char *moved = ashlar_heap_realloc(heap, object, 1000, 0);
    ok(moved != object && is_filled(moved, 0x31, 112), "realloc to a larger class moves, contents kept");
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "not live (double free?)", "the old object is free");
    moved = ashlar_heap_realloc(heap, moved, 20, 0);
    ok(ashlar_heap_usable_size(heap, moved) == 32 && is_filled(moved, 0x31, 20), "realloc to a smaller one, too");
    object = moved;
    moved = ashlar_heap_realloc(heap, object, 0, 0);
    ok(moved != NULL && ashlar_heap_usable_size(heap, moved) == 16,
       "[fault 80] realloc to 0 gives the smallest object, and does not free");
    ashlar_heap_free_sized(heap, moved, 0);
    end("sound after realloc of small objects");
}

static void test_realloc_zero(void)
{
    begin(0);
    unsigned char *object = ashlar_heap_alloc(heap, 100, ASHLAR_HEAP_ZERO);
    memset(object, 0x77, 100);
    object = ashlar_heap_realloc(heap, object, 40, ASHLAR_HEAP_ZERO);
    ok(is_filled(object, 0x77, 40) && is_filled(object + 40, 0, 8), "zero behind a lesser size");
    object = ashlar_heap_realloc(heap, object, 90000, ASHLAR_HEAP_ZERO);
    ok(is_filled(object, 0x77, 40) && is_filled(object + 40, 0, ashlar_heap_usable_size(heap, object) - 40),
       "and behind the old contents of a larger one");
    ashlar_heap_free(heap, object);
    end("sound after realloc with zeroes");
}

static void test_realloc_fails(void)
{
    begin(0);
    unsigned char *object = take(500);
    unsigned char *large = take(100000);
    memset(object, 0x42, 512);
    memset(large, 0x43, 100000);
    test.limit = 1;
    ok(ashlar_heap_realloc(heap, object, 2000000, 0) == NULL, "[fault 78] realloc out of memory is NULL");
    ok(is_filled(object, 0x42, 512) && ashlar_heap_usable_size(heap, object) == 512,
       "[fault 78] the old block is intact");
    ok(ashlar_heap_realloc(heap, large, 4000000, 0) == NULL && is_filled(large, 0x43, 100000),
       "[fault 78] also a large one");
    ok(ashlar_heap_realloc(heap, large, SIZE_MAX / 2u + 2u, 0) == NULL && is_filled(large, 0x43, 100000),
       "[fault 78] at a size that is none");
    ashlar_heap_fail_nth(heap, 1);
    ok(ashlar_heap_realloc(heap, object, 100, 0) == object && ashlar_heap_usable_size(heap, object) == 512,
       "what cannot move to become smaller stays as it is");
    ashlar_heap_free_sized(heap, object, 100);
    ashlar_heap_free(heap, large);
    end("sound after failed reallocs");
}

/* --- misuse ----------------------------------------------------------------- */

static void test_double_free(void)
{
    begin(0);
    char *object = take(64);
    char *other = take(64);
    ashlar_heap_free(heap, object);
    const char *message = SIM_FATAL(ashlar_heap_free(heap, object));
    like(message, "not live (double free?)", "[fault 61] double free at once is fatal");
    char text[64];
    snprintf(text, sizeof text, "0 bytes into free object 0x%" PRIxPTR " of 64 bytes", (uintptr_t)object);
    like(message, text, "[fault 61] and names the object");
    like(message, "called from 0x", "[fault 61] and the caller");
    for (unsigned i = 0; i < 300; i++) {
        ashlar_heap_free(heap, take(64 + i));
    }
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "double free", "[fault 62] double free later");
    char *third = take(64);
    ashlar_heap_free(heap, other);
    like(SIM_FATAL(ashlar_heap_free(heap, other)), "double free", "[fault 63] double free with others between");
    ashlar_heap_free(heap, third);
    like(SIM_FATAL(ashlar_heap_free_sized(heap, third, 64)), "sized free of", "a sized one says so");
    end("sound after double frees");
}

static void test_remote_double_free(void)
{
    begin(0);
    char *object = take(64);
    char *second = take(64);
    sim_set_cpu(1);
    ashlar_heap_free(heap, object);
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "double free", "[fault 64] twice on another CPU");
    sim_set_cpu(0);
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "double free", "[fault 64] on another CPU, then on its own");
    ashlar_heap_free(heap, second);
    sim_set_cpu(1);
    like(SIM_FATAL(ashlar_heap_free(heap, second)), "double free", "[fault 64] on its own, then on another");
    ok(SIM_FATAL((void)!ashlar_heap_realloc(heap, object, 10, 0)) != NULL,
       "[fault 79] realloc of what another CPU freed");
    end("sound after double frees on two CPUs");
}

static void test_write_after_remote_free(void)
{
    begin(0);
    char *object = take(64);
    sim_set_cpu(1);
    ashlar_heap_free(heap, object);
    memset(object, 0x55, 64);
    sim_set_cpu(0);
    const char *message = SIM_FATAL((void)ashlar_heap_work(heap));
    like(message, "write after free", "[fault 74] write to what is on its way back");
    ok(ashlar_heap_audit(heap) == NULL && stats_of(heap).live_objects == 1, "what was written to is lost, no more");
    source_free(&test);
}

static void test_bad_pointers(void)
{
    static char global[64];
    char local[64];
    begin(0);
    char *object = take(100);
    char *large = take(100000);
    char *tail = take(1008);
    like(SIM_FATAL(ashlar_heap_free(heap, object + 16)), "interior pointer: 16 bytes into live object",
         "[fault 65] interior pointer");
    like(SIM_FATAL(ashlar_heap_free(heap, object + 8)), "interior pointer: 8 bytes into live object",
         "[fault 65] interior, not aligned");
    like(SIM_FATAL(ashlar_heap_free(heap, object + 1)), "interior pointer: 1 bytes into live object",
         "[fault 65] by one");
    like(SIM_FATAL(ashlar_heap_free(heap, large + 4096)), "interior pointer: 4096 bytes into large block",
         "[fault 65] interior pointer of a large block");
    like(SIM_FATAL(ashlar_heap_free(heap, local)), "wild pointer: not in the heap's range", "[fault 66] the stack");
    like(SIM_FATAL(ashlar_heap_free(heap, global)), "wild pointer: not in the heap's range", "[fault 66] a global");
    like(SIM_FATAL(ashlar_heap_free(heap, (void *)(uintptr_t)4096)), "wild pointer", "[fault 66] a small number");
    like(SIM_FATAL(ashlar_heap_free(heap, (void *)(heap->base + 64 * 4096u * 40u))), "in empty pages of the heap",
         "[fault 66] what nothing is behind");
    like(SIM_FATAL(ashlar_heap_free(heap, (void *)heap->range_base)), "the heap's own bookkeeping",
         "[fault 66] the heap's bookkeeping");
    like(SIM_FATAL(ashlar_heap_free(heap, tail + 4 * 1008)), "behind the last object of a slab",
         "[fault 66] behind a slab's last object");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, object + 16, 200, 0)), "realloc of",
         "[fault 79] realloc of no object");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, local, 200, 0)), "wild pointer", "[fault 79] realloc of the stack");
    like(SIM_FATAL((void)ashlar_heap_usable_size(heap, object + 16)), "usable size of", "usable size of no object");
    ashlar_heap_free(heap, object);
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, object, 200, 0)), "double free",
         "[fault 79] realloc of a freed object");
    ashlar_heap_free(heap, large);
    ashlar_heap_free(heap, tail);
    end("sound after bad pointers");
}

static void test_large_frees(void)
{
    begin(0);
    char *large = take(2000000);
    ashlar_heap_free(heap, large);
    ok(stats_of(heap).shrinks != 0, "a large block's pages went back at once");
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "one whose pages went back already",
         "[fault 67] free of a large block that is unmapped");
    large = take(50000);
    ashlar_heap_free(heap, large);
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "not live (double free?)", "[fault 67] of one whose pages are kept");
    end("sound after double frees of large blocks");
}

static void test_sized_frees(void)
{
    begin(0);
    char *object = take(100);
    char *large = take(40000);
    like(SIM_FATAL(ashlar_heap_free_sized(heap, object, 64)), "with 64 bytes: the object has 112",
         "[fault 81] sized free with too little");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, object, 113)), "with 113 bytes: the object has 112",
         "[fault 81] with too much");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, object, 0)), "with 0 bytes", "[fault 81] with nothing");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, large, 36000)), "with 36000 bytes: the object has 40960",
         "[fault 81] a large block with too little");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, large, 40961)), "with 40961 bytes", "[fault 81] with too much");
    ashlar_heap_free_sized(heap, object, 97);
    ashlar_heap_free_sized(heap, large, 40960);
    end("sound after sized frees");
}

static void test_write_after_free(void)
{
    begin(0);
    unsigned char *objects[8];
    for (unsigned i = 0; i < 8; i++) {
        objects[i] = take(64);
    }
    for (unsigned i = 0; i < 4; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
    objects[3][0] = 0x55;
    const char *message = SIM_FATAL((void)take(64); (void)take(64));
    like(message, "a free object of 64 bytes was written to", "[fault 74] write after free is found at reuse");
    like(message, "free list of slab 0x", "[fault 85] and names the slab whose list is broken");
    source_free(&test);
    begin(0);
    objects[0] = take(64);
    objects[1] = take(64);
    ashlar_heap_free(heap, objects[0]);
    memset(objects[0], 0xff, 8);
    message = SIM_FATAL((void)take(64); (void)take(64));
    like(message, "was written to", "[fault 85] a link overwritten with the end of the list");
    source_free(&test);
}

static void test_before_init(void)
{
    static struct ashlar_heap nothing;
    like(SIM_FATAL((void)!ashlar_heap_alloc(&nothing, 10, 0)), "heap: used before init",
         "[fault 88] alloc before init");
    like(SIM_FATAL((void)!ashlar_heap_alloc_aligned(&nothing, 64, 10, 0)), "heap: used before init",
         "[fault 88] aligned alloc before init");
    like(SIM_FATAL(ashlar_heap_free(&nothing, &nothing)), "heap: used before init", "[fault 88] free before init");
    begin(0);
    sim_set_cpu(7);
    like(SIM_FATAL((void)!ashlar_heap_alloc(heap, 10, 0)), "CPU 7 uses a heap made for 2 CPUs",
         "a CPU too many is fatal");
    sim_set_cpu(0);
    end("sound after a CPU too many");
}

int main(void)
{
    test_sizes();
    test_odd_sizes();
    test_alignment();
    test_zero(0, "pages come back dirty");
    test_zero(ASHLAR_HEAP_SOURCE_ZEROED, "pages come back zeroed");
    test_realloc_small();
    test_realloc_zero();
    test_realloc_fails();
    test_double_free();
    test_remote_double_free();
    test_write_after_remote_free();
    test_bad_pointers();
    test_large_frees();
    test_sized_frees();
    test_write_after_free();
    test_before_init();
    return done_testing();
}
