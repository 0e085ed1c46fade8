/* SPDX-License-Identifier: 0BSD */
/* canary.c - bytes behind an object that were written to are found when it is freed. */
#include "fixture.h"

#include <ashlar/heap.h>

static void overrun_by(unsigned char *object, const unsigned char *kept, size_t bytes)
{
    memset(object + 100, 0x41, bytes);
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "byte 100 was written", "[fault 72] an overrun by 1, 8, 12");
    memcpy(object + 100, kept, 12);
}

static void test_canary(void)
{
    begin();
    struct ashlar_cache *cache = make_cache(heap, "guarded", 100, 0, ASHLAR_CACHE_CANARY);
    unsigned char *object = ashlar_cache_alloc(cache, 0);
    unsigned char *next = ashlar_cache_alloc(cache, 0);
    unsigned char kept[32];
    memset(object, 0, 100);
    ashlar_cache_free(cache, object);
    ok(ashlar_cache_alloc(cache, 0) == object, "an object filled to its end is sound");
    memcpy(kept, object + 100, 12);
    object[100] = 0;
    const char *message = SIM_FATAL(ashlar_cache_free(cache, object));
    like(message, "overrun of object 0x", "[fault 71] one NUL too many is found on free");
    like(message, "of 100 bytes, cache guarded: byte 100 was written", "[fault 71] with size, cache and byte");
    object[100] = kept[0];
    overrun_by(object, kept, 1);
    overrun_by(object, kept, 8);
    overrun_by(object, kept, 12);
    object[111] = 1;
    like(SIM_FATAL(ashlar_cache_free(cache, object)), "byte 111 was written",
         "[fault 72] the last byte of slack alone");
    object[111] = kept[11];
    unsigned char *lower = object < next ? object : next;
    unsigned char *upper = object < next ? next : object;
    upper[-1] ^= 0xff;
    like(SIM_FATAL(ashlar_cache_free(cache, lower)), "overrun of object", "[fault 73] an underrun, at its neighbour");
    upper[-1] ^= 0xff;
    void *freed = object;
    ashlar_cache_free(cache, object);
    like(SIM_FATAL(ashlar_cache_free(cache, freed)), "not live (double free?)",
         "[fault 61] a double free, with a canary");
    ashlar_cache_free(cache, next);
    ok(ashlar_cache_destroy(cache) == ASHLAR_OK, "destroyed");
    end("sound after overruns");
}

int main(void)
{
    test_canary();
    return done_testing();
}
