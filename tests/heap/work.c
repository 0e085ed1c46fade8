/* SPDX-License-Identifier: 0BSD */
/* work.c - a CPU goes offline: what it kept, and what was on its way to it, can be had by the others. */
#include "source.h"

#include "heap/owner.h"
#include <ashlar/heap.h>

#define CPUS 3u
#define GONE 1u
#define OBJECTS 100u
#define BYTES 200u

static struct ashlar_heap *heap;
static struct test_source test;
static void *objects[OBJECTS];

static void begin(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 4096, CPUS, 512 << 10, 0);
}

static void end(const char *what)
{
    is_str(source_audit(heap, &test), NULL, what);
    source_free(&test);
}

static void take(unsigned cpu, void **to, unsigned count)
{
    sim_set_cpu(cpu);
    for (unsigned i = 0; i < count; i++) {
        to[i] = ashlar_heap_alloc(heap, BYTES, 0);
        if (to[i] == NULL) {
            puts("# no object");
            exit(1);
        }
    }
}

static void give(unsigned cpu, void **from, unsigned count)
{
    sim_set_cpu(cpu);
    for (unsigned i = 0; i < count; i++) {
        ashlar_heap_free(heap, from[i]);
    }
}

/* Objects of the CPU's interrupts: its own owner is busy when they come. */
static void take_in_interrupt(unsigned cpu, void **to, unsigned count)
{
    sim_set_cpu(cpu);
    struct owner *busy = ashlar_heap_claim(heap);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    take(cpu, to, count);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_heap_unclaim(busy);
}

static void give_in_interrupt(unsigned cpu, void **from, unsigned count)
{
    sim_set_cpu(cpu);
    struct owner *busy = ashlar_heap_claim(heap);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    give(cpu, from, count);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_heap_unclaim(busy);
}

static void shrink_to_nothing(void)
{
    sim_set_cpu(0);
    (void)ashlar_heap_shrink(heap, 0);
}

/* Every page in the range is back in nobody's hands. */
static void is_all_given_back(const char *what)
{
    struct ashlar_heap_stats stats = stats_of(heap);
    ok(stats.slab_bytes == 0 && stats.live_objects == 0 && stats.empty_bytes == 0, "%s", what);
}

static void test_kept_elsewhere(void)
{
    begin();
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        take(cpu, objects, OBJECTS);
        give(cpu, objects, OBJECTS);
        take_in_interrupt(cpu, objects, OBJECTS);
        give_in_interrupt(cpu, objects, OBJECTS);
    }
    shrink_to_nothing();
    struct ashlar_heap_stats stats = stats_of(heap);
    ok(stats.kept_bytes != 0 && stats.kept_bytes == stats.slab_bytes,
       "[fault 150] what other CPUs keep empty is counted: %zu bytes", stats.kept_bytes);
    sim_set_cpu(1);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    (void)ashlar_heap_work(heap);
    is_u(stats_of(heap).kept_bytes, stats.kept_bytes, "not in an interrupt");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    (void)ashlar_heap_work(heap);
    ok(stats_of(heap).kept_bytes < stats.kept_bytes, "[fault 150] a CPU that works gives back its own");
    sim_set_cpu(2);
    (void)ashlar_heap_work(heap);
    is_all_given_back("[fault 150] when all have worked, nothing is kept");
    is_u(test.backed_pages * 4096u, stats_of(heap).metadata_bytes, "[fault 150] and nothing else is backed");
    take(1, objects, 1);
    give(1, objects, 1);
    (void)ashlar_heap_work(heap);
    ok(stats_of(heap).kept_bytes != 0, "it is asked once");
    end("sound after all have given");
}

static void test_kept(void)
{
    begin();
    take(GONE, objects, OBJECTS);
    give(GONE, objects, OBJECTS);
    shrink_to_nothing();
    ok(stats_of(heap).slab_bytes != 0, "what a CPU keeps empty stays with it until it works");
    ashlar_heap_drain_cpu(heap, GONE);
    shrink_to_nothing();
    is_all_given_back("[fault 104] until it is drained by another");
    end("sound");
}

/* More than one drain takes in at once, and some in each mailbox. */
static void test_mail(void)
{
    void *others[4];
    begin();
    take(GONE, objects, OBJECTS - 10u);
    take_in_interrupt(GONE, objects + OBJECTS - 10u, 10);
    take(2, others, 4);
    give(0, objects, OBJECTS);
    shrink_to_nothing();
    is_u(stats_of(heap).live_objects, OBJECTS + 4u, "objects on their way to a CPU that is gone");
    ashlar_heap_drain_cpu(heap, GONE);
    is_u(stats_of(heap).live_objects, 4, "[fault 104] they arrive, and what belongs to others is left alone");
    give(2, others, 4);
    sim_set_cpu(0);
    ashlar_heap_drain_cpu(heap, 2);
    shrink_to_nothing();
    is_all_given_back("[fault 104] its slabs, and those of its interrupts, can be had");
    end("sound after mail");
}

