/* SPDX-License-Identifier: 0BSD */
/* cache.c - object caches: shapes, bulk calls, objects of others, destruction. */
#include "fixture.h"

#include <ashlar/heap.h>

static int find_info(void *context, struct ashlar_cache *cache, const struct ashlar_cache_info *info)
{
    struct ashlar_cache_info *wanted = context;
    (void)cache;
    if (strcmp(info->name, wanted->name) != 0) {
        return 0;
    }
    *wanted = *info;
    return 1;
}

static struct ashlar_cache_info info_of(const char *name)
{
    struct ashlar_cache_info info = {name, 0, 0, 0, 0, 0, 0};
    ashlar_cache_walk(heap, find_info, &info);
    return info;
}

static void test_shapes(void)
{
    static const struct {
        size_t bytes, align, stride;
        unsigned flags;
    } rows[] = {{1, 0, 16, 0},     {24, 0, 32, 0},     {64, 0, 64, 0},       {100, 0, 112, 0},
                {100, 64, 128, 0}, {4096, 0, 4096, 0}, {32768, 0, 32768, 0}, {3000, 4096, 4096, 0},
                {100, 0, 112, 1},  {64, 0, 128, 1},    {24, 0, 32, 1},       {25, 8, 48, 1}};
    bool fits = true;
    begin();
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ashlar_cache *cache = make_cache(heap, "shape", rows[i].bytes, rows[i].align, rows[i].flags);
        unsigned char *first = ashlar_cache_alloc(cache, ASHLAR_HEAP_ZERO);
        unsigned char *second = ashlar_cache_alloc(cache, 0);
        size_t align = rows[i].align > 16 ? rows[i].align : 16;
        if (first == NULL || second == NULL) {
            exit(1);
        }
        fits = fits && (uintptr_t)first % align == 0 && (uintptr_t)second % align == 0;
        fits = fits && info_of("shape").stride_bytes == rows[i].stride && info_of("shape").live == 2;
        fits = fits && ashlar_heap_usable_size(heap, first) == rows[i].bytes && first[0] == 0 &&
               first[rows[i].bytes - 1] == 0;
        memset(first, 0xff, rows[i].bytes);
        memset(second, 0xff, rows[i].bytes);
        ashlar_cache_free(cache, first);
        ashlar_heap_free_sized(heap, second, rows[i].bytes);
        fits = fits && ashlar_cache_destroy(cache) == ASHLAR_OK;
        if (!fits) {
            printf("# %zu bytes, aligned to %zu\n", rows[i].bytes, rows[i].align);
            break;
        }
    }
    ok(fits, "stride, alignment and usable size are as asked for");
    is_u(stats_of(heap).caches, 0, "no cache is left");
    end("sound after shapes");
}

static void test_refused(void)
{
    struct ashlar_cache *cache = NULL;
    begin();
    ok(ashlar_cache_create(heap, "x", 0, 0, 0, &cache) == ASHLAR_BAD_ARGUMENT, "no cache of nothing");
    ok(ashlar_cache_create(heap, "x", 32769, 0, 0, &cache) == ASHLAR_BAD_ARGUMENT, "none over 32 KiB");
    ok(ashlar_cache_create(heap, "x", 64, 48, 0, &cache) == ASHLAR_BAD_ARGUMENT, "[fault 77] none aligned to 48");
    ok(ashlar_cache_create(heap, "x", 64, 8192, 0, &cache) == ASHLAR_BAD_ARGUMENT, "none aligned to more than a page");
    ok(ashlar_cache_create(heap, "x", 64, 0, 2, &cache) == ASHLAR_BAD_ARGUMENT, "unknown flags");
    test.limit = 1;
    ok(ashlar_cache_create(heap, "x", 64, 0, 0, &cache) == ASHLAR_NO_FRAMES && cache == NULL, "no memory, no cache");
    end("sound after refusals");
}

static void test_bulk(void)
{
    static void *objects[2000];
    begin();
    struct ashlar_cache *cache = make_cache(heap, "bulk", 200, 0, 0);
    ok(ashlar_cache_alloc_bulk(cache, ASHLAR_HEAP_ZERO, objects, 2000) != 0, "2000 objects at once");
    bool zero = true;
    for (unsigned i = 0; i < 2000; i++) {
        zero = zero && *(unsigned char *)objects[i] == 0;
        memset(objects[i], (int)(i & 0xffu), 200);
    }
    bool own = true;
    for (unsigned i = 0; i < 2000; i++) {
        own = own && *(unsigned char *)objects[i] == (i & 0xffu);
    }
    ok(zero && own, "zeroed, and each its own");
    is_u(info_of("bulk").live, 2000, "all are counted");
    sim_set_cpu(1);
    ashlar_cache_free_bulk(cache, objects, 1000);
    sim_set_cpu(0);
    ashlar_cache_free_bulk(cache, objects + 1000, 1000);
    settle_all(heap, CPUS);
    is_u(info_of("bulk").live, 0, "and freed at once, half of them on another CPU");
    (void)ashlar_heap_shrink(heap, 0);
    test.limit = test.backed_pages + 30;
    memset(objects, 0, sizeof objects);
    ok(ashlar_cache_alloc_bulk(cache, 0, objects, 2000) == 0, "all or nothing");
    is_u(info_of("bulk").live, 0, "nothing, then");
    ok(ashlar_cache_alloc_bulk(cache, 0, objects, 0) != 0, "none can always be had");
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK, "destroyed");
    end("sound after bulk calls");
}

