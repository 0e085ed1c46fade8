/* SPDX-License-Identifier: 0BSD */
/* slab.c - slabs: growing with use, kept when empty, emptied by an NMI; and free objects that were written to. */
#include "heap/find.h"
#include "heap/marks.h"
#include "heap/size.h"

#include "fixture.h"

#include <ashlar/heap.h>

static void *objects[4000];

static void test_growing_slabs(void)
{
    begin();
    take_objects(heap, objects, 1, 16);
    is_u(stats_of(heap).slab_bytes, 4096, "the first slab is a page");
    for (unsigned i = 1; i < 4000; i++) {
        objects[i] = ashlar_heap_alloc(heap, 512, 0);
    }
    size_t slabs = stats_of(heap).slabs;
    ok(slabs > 20 && slabs < 60, "slabs grow with use: %zu for 2 MiB", slabs);
    for (unsigned i = 0; i < 4000; i += 2) {
        ashlar_heap_free(heap, objects[i]);
    }
    is_str(source_audit(heap, &test), NULL, "sound half empty");
    size_t before = stats_of(heap).slab_bytes;
    for (unsigned i = 2; i < 4000; i += 2) {
        objects[i] = ashlar_heap_alloc(heap, 512, 0);
    }
    is_u(stats_of(heap).slab_bytes, before, "free objects are used before new slabs");
    objects[0] = NULL;
    give_objects(heap, objects, 4000);
    end("sound after slabs grew");
}

/* An empty slab that is kept spares a pair the way to the runs. */
static void test_kept(void)
{
    begin();
    void *object = ashlar_heap_alloc(heap, 64, 0);
    ashlar_heap_free(heap, object);
    is_u(stats_of(heap).slabs, 1, "one empty slab of a class is kept");
    is_u(heap->owners[0].kept_units, 1, "and counted");
    ok(ashlar_heap_alloc(heap, 64, 0) == object, "and used again");
    ashlar_heap_free(heap, object);
    for (size_t bytes = 4096; bytes <= 32768; bytes += 4096) {
        ashlar_heap_free(heap, ashlar_heap_alloc(heap, bytes, 0));
    }
    ok(heap->owners[0].kept_units <= heap->runs.keep_units / 4,
       "all that is kept is at most a quarter of what the heap keeps");
    end("sound after keeping");
}

/* Each takes and gives on the fast path, but for what lists the slab. */
static void test_full_slabs(void)
{
    begin();
    take_objects(heap, objects, 4 * 64, 64);
    const struct run *first = ashlar_heap_find(heap, (uintptr_t)objects[0]);
    const struct run *second = ashlar_heap_find(heap, (uintptr_t)objects[64]);
    const struct bin *bin = &heap->owners[0].bin[size_class_of(64)];
    ok(first->state == RUN_FULL && free_in_slab(first) == 0, "a slab is full");
    ok(first->fast == &heap->owners[0], "its frees take the fast path all the same");
    ashlar_heap_free(heap, objects[0]);
    ok(bin->current == first && free_in_slab(first) == 1, "with a free object it goes before one that has none left");
    ashlar_heap_free(heap, objects[64]);
    ok(bin->current == first && first->next == run_offset(&heap->runs, second), "but not before one that has some");
    is_str(source_audit(heap, &test), NULL, "sound");
    ok(ashlar_heap_alloc(heap, 64, 0) == objects[0] && ashlar_heap_alloc(heap, 64, 0) == objects[64],
       "they are filled in that order");
    is_u(stats_of(heap).live_objects, 4 * 64, "all of it is counted right");
    give_objects(heap, objects, 4 * 64);
    end("sound after full slabs");
}

static void test_nmi_empties(void)
{
    begin();
    for (unsigned i = 0; i < 40; i++) {
        objects[i] = ashlar_heap_alloc(heap, 32768, 0);
    }
    sim_set_context(ASHLAR_CONTEXT_NMI);
    give_objects(heap, objects, 40);
    void *large = NULL;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_str(ashlar_heap_audit(heap), NULL, "[fault 83] an NMI that empties slabs leaves them listed");
    large = ashlar_heap_alloc(heap, 100000, 0);
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ashlar_heap_free(heap, large);
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "double free", "[fault 67] a large block freed twice in an NMI");
    ok(stats_of(heap).large_blocks == 1, "[fault 83] a large block that an NMI frees waits");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "double free", "[fault 67] and again by a thread, while it waits");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, large, 100000)), "double free", "[fault 67] or with its size");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, large, 200000, 0)), "double free", "[fault 79] nor does it grow");
    is_u(stats_of(heap).large_blocks, 1, "[fault 83] it waits on");
    (void)ashlar_heap_work(heap);
    is_u(stats_of(heap).large_blocks, 0, "until a thread works");
    end("sound after NMIs");
}

/* What an NMI freed waits, linked through its own memory, for whoever works next. */
static void test_write_to_waiting(int byte, bool link)
{
    begin();
    uintptr_t *large[3] = {take_one(heap, 100000), take_one(heap, 100000), take_one(heap, 100000)};
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ashlar_heap_free(heap, large[0]);
    ashlar_heap_free(heap, large[1]);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    if (link) {
        set_next_on_way((uintptr_t)large[1], (uintptr_t)large[2]); /* to a live one */
    } else {
        memset(large[1], byte, 64);
    }
    like(SIM_FATAL((void)ashlar_heap_work(heap)), "write after free",
         "[fault 85] write to a block that an NMI freed, and that waits");
    ok(stats_of(heap).large_blocks == 2 && place_of(heap, large[2]).live, "one is back, and the live one is alive");
    source_free(&test);
}

static void test_write_after_free(void)
{
    begin();
    unsigned char *freed[8];
    for (unsigned i = 0; i < 8; i++) {
        freed[i] = take_one(heap, 64);
    }
    for (unsigned i = 0; i < 4; i++) {
        ashlar_heap_free(heap, freed[i]);
    }
    freed[3][0] = 0x55;
    const char *message = SIM_FATAL((void)take_one(heap, 64); (void)take_one(heap, 64));
    like(message, "a free object of 64 bytes was written to", "[fault 74] write after free is found at reuse");
    like(message, "free list of slab 0x", "[fault 85] and names the slab whose list is broken");
    source_free(&test);
    begin();
    freed[0] = take_one(heap, 64);
    freed[1] = take_one(heap, 64);
    ashlar_heap_free(heap, freed[0]);
    memset(freed[0], 0xff, 8);
    message = SIM_FATAL((void)take_one(heap, 64); (void)take_one(heap, 64));
    like(message, "was written to", "[fault 85] a link overwritten with the end of the list");
    source_free(&test);
}

int main(void)
{
    test_growing_slabs();
    test_kept();
    test_full_slabs();
    test_nmi_empties();
    test_write_after_free();
    test_write_to_waiting(0x55, false);
    test_write_to_waiting(0, false);
    test_write_to_waiting(0xff, false);
    test_write_to_waiting(0, true);
    return done_testing();
}
