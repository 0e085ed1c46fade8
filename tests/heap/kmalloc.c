/* SPDX-License-Identifier: 0BSD */
/* kmalloc.c - the plain names on one bound heap, and what they say before there is one. */
#include "source.h"

#define ASHLAR_PLAIN_NAMES
#include <ashlar/kmalloc.h>

static struct ashlar_heap *heap;
static struct test_source test;

static void test_unbound(void)
{
    static char global;
    kfree(NULL);
    ashlar_kmalloc_answer();
    is_u(ashlar_work(), 0, "nothing to do before bind; kfree of NULL does nothing");
    like(SIM_FATAL((void)!kmalloc(10)), "heap: used before init", "[fault 88] kmalloc before bind");
    like(SIM_FATAL((void)!kmalloc(100000)), "heap: used before init", "[fault 88] a large one");
    like(SIM_FATAL((void)!kzalloc(10)), "heap: used before init", "[fault 88] kzalloc");
    like(SIM_FATAL((void)!kcalloc(2, 10)), "heap: used before init", "[fault 88] kcalloc");
    like(SIM_FATAL((void)!krealloc(NULL, 10)), "heap: used before init", "[fault 88] krealloc");
    like(SIM_FATAL((void)!kmemalign(64, 10)), "heap: used before init", "[fault 88] kmemalign");
    like(SIM_FATAL(kfree(&global)), "heap: used before init", "[fault 88] kfree");
    like(SIM_FATAL(kfree_sized(&global, 1)), "heap: used before init", "[fault 88] kfree_sized");
    like(SIM_FATAL((void)kmalloc_usable_size(&global)), "heap: used before init", "[fault 88] usable size");
    like(SIM_FATAL((void)kmalloc_size_roundup(1)), "heap: used before init", "[fault 88] roundup");
    like(SIM_FATAL((void)!kmalloc_prefill(1, 1)), "heap: used before init", "[fault 88] prefill");
}

static void test_bound(void)
{
    unsigned char *object = kmalloc(100);
    is_u(kmalloc_usable_size(object), 112, "kmalloc");
    memset(object, 7, 112);
    object = krealloc(object, 300);
    ok(object != NULL && object[99] == 7, "krealloc keeps contents");
    kfree_sized(object, 300);
    object = kzalloc(100);
    ok(object != NULL && object[0] == 0 && object[111] == 0, "kzalloc");
    kfree(object);
    object = kcalloc(10, 10);
    ok(object != NULL && object[99] == 0, "kcalloc");
    kfree(object);
    ok(kcalloc(SIZE_MAX / 2u, 3) == NULL, "[fault 68] kcalloc of a size that overflows");
    ok(kcalloc((size_t)1 << (sizeof(size_t) * 4u), (size_t)1 << (sizeof(size_t) * 4u)) == NULL,
       "[fault 68] to zero exactly");
    ok(kmalloc((size_t)PTRDIFF_MAX + 1u) == NULL, "[fault 69] kmalloc over PTRDIFF_MAX");
    object = kmemalign(4096, 10);
    ok(object != NULL && (uintptr_t)object % 4096u == 0, "kmemalign");
    kfree_sized(object, 10);
    ok(kmemalign(24, 10) == NULL && kmemalign(0, 10) == NULL, "[fault 77] a bad alignment");
    is_u(kmalloc_size_roundup(1025), 1152, "roundup");
    ok(kmalloc_prefill(64, 10) == ASHLAR_OK, "prefill");
    object = kmalloc(0);
    void *other = kmalloc(0);
    ok(object != NULL && object != other, "[fault 70] kmalloc(0) is unique");
    sim_set_cpu(1);
    kfree(other);
    sim_set_cpu(0);
    heap->owners[0].asked = 1;
    ashlar_kmalloc_answer();
    ok(heap->owners[0].asked == 0 && !place_of(heap, other).live,
       "a kick's handler takes in what another CPU waits for");
    other = kmalloc(0);
    kfree(object);
    like(SIM_FATAL(kfree(object)), "not live (double free?)", "[fault 61] a double kfree");
    kfree(other);
}

int main(void)
{
    test_unbound();
    heap = source_heap(&test, 1024, 2, 0, 0);
    ashlar_kmalloc_bind(heap);
    like(SIM_FATAL(ashlar_kmalloc_bind(heap)), "bound a second time", "bind twice is fatal");
    test_bound();
    is_u(ashlar_work(), 0, "work");
    is_str(source_audit(heap, &test), NULL, "sound");
    is_u(stats_of(heap).live_objects, 0, "nothing is live");
    ashlar_kmalloc_bind(NULL);
    like(SIM_FATAL((void)!kmalloc(10)), "heap: used before init", "unbound again");
    source_free(&test);
    return done_testing();
}
