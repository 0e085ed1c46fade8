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
    static const char uses[] = "its source (commit 0x";
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
    return done_testing();
}