/* What it was in the middle of taking in when it went. */
static void test_leftover(void)
{
    begin();
    take(GONE, objects, OBJECTS);
    give(0, objects, OBJECTS);
    sim_set_cpu(GONE);
    ok(ashlar_heap_work(heap) != 0, "a bounded share is taken in, more is left");
    sim_set_cpu(0);
    ashlar_heap_drain_cpu(heap, GONE);
    is_u(stats_of(heap).live_objects, 0, "[fault 104] all of what is left over is taken in");
    sim_set_cpu(GONE);
    take(GONE, objects, 2);
    give(GONE, objects, 2);
    is_u(stats_of(heap).live_objects, 0, "a CPU that is back goes on");
    end("sound after leftovers");
}

static void test_later(void)
{
    begin();
    take(GONE, objects, OBJECTS);
    sim_set_cpu(0);
    ashlar_heap_drain_cpu(heap, GONE);
    is_u(stats_of(heap).live_objects, OBJECTS, "live objects of a CPU that is gone stay good");
    give(0, objects, OBJECTS);
    ashlar_heap_drain_cpu(heap, GONE);
    ashlar_heap_drain_cpu(heap, GONE);
    shrink_to_nothing();
    is_all_given_back("[fault 104] what is freed later arrives with the next drain");
    end("sound after two drains");
}

static void test_cache(void)
{
    struct ashlar_cache *cache = NULL;
    begin();
    if (ashlar_cache_create(heap, "items", 48, 0, 0, &cache) != ASHLAR_OK) {
        exit(1);
    }
    sim_set_cpu(GONE);
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = ashlar_cache_alloc(cache, 0);
    }
    sim_set_cpu(0);
    ashlar_cache_free_bulk(cache, objects, OBJECTS);
    is_u(ashlar_cache_destroy(cache), ASHLAR_OK,
         "[fault 104] a cache can be destroyed while objects are on their way to it");
    ashlar_heap_drain_cpu(heap, GONE);
    shrink_to_nothing();
    is_all_given_back("all of it is back");
    end("sound after a cache");
}

/* A large block that an NMI freed on it, and the watermark. */
static void test_rest(void)
{
    begin();
    sim_set_cpu(GONE);
    void *block = ashlar_heap_alloc(heap, 2 << 20, 0);
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ashlar_heap_free(heap, block);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    sim_set_cpu(0);
    is_u(stats_of(heap).large_blocks, 1, "a block that an NMI has freed is still there");
    ashlar_heap_drain_cpu(heap, GONE);
    is_u(stats_of(heap).large_blocks, 0, "[fault 104] it is given back with the rest");
    ok(stats_of(heap).empty_bytes <= 512u << 10, "down to what the heap keeps");
    end("sound after a block");
}

/* The first one of all, by the last. */
static void test_first(void)
{
    begin();
    take(0, objects, OBJECTS);
    give(CPUS - 1u, objects, OBJECTS);
    ashlar_heap_drain_cpu(heap, 0);
    is_u(stats_of(heap).live_objects, 0, "[fault 104] any CPU's objects come back");
    ok(sim_pins() == 0 && heap->owners[0].state == 0 && heap->owners[CPUS].state == 0, "and its owners are free");
    end("sound after the first CPU");
}

static void test_refused(void)
{
    static struct ashlar_heap nothing;
    begin();
    like(SIM_FATAL(ashlar_heap_drain_cpu(heap, 0)), "drain of CPU 0, which runs", "a CPU is not drained by itself");
    like(SIM_FATAL(ashlar_heap_drain_cpu(heap, CPUS)), "or is none of 3", "nor one that there is not");
    like(SIM_FATAL(ashlar_heap_drain_cpu(&nothing, 1)), "before init", "nor before there is a heap");
    take(GONE, objects, 2);
    give(0, objects, 1);
    memset(objects[0], 0x5a, BYTES);
    like(SIM_FATAL(ashlar_heap_drain_cpu(heap, GONE)), "write after free", "what was damaged on its way is found");
    source_free(&test);
}

int main(void)
{
    test_kept_elsewhere();
    test_kept();
    test_mail();
    test_leftover();
    test_later();
    test_cache();
    test_rest();
    test_first();
    test_refused();
    return done_testing();
}
