/* SPDX-License-Identifier: 0BSD */
/* prefill.c - allocations that are certain afterwards, in threads and in interrupts. */
#include "fixture.h"

#include <ashlar/heap.h>
#include <time.h>

static void *objects[100];

static void test_prefill(void)
{
    bool served = true;
    begin();
    ok(ashlar_heap_prefill(heap, 100, 50) == ASHLAR_OK, "prefill 50 objects");
    size_t commits = test.commits;
    ok(ashlar_heap_prefill(heap, 100, 50) == ASHLAR_OK && test.commits == commits, "twice costs nothing");
    heap->owners[0].state |= OWNER_BUSY;
    sim_set_context(ASHLAR_CONTEXT_NMI);
    for (unsigned i = 0; i < 50; i++) {
        objects[i] = ashlar_heap_alloc(heap, 100, 0);
        served = served && objects[i] != NULL;
    }
    ok(served, "[fault 84] an NMI in the middle of something gets them all");
    heap->owners[0].state = 0;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    for (unsigned i = 50; i < 100; i++) {
        objects[i] = ashlar_heap_alloc(heap, 100, 0);
        served = served && objects[i] != NULL;
    }
    ok(served, "and the CPU itself as many");
    is_u(test.commits, commits, "without growth");
    ok(ashlar_heap_prefill(heap, 100, 1) == ASHLAR_MAY_NOT_WAIT, "not in an interrupt");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ok(ashlar_heap_prefill(heap, 32769, 1) == ASHLAR_BAD_ARGUMENT, "not over 32 KiB");
    test.limit = test.backed_pages;
    ok(ashlar_heap_prefill(heap, 32768, 100) == ASHLAR_NO_FRAMES, "not without memory");
    give_objects(heap, objects, 100);
    end("sound after prefill");
}

static void test_prefill_fails(void)
{
    begin();
    void *object = take_one(heap, 64);
    size_t backed = test.backed_pages;
    size_t slabs = stats_of(heap).slabs;
    test.limit = backed + 1000;
    ok(ashlar_heap_prefill(heap, 64, 100000) == ASHLAR_NO_FRAMES, "12 MiB of objects in 4 MiB");
    is_u(stats_of(heap).slabs, slabs, "[fault 145] a prefill that fails keeps no slab");
    ok(stats_of(heap).empty_bytes <= (256u << 10) * 5u / 4u, "[fault 145] what it gathered went back to the source");
    is_str(source_audit(heap, &test), NULL, "[fault 145] sound after a prefill that failed");
    ashlar_heap_free(heap, object);
    (void)ashlar_heap_shrink(heap, 0);
    is_u(stats_of(heap).empty_bytes + stats_of(heap).slab_bytes, 0, "[fault 145] and nothing is left in the end");
    ok(ashlar_heap_prefill(heap, 16, SIZE_MAX) == ASHLAR_NO_FRAMES, "more objects than the range has bytes");
    ashlar_heap_fail_nth(heap, 1);
    ok(ashlar_heap_prefill(heap, 64, 30000) == ASHLAR_NO_FRAMES, "a failure that was asked for");
    is_u(stats_of(heap).slabs, 0, "keeps nothing either");
    end("sound after prefills that failed");
}

/* The least of a few, in the thread's own time; nothing is touched. */
static double seconds_of_prefill(size_t count)
{
    double least = 1e9;
    for (unsigned i = 0; i < 5; i++) {
        struct timespec before, after;
        heap = source_heap(&test, 100000, 1, 256 << 10, ASHLAR_HEAP_SOURCE_ZEROED);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        if (ashlar_heap_prefill(heap, 32768, count) != ASHLAR_OK) {
            ok(0, "prefill %zu", count);
        }
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        double took = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
        least = took < least ? took : least;
        source_free(&test);
    }
    return least;
}

static void test_prefill_is_linear(void)
{
    double few = seconds_of_prefill(300);
    double many = seconds_of_prefill(4800);
    ok(many < few * 50, "[fault 145] prefill of 16 times as many takes less than 50 times as long: %g s, %g s", few,
       many);
}

int main(void)
{
    test_prefill_fails();
    test_prefill_is_linear();
    test_prefill();
    return done_testing();
}
