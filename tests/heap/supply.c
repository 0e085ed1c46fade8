/* SPDX-License-Identifier: 0BSD */
/* supply.c - a source that uses the heap which it serves is told, instead of waiting for itself. */
#include "fixture.h"

#include <ashlar/heap.h>

static void *block;
static unsigned mode; /* which of its functions uses the heap, and how */

/* On the same stack, as an interrupt in the middle of the source is. */
static void interrupt(void)
{
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    void *taken = ashlar_heap_alloc(heap, (size_t)8 << 20, 0);
    ok(taken == NULL, "[fault 141] an interrupt in the middle of commit gets no memory that is not there");
    ashlar_heap_free(heap, block);
    block = NULL;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
}

static ashlar_status commit(void *context, size_t first, size_t pages)
{
    if (mode == 1) {
        (void)!ashlar_heap_alloc(heap, 40000, 0);
    } else if (mode == 2) {
        (void)!ashlar_heap_alloc(heap, 2000, 0);
    } else if (mode == 5 && block != NULL) {
        interrupt();
    }
    return source_commit(context, first, pages);
}

static void decommit(void *context, size_t first, size_t pages)
{
    source_decommit(context, first, pages);
    if (mode == 3) {
        (void)!ashlar_heap_alloc(heap, (size_t)8 << 20, 0);
    }
}

static int move(void *context, size_t to, size_t from, size_t pages)
{
    if (mode == 4) {
        (void)!ashlar_heap_alloc(heap, (size_t)8 << 20, 0);
    }
    return source_move(context, to, from, pages);
}

/* --- which thread it is ----------------------------------------------------------- */

static uint32_t marks[2];
static unsigned thread;

static uint32_t *mark(void)
{
    return &marks[thread];
}

static void wait(void)
{
    ashlar_port_fatal("it waits for the growth token");
}

static const struct ashlar_waiting marked = {.mark = mark, .yield = wait};

/* Far down the stack. */
static __attribute__((noinline)) void use_deep(void)
{
    volatile char room[8192];
    for (unsigned i = 0; i < sizeof room; i++) {
        room[i] = (char)i;
    }
    (void)!ashlar_heap_alloc(heap, 40000, 0);
    ok(room[mode] == (char)mode, "its stack is as it was");
}

static ashlar_status commit_as(void *context, size_t first, size_t pages)
{
    if (mode == 6) {
        use_deep();
    } else if (mode == 7) {
        thread = 1; /* another one runs, wherever its stack lies */
        (void)!ashlar_heap_alloc(heap, 40000, 0);
    } else if (mode == 8 && block != NULL) {
        interrupt();
    }
    return source_commit(context, first, pages);
}

static const char *alloc_with(unsigned which)
{
    begin();
    ashlar_wait_by(&marked);
    heap->runs.source.commit = commit_as;
    thread = 0;
    mode = 0;
    block = ashlar_heap_alloc(heap, (size_t)4 << 20, 0);
    mode = which;
    const char *message = SIM_FATAL(ashlar_heap_free(heap, ashlar_heap_alloc(heap, (size_t)6 << 20, 0)));
    ashlar_wait_by(NULL);
    return message;
}

static void test_threads(void)
{
    like(alloc_with(6), "the source of a heap (commit 0x",
         "[fault 166] a source is told, however deep on its stack it uses the heap");
    source_free(&test);
    like(alloc_with(7), "it waits for", "[fault 166] another thread is none, though it were as near: it waits");
    source_free(&test);
    is_str(alloc_with(8), NULL, "[fault 166] nor is an interrupt in the middle of the source");
    end("after the interrupt");
}

static void start(unsigned which)
{
    begin();
    heap->runs.source.commit = commit;
    heap->runs.source.decommit = decommit;
    heap->runs.source.move = move;
    mode = which;
}

int main(void)
{
    static const char uses[] = "the source of a heap (commit 0x";
    start(1);
    like(SIM_FATAL((void)!ashlar_heap_alloc(heap, 64, 0)), uses, "[fault 141] commit takes a block");
    source_free(&test);
    start(2);
    like(SIM_FATAL((void)!ashlar_heap_alloc(heap, 64, 0)), uses, "[fault 141] commit takes an object");
    source_free(&test);
    start(3);
    block = ashlar_heap_alloc(heap, (size_t)4 << 20, 0);
    like(SIM_FATAL(ashlar_heap_free(heap, block)), uses, "[fault 141] decommit takes a block");
    source_free(&test);
    start(4);
    block = ashlar_heap_alloc(heap, (size_t)1 << 20, 0);
    void *behind = ashlar_heap_alloc(heap, (size_t)1 << 20, 0);
    like(SIM_FATAL(block = ashlar_heap_realloc(heap, block, (size_t)2 << 20, 0)), uses, "[fault 141] move does");
    ok(behind != NULL, "where the block had to move");
    source_free(&test);
    start(0);
    block = ashlar_heap_alloc(heap, (size_t)4 << 20, 0);
    ashlar_heap_free(heap, block);
    end("one that does not goes on");
    start(0);
    block = ashlar_heap_alloc(heap, (size_t)4 << 20, 0);
    mode = 5;
    behind = ashlar_heap_alloc(heap, (size_t)4 << 20, 0);
    ok(behind != NULL && block == NULL, "[fault 141] and what it frees is free: the source goes on");
    ashlar_heap_free(heap, behind);
    end("after an interrupt in the middle of the source");
    test_threads();
    return done_testing();
}