static void test_wrong_cache(void)
{
    begin();
    struct ashlar_cache *inodes = make_cache(heap, "inode", 100, 0, 0);
    struct ashlar_cache *files = make_cache(heap, "file", 100, 0, 0);
    void *inode = ashlar_cache_alloc(inodes, 0);
    void *file = ashlar_cache_alloc(files, 0);
    void *plain = ashlar_heap_alloc(heap, 100, 0);
    void *large = ashlar_heap_alloc(heap, 100000, 0);
    like(SIM_FATAL(ashlar_cache_free(files, inode)), "to cache file: it is an object of cache inode, 100 bytes",
         "[fault 82] an object of another cache");
    like(SIM_FATAL(ashlar_cache_free(files, plain)), "it is an object of no cache, 112 bytes", "[fault 82] of none");
    like(SIM_FATAL(ashlar_cache_free(files, large)), "it is an object of no cache", "[fault 82] a large block");
    like(SIM_FATAL(ashlar_cache_free_bulk(files, &inode, 1)), "of cache inode", "[fault 82] in bulk");
    like(SIM_FATAL(ashlar_cache_free(files, &inode)), "wild pointer", "[fault 66] the stack, to a cache");
    like(SIM_FATAL(ashlar_cache_free(files, files)), "the heap's own bookkeeping", "[fault 66] a cache itself");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, file, 200, 0)), "an object of cache file",
         "realloc of a cache's object");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, file, 101)), "the object has 100", "[fault 81] sized free of one");
    like(SIM_FATAL(ashlar_cache_free(files, (char *)file + 16)), "interior pointer: 16 bytes into live object",
         "[fault 65] an interior pointer to a cache");
    like(SIM_FATAL(ashlar_heap_free(heap, (char *)file + 16)), "of 100 bytes, cache file",
         "[fault 65] the cache is named");
    void *twice[2] = {file, file};
    like(SIM_FATAL(ashlar_cache_free_bulk(files, twice, 2)), "double free", "[fault 61] twice in one bulk call");
    ashlar_cache_free(files, NULL);
    ashlar_cache_free(inodes, inode);
    ashlar_heap_free(heap, plain);
    ashlar_heap_free(heap, large);
    ok(ashlar_cache_destroy(files) == ASHLAR_OK && ashlar_cache_destroy(inodes) == ASHLAR_OK, "both are empty");
    end("sound after wrong caches");
}

static void test_destroy(void)
{
    void *objects[3];
    begin();
    struct ashlar_cache *cache = make_cache(heap, "doomed", 40, 0, 0);
    ok(ashlar_cache_alloc_bulk(cache, 0, objects, 3) != 0, "three objects");
    like(SIM_FATAL((void)!ashlar_cache_destroy(cache)), "cache doomed destroyed with 3 live objects of 40 bytes",
         "[fault 87] destroyed with live objects: the count");
    ashlar_cache_free_bulk(cache, objects, 2);
    like(SIM_FATAL((void)!ashlar_cache_destroy(cache)), "with 1 live objects", "[fault 87] with one");
    sim_set_cpu(1);
    ashlar_cache_free(cache, objects[2]);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_cache_destroy(cache) == ASHLAR_MAY_NOT_WAIT, "interrupts destroy nothing");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_str(source_audit(heap, &test), NULL, "nothing was changed");
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK,
       "[fault 139] objects on their way back to another CPU do not stand in the way");
    is_u(stats_of(heap).slabs, 0, "its slabs are gone");
    end("sound after destruction");
}

/* Whoever has taken them, and wherever others are on their way: those that live are counted, and no more. */
static void test_live_elsewhere(void)
{
    static void *home[200], *away[200], *second[200];
    begin();
    struct ashlar_cache *cache = make_cache(heap, "doomed", 40, 0, 0);
    bool taken = ashlar_heap_prefill(heap, 40, 1) == ASHLAR_OK && ashlar_cache_alloc_bulk(cache, 0, home, 200) != 0;
    sim_set_cpu(1);
    taken = taken && ashlar_cache_alloc_bulk(cache, 0, away, 200) != 0;
    heap->owners[1].state |= OWNER_BUSY;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    unsigned count = 0;
    while (count < 200 && (second[count] = ashlar_cache_alloc(cache, 0)) != NULL) {
        count++;
    }
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    heap->owners[1].state &= ~OWNER_BUSY;
    ok(taken && count > 2, "objects of two CPUs', and %u of an interrupt's", count);
    ashlar_cache_free_bulk(cache, home, 200);
    sim_set_cpu(0);
    ashlar_cache_free_bulk(cache, away, 198);
    ashlar_cache_free_bulk(cache, second + 1, count - 1u);
    like(SIM_FATAL((void)!ashlar_cache_destroy(cache)), "with 3 live objects",
         "[fault 87] two of another CPU's, and one of its interrupts'");
    ashlar_cache_free(cache, second[0]);
    like(SIM_FATAL((void)!ashlar_cache_destroy(cache)), "with 2 live objects", "[fault 87] two of another CPU's");
    ashlar_cache_free_bulk(cache, away + 198, 2);
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK, "[fault 87] none: it goes");
    end("sound after live objects");
}

int main(void)
{
    test_shapes();
    test_refused();
    test_bulk();
    test_wrong_cache();
    test_destroy();
    test_live_elsewhere();
    return done_testing();
}
