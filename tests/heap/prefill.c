/* SPDX-License-Identifier: 0BSD */
/* prefill.c - allocations that are certain afterwards, in threads and in interrupts. */
#include "fixture.h"

#include <ashlar/heap.h>

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

int main(void)
{
    test_prefill();
    return done_testing();
}
