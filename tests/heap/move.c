/* SPDX-License-Identifier: 0BSD */
/* move.c - large blocks whose pages the source moves, or will not. */
#include "source.h"

#include <ashlar/heap.h>

static struct ashlar_heap *heap;
static struct test_source test;

static void begin(size_t keep_bytes, unsigned flags)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 8192, 1, keep_bytes, flags);
    heap->runs.source.move = source_move;
}

static void end(const char *what)
{
    source_end(heap, &test, 1, what);
}

static void test_move(unsigned flags)
{
    begin((size_t)4 << 20, flags);
    unsigned char *block = ashlar_heap_alloc(heap, 1000000, 0);
    void *behind = ashlar_heap_alloc(heap, 40000, 0);
    unsigned char *guard = ashlar_heap_alloc(heap, 40000, 0);
    paint(block, 1000000);
    unsigned char *moved = ashlar_heap_realloc(heap, block, 3000000, ASHLAR_HEAP_ZERO);
    ok(moved != NULL && test.moves == 1, "the source moves the pages");
    ok(is_painted(moved, 1000000), "contents came along");
    bool zero = true;
    size_t usable = ashlar_heap_usable_size(heap, moved);
    for (size_t i = 1003520; i < usable; i++) {
        zero = zero && moved[i] == 0;
    }
    ok(zero && usable >= 3000000, "what is new is zero");
    is_str(source_audit(heap, &test), NULL, "sound after a move");
    like(SIM_FATAL(ashlar_heap_free(heap, block)), "double free", "the old addresses hold nothing");
    is_u(stats_of(heap).large_blocks, 3, "as many blocks as before");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_heap_realloc(heap, moved, 9000000, 0) == NULL && test.moves == 1, "no interrupt moves pages");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_heap_free(heap, moved);
    ashlar_heap_free(heap, behind);
    ashlar_heap_free(heap, guard);
    end("sound after moves");
}

static int refuse_to_move(void *context, size_t to, size_t from, size_t pages)
{
    struct test_source *source = context;
    (void)to;
    (void)from;
    (void)pages;
    source->moves++;
    return 0;
}

static void test_no_move(void)
{
    begin((size_t)64 << 10, 0);
    heap->runs.source.move = refuse_to_move;
    unsigned char *large = ashlar_heap_alloc(heap, 100000, 0);
    void *behind = ashlar_heap_alloc(heap, 100000, 0);
    if (!ok(large != NULL && behind != NULL, "two large blocks")) {
        return;
    }
    memset(large, 0x77, 100000);
    large = ashlar_heap_realloc(heap, large, 300000, 0);
    ok(large != NULL && large[0] == 0x77 && large[99999] == 0x77, "realloc copies where the source will not move");
    ok(test.moves != 0, "it was asked");
    is_str(source_audit(heap, &test), NULL, "what was backed for the move was given back");
    ashlar_heap_free(heap, large);
    ashlar_heap_free(heap, behind);
    end("audit after a move that was refused");
}

int main(void)
{
    test_move(0);
    test_move(ASHLAR_HEAP_SOURCE_ZEROED);
    test_no_move();
    return done_testing();
}
