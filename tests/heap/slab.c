/* SPDX-License-Identifier: 0BSD */
/* slab.c - owners and their slabs: mailboxes between CPUs, the second owner, busy ones, prefill, bounds on work. */
#include "source.h"

#include <ashlar/heap.h>

#define CPUS 3u

static struct ashlar_heap *heap;
static struct test_source test;
static void *objects[4000];

static void begin(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 8192, CPUS, 256 << 10, 0);
}

static void end(const char *what)
{
    settle_all(heap, CPUS);
    const char *broken = source_audit(heap, &test);
    if (broken == NULL && stats_of(heap).live_objects != 0) {
        broken = "objects are live";
    }
    is_str(broken, NULL, what);
    source_free(&test);
}

static void take_all(unsigned count, size_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        objects[i] = ashlar_heap_alloc(heap, bytes, 0);
    }
}

static void give_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
}

static struct ashlar_heap_place place_of(const void *address)
{
    struct ashlar_heap_place place;
    ashlar_heap_explain(heap, address, &place);
    return place;
}

/* --- mailboxes -------------------------------------------------------------- */

static void test_mailbox(void)
{
    begin();
    take_all(100, 64);
    is_u(place_of(objects[5]).owner, 0, "an object belongs to the CPU that took it");
    sim_set_cpu(1);
    give_all(100);
    struct ashlar_heap_place place = place_of(objects[5]);
    ok(place.live && place.pending, "freed elsewhere: on its way back");
    is_u(stats_of(heap).live_objects, 100, "and counted until it is there");
    sim_set_cpu(0);
    ok(ashlar_heap_work(heap) != 0, "work takes a share, and says that there is more");
    is_u(stats_of(heap).live_objects, 100 - STEPS_MOST, "32 objects a call");
    ok(heap->owners[0].state == OWNER_ATTENTION, "what is left keeps the fast paths shut");
    void *object = ashlar_heap_alloc(heap, 64, 0);
    is_u(stats_of(heap).live_objects, 101 - 2 * STEPS_MOST, "an allocation takes in 32 more");
    ashlar_heap_free(heap, object);
    is_u(stats_of(heap).live_objects, 100 - 3 * STEPS_MOST, "and so does a free");
    is_u(ashlar_heap_work(heap), 0, "the last four");
    is_u(stats_of(heap).live_objects, 0, "all are back");
    ok(heap->owners[0].state == 0, "and the fast paths open");
    end("sound after mail");
}

/* A free goes the slow way while there is mail, so that the second of two frees is found. */
static void test_mail_first(void)
{
    begin();
    take_all(40, 64);
    sim_set_cpu(1);
    give_all(39);
    sim_set_cpu(0);
    ashlar_heap_free(heap, objects[39]);
    is_u(stats_of(heap).live_objects, 39 - STEPS_MOST, "a free looks at the mailbox first");
    like(SIM_FATAL(ashlar_heap_free(heap, objects[0])), "double free", "[fault 64] also of what is left over");
    end("sound after mail came first");
}

static void test_broken_mail(void)
{
    begin();
    take_all(2, 64);
    sim_set_cpu(1);
    ashlar_heap_free(heap, objects[0]);
    ((uintptr_t *)objects[0])[0] = (uintptr_t)objects[1]; /* a write after free turns the chain to a live object */
    sim_set_cpu(0);
    like(SIM_FATAL((void)ashlar_heap_work(heap)), "on its way back to owner 0 is 0x",
         "[fault 74] a chain that leads to a live object");
    ok(!place_of(objects[0]).live && place_of(objects[1]).live, "what came before is back, the live object is alive");
    ashlar_heap_free(heap, objects[1]);
    end("sound after broken mail");
}

/* --- busy owners ------------------------------------------------------------ */

static void test_second_owner(void)
{
    begin();
    take_all(1, 64);
    ashlar_heap_free(heap, objects[0]);
    void *mine = ashlar_heap_alloc(heap, 64, 0);
    heap->owners[0].state |= OWNER_BUSY;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    void *object = ashlar_heap_alloc(heap, 64, 0);
    ok(object != NULL && place_of(object).owner == CPUS, "an interrupt that finds its CPU busy uses the second owner");
    ashlar_heap_free(heap, object);
    ok(!place_of(object).live, "and frees to it at once");
    ashlar_heap_free(heap, mine);
    ok(place_of(mine).pending, "what is the thread's goes to the mailbox");
    heap->owners[CPUS].state |= OWNER_BUSY;
    size_t failures = stats_of(heap).failures;
    ok(ashlar_heap_alloc(heap, 64, 0) == NULL, "both are busy: nothing");
    is_u(stats_of(heap).failures, failures + 1, "which is counted");
    ok(sim_pins() == 0, "and no pin stays");
    heap->owners[CPUS].state = 0;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    heap->owners[0].state = 0;
    end("sound after an interrupt in between");
}

static void test_mail_of_second(void)
{
    begin();
    take_all(1, 64);
    heap->owners[0].state |= OWNER_BUSY;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    for (unsigned i = 1; i <= 70; i++) {
        objects[i] = ashlar_heap_alloc(heap, 64, 0);
    }
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    heap->owners[0].state = 0;
    ok(place_of(objects[1]).owner == CPUS, "70 objects of the second owner's");
    for (unsigned i = 1; i <= 70; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
    ok(stats_of(heap).live_objects < 70, "threads take in the second owner's mail");
    while (stats_of(heap).live_objects != 1) {
        if (ashlar_heap_work(heap) == 0) {
            break;
        }
    }
    is_u(stats_of(heap).live_objects, 1, "work says that there is more until there is none");
    ashlar_heap_free(heap, objects[0]);
    end("sound after mail of the second owner");
}

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
    give_all(100);
    end("sound after prefill");
}

/* --- slabs ------------------------------------------------------------------ */

static void test_growing_slabs(void)
{
    begin();
    take_all(1, 16);
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
    give_all(4000);
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
    ok(heap->owners[0].kept_units <= heap->keep_units / 4,
       "all that is kept is at most a quarter of what the heap keeps");
    end("sound after keeping");
}

static void test_nmi_empties(void)
{
    begin();
    for (unsigned i = 0; i < 40; i++) {
        objects[i] = ashlar_heap_alloc(heap, 32768, 0);
    }
    sim_set_context(ASHLAR_CONTEXT_NMI);
    give_all(40);
    void *large = NULL;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_str(ashlar_heap_audit(heap), NULL, "[fault 83] an NMI that empties slabs leaves them listed");
    large = ashlar_heap_alloc(heap, 100000, 0);
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ashlar_heap_free(heap, large);
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "double free", "[fault 67] a large block freed twice in an NMI");
    ok(stats_of(heap).large_blocks == 1, "[fault 83] a large block that an NMI frees waits");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    (void)ashlar_heap_work(heap);
    is_u(stats_of(heap).large_blocks, 0, "until a thread works");
    end("sound after NMIs");
}

int main(void)
{
    test_mailbox();
    test_mail_first();
    test_broken_mail();
    test_second_owner();
    test_mail_of_second();
    test_prefill();
    test_growing_slabs();
    test_kept();
    test_nmi_empties();
    return done_testing();
}
