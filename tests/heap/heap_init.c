/* SPDX-License-Identifier: 0BSD */
/* heap_init.c - what init refuses; heaps over plain ranges: how much of them is payload, any alignment, the least,
 * and what is borrowed.
 */
#include "source.h"

#include <ashlar/config.h>
#include <ashlar/heap.h>

#define OBJECTS_MOST 300000u

static void *objects[OBJECTS_MOST];
static size_t sizes[OBJECTS_MOST];
static unsigned char *memory;

static struct ashlar_heap *heap_in(size_t bytes, size_t skew)
{
    struct ashlar_heap *heap = NULL;
    memory = malloc(bytes + 4096);
    memset(memory, 0x99, bytes + 4096);
    unsigned char *aligned = memory + (4096 - (uintptr_t)memory % 4096);
    if (ashlar_heap_init_range(aligned + skew, bytes - skew, &heap) != ASHLAR_OK) {
        return NULL;
    }
    return heap;
}

static size_t mixed_size(uint64_t *seed)
{
    uint64_t random = tap_random(seed);
    unsigned kind = (unsigned)(random >> 32) % 16u;
    size_t most = kind < 10 ? 128 : kind < 14 ? 512 : 1500;
    return 1u + (size_t)random % most;
}

/* Until the first failure; returns bytes asked for. bytes 0: a mix. */
static size_t fill(struct ashlar_heap *heap, size_t bytes, unsigned *count)
{
    uint64_t seed = 99;
    size_t sum = 0;
    for (*count = 0; *count < OBJECTS_MOST; ++*count) {
        sizes[*count] = bytes != 0 ? bytes : mixed_size(&seed);
        objects[*count] = ashlar_heap_alloc(heap, sizes[*count], 0);
        if (objects[*count] == NULL) {
            break;
        }
        memset(objects[*count], (int)(*count & 0xffu), sizes[*count]);
        sum += sizes[*count];
    }
    return sum;
}

static bool empty(struct ashlar_heap *heap, unsigned count)
{
    bool intact = true;
    for (unsigned i = 0; i < count; i++) {
        const unsigned char *object = objects[i];
        intact = intact && object[0] == (i & 0xffu) && object[sizes[i] - 1] == (i & 0xffu);
        ashlar_heap_free_sized(heap, objects[i], sizes[i]);
    }
    return intact;
}

static void test_payload(size_t bytes, size_t object_bytes, unsigned least_percent)
{
    unsigned count;
    struct ashlar_heap *heap = heap_in(bytes, 0);
    size_t sum = fill(heap, object_bytes, &count);
    printf("# %zu bytes of bookkeeping\n", stats_of(heap).metadata_bytes);
    unsigned percent = (unsigned)(sum / (bytes / 100u));
    ok(percent >= least_percent, "%zu KiB hold %u%% payload of %s, at least %u%%", bytes >> 10, percent,
       object_bytes != 0 ? "64-byte objects" : "mixed objects", least_percent);
    is_str(ashlar_heap_audit(heap), NULL, "sound while full");
    ok(empty(heap, count) && stats_of(heap).live_objects == 0, "all came back intact");
    size_t again = fill(heap, object_bytes, &count);
    ok(again + again / 10 >= sum, "and as much can be had again (%zu, %zu)", sum, again);
    empty(heap, count);
    is_str(ashlar_heap_audit(heap), NULL, "sound at the end");
    free(memory);
}

/* Mixes of the kinds that hurt most: many classes, each with few objects. */
static void test_mixes(void)
{
    unsigned least = 100;
    uint64_t seed = 5;
    for (unsigned round = 0; round < 60; round++) {
        struct ashlar_heap *heap = heap_in(65536, 0);
        size_t most = (size_t)100 << round % 4u;
        size_t sum = 0;
        for (;;) {
            size_t bytes = 1u + (size_t)(tap_random(&seed) % most);
            if (ashlar_heap_alloc(heap, bytes, 0) == NULL) {
                break;
            }
            sum += bytes;
        }
        least = sum / 655 < least ? (unsigned)(sum / 655) : least;
        free(memory);
    }
    ok(least >= 50, "sizes from 1 to 100, 200, 400 or 800, any of them: at least half of 64 KiB is payload (%u%%)",
       least);
}

static void test_alignments(void)
{
    bool sound = true;
    for (size_t skew = 0; skew < 4096; skew += skew < 20 ? 1 : 397) {
        unsigned count;
        struct ashlar_heap *heap = heap_in(65536, skew);
        size_t sum = heap != NULL ? fill(heap, 64, &count) : 0;
        sound = sound && sum > 65536 / 2 && ashlar_heap_audit(heap) == NULL && empty(heap, count);
        const unsigned char *end = memory + (4096 - (uintptr_t)memory % 4096) + 65536;
        sound = sound && heap->runs.base + ((uintptr_t)heap->runs.total << heap->runs.unit_shift) <= (uintptr_t)end &&
                *end == 0x99;
        free(memory);
    }
    ok(sound, "a range may begin anywhere, and nothing behind it is written to");
}

