/* SPDX-License-Identifier: 0BSD */
/* heap_large.c - blocks that are a run of their own: growing and shrinking in place, alignment. */
#include "source.h"

#include <ashlar/heap.h>

static struct ashlar_heap *heap;
static struct test_source test;

static void begin(bool moves)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 8192, 1, 4 << 20, 0);
    heap->runs.source.move = moves ? source_move : NULL;
}

static void end(const char *what)
{
    source_end(heap, &test, 1, what);
}

static void test_in_place(void)
{
    begin(false);
    unsigned char *wide = ashlar_heap_alloc(heap, 1000000, 0);
    ashlar_heap_free(heap, wide);
    unsigned char *block = ashlar_heap_alloc(heap, 50000, 0);
    paint(block, 50000);
    size_t commits = test.commits;
    ok(ashlar_heap_realloc(heap, block, 500000, 0) == block, "grows into the empty run behind it");
    is_u(ashlar_heap_usable_size(heap, block), 503808, "to whole pages");
    ok(is_painted(block, 50000) && test.commits == commits, "contents kept, no commit");
    is_str(ashlar_heap_audit(heap), NULL, "sound");
    ok(ashlar_heap_realloc(heap, block, 40000, 0) == block, "shrinks in place");
    is_u(ashlar_heap_usable_size(heap, block), 40960, "and gives its end to the runs");
    is_u(stats_of(heap).large_bytes, 40960, "which is counted");
    unsigned char *next = ashlar_heap_alloc(heap, 40000, 0);
    unsigned char *moved = ashlar_heap_realloc(heap, block, 90000, 0);
    ok(moved != block && is_painted(moved, 40000), "moves where something is behind it");
    like(SIM_FATAL(ashlar_heap_free(heap, block)), "double free", "the old block is free");
    unsigned char *small = ashlar_heap_realloc(heap, moved, 1000, 0);
    ok(is_painted(small, 1000) && stats_of(heap).large_blocks == 1, "becomes a small object");
    ashlar_heap_free(heap, small);
    ashlar_heap_free(heap, next);
    end("sound after reallocs");
}

static void test_exact_fit(void)
{
    begin(false);
    unsigned char *first = ashlar_heap_alloc(heap, 40960, 0);
    unsigned char *second = ashlar_heap_alloc(heap, 40960, 0);
    unsigned char *third = ashlar_heap_alloc(heap, 40960, 0);
    if (second == first + 40960 && third == second + 40960) {
        ashlar_heap_free(heap, second);
        ok(ashlar_heap_realloc(heap, first, 81920, 0) == first, "grows over all of the empty run behind it");
        ok(ashlar_heap_realloc(heap, first, 81921, 0) != first, "and no further");
        first = NULL;
    } else {
        ok(false, "three blocks side by side");
    }
    ashlar_heap_free(heap, third);
    ok(first == NULL && stats_of(heap).large_blocks == 1, "one block is left");
    is_str(source_audit(heap, &test), NULL, "sound");
    source_free(&test);
}

/* A block that is large for its alignment only, and grows to a size that has a class. */
static void test_aligned_grows(void)
{
    begin(true);
    unsigned char *block = ashlar_heap_alloc_aligned(heap, 65536, 100, 0);
    paint(block, 4096);
    is_u(ashlar_heap_usable_size(heap, block), 4096, "100 bytes aligned to 64 KiB are a page");
    unsigned char *moved = ashlar_heap_realloc(heap, block, 5781, 0);
    ok(ashlar_heap_usable_size(heap, moved) >= 5781 && is_painted(moved, 4096), "grown, it is of a class");
    ashlar_heap_free_sized(heap, moved, 5781);
    end("sound after that");
}

int main(void)
{
    test_in_place();
    test_exact_fit();
    test_aligned_grows();
    return done_testing();
}