static void test_least(void)
{
    static unsigned char range[40000];
    struct ashlar_heap *heap = NULL;
    ashlar_status status = ASHLAR_OK;
    size_t bytes = sizeof range;
    for (; bytes != 0; bytes -= 100) {
        status = ashlar_heap_init_range(range, bytes, &heap);
        if (status != ASHLAR_OK) {
            break;
        }
        void *object = ashlar_heap_alloc(heap, 64, 0);
        if (object == NULL || ashlar_heap_audit(heap) != NULL) {
            break;
        }
    }
    ok(status == ASHLAR_NO_STORAGE, "too small a range says so");
    ok(bytes < 20000, "some 16 KiB are enough (%zu are too little)", bytes);
    heap = NULL;
    ok(ashlar_heap_init_range(NULL, 65536, &heap) == ASHLAR_BAD_ARGUMENT, "NULL is no range");
    ok(ashlar_heap_init_range((void *)(UINTPTR_MAX - 1000u), 65536, &heap) == ASHLAR_BAD_ARGUMENT,
       "nor one that wraps");
    ok(ashlar_heap_init_range(range, 100, &heap) == ASHLAR_NO_STORAGE && heap == NULL, "nothing was made");
}

static void test_borrowing(void)
{
    unsigned count;
    struct ashlar_heap *heap = heap_in(65536, 0);
    (void)fill(heap, 400, &count);
    while (ashlar_heap_alloc(heap, 16, 0) != NULL) {
    }
    size_t before = stats_of(heap).borrows;
    ashlar_heap_free(heap, objects[count / 2]); /* not a slab's only object: an empty slab would go */
    void *borrowed = ashlar_heap_alloc(heap, 144, 0);
    ok(borrowed != NULL && ashlar_heap_usable_size(heap, borrowed) == 400, "a larger class lends an object");
    is_u(stats_of(heap).borrows, before + 1, "which is counted");
    ok(ashlar_heap_alloc(heap, 144, 0) == NULL, "one only");
    ashlar_heap_free_sized(heap, borrowed, 144);
    ok(ashlar_heap_alloc(heap, 80, 0) == NULL, "not to a class less than a quarter as large");
    ok(ashlar_heap_alloc(heap, 144, 0) == borrowed, "a borrowed object is freed by its size");
    is_str(ashlar_heap_audit(heap), NULL, "sound after borrowing");
    free(memory);
}

static void test_two_cpus(void)
{
    static unsigned char range[300000];
    struct ashlar_heap *heap = NULL;
    struct ashlar_heap_options options = {.max_cpus = 2};
    ok(ashlar_heap_init_range_with(range, sizeof range, &options, &heap) == ASHLAR_OK, "a range for two CPUs");
    void *object = ashlar_heap_alloc(heap, 64, 0);
    sim_set_cpu(1);
    ashlar_heap_free(heap, object);
    settle_all(heap, 2);
    is_u(stats_of(heap).live_objects, 0, "what one takes the other may free");
    is_u(ashlar_heap_shrink(heap, 0), 0, "nothing to give back to");
    struct ashlar_heap_stats stats = stats_of(heap);
    ok(stats.range_bytes == sizeof range - ((uintptr_t)range & 15u) && stats.backed_bytes == stats.range_bytes &&
           stats.peak_bytes == stats.range_bytes,
       "all of it is backed");
    is_str(ashlar_heap_audit(heap), NULL, "sound on two CPUs");
}

static void test_bad_init(void)
{
    static _Alignas(16) char storage[65536];
    struct ashlar_heap *made = NULL;
    struct ashlar_heap_options options = {.max_cpus = 1};
    struct ashlar_heap_source source = {.base = 0x10000000,
                                        .pages = 1024,
                                        .commit = source_commit,
                                        .decommit = source_decommit};
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

/* Where a program of 32 bits may have memory at all, it is not at the very end: of the range, what lies there is not
 * touched. */
static void test_last_address(void)
{
    struct ashlar_heap *made = NULL;
    ok(ashlar_heap_init_range((void *)(UINTPTR_MAX - 8191u), 8192, &made) == ASHLAR_NO_STORAGE,
       "[fault 147] a range may end at the last address, if it is large enough");
    ok(ashlar_heap_init_range((void *)(UINTPTR_MAX - 7u), 8, &made) == ASHLAR_NO_STORAGE, "[fault 147] or too small");
    ok(ashlar_heap_init_range((void *)(UINTPTR_MAX - 8191u), 8193, &made) == ASHLAR_BAD_ARGUMENT, "it may not wrap");
    ok(made == NULL, "nothing was made");
    if (sizeof(void *) > 4u) {
        return;
    }
    const size_t bytes = (size_t)64 << 20;
    char *last = mmap((void *)(UINTPTR_MAX - bytes + 1u), bytes / 8u, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if ((uintptr_t)last != UINTPTR_MAX - bytes + 1u) {
        ok(1, "# SKIP no memory at %p", (void *)(UINTPTR_MAX - bytes + 1u));
        return;
    }
    ok(ashlar_heap_init_range(last, bytes, &made) == ASHLAR_OK, "[fault 147] 64 MiB at the end");
    void *object = ashlar_heap_alloc(made, 100, 0);
    void *rest = ashlar_heap_alloc(made, (size_t)60 << 20, 0);
    ok(object != NULL && rest != NULL && (uintptr_t)rest + ((size_t)60 << 20) - 1u > (uintptr_t)rest,
       "[fault 147] a block of 60 MiB at the end of it");
    ashlar_heap_free(made, object);
    is_str(ashlar_heap_audit(made), NULL, "[fault 147] sound");
    munmap(last, bytes / 8u);
}

int main(void)
{
    test_last_address();
    test_payload(65536, 64, 75);
    test_payload(65536, 0, 50);
    test_payload(1 << 20, 64, 80);
    test_payload(1 << 20, 0, 70);
    test_payload(16 << 20, 64, 90);
    test_payload(16 << 20, 0, 75);
    test_mixes();
    test_alignments();
    test_least();
    test_borrowing();
    test_two_cpus();
    test_bad_init();
    return done_testing();
}
