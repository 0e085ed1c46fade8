/* SPDX-License-Identifier: 0BSD */
/* mailbox.c - objects that others freed: on their way, in bounded shares, before anything of their owner's; and
 * damaged ones.
 */
#include "heap/marks.h"
#include "heap/others.h"
#include "heap/size.h"
#include "heap/take.h"

#include "fixture.h"

#include <ashlar/heap.h>

static void *objects[100];

static void test_mailbox(void)
{
    begin();
    take_objects(heap, objects, 100, 64);
    is_u(place_of(heap, objects[5]).owner, 0, "an object belongs to the CPU that took it");
    sim_set_cpu(1);
    give_objects(heap, objects, 100);
    struct ashlar_heap_place place = place_of(heap, objects[5]);
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
    take_objects(heap, objects, 40, 64);
    sim_set_cpu(1);
    give_objects(heap, objects, 39);
    sim_set_cpu(0);
    ashlar_heap_free(heap, objects[39]);
    is_u(stats_of(heap).live_objects, 39 - STEPS_MOST, "a free looks at the mailbox first");
    like(SIM_FATAL(ashlar_heap_free(heap, objects[0])), "double free", "[fault 64] also of what is left over");
    end("sound after mail came first");
}

static void test_broken_mail(void)
{
    begin();
    take_objects(heap, objects, 2, 64);
    sim_set_cpu(1);
    ashlar_heap_free(heap, objects[0]);
    set_next_on_way((uintptr_t)objects[0],
                    (uintptr_t)objects[1]); /* a write after free turns the chain to a live object */
    sim_set_cpu(0);
    like(SIM_FATAL((void)ashlar_heap_work(heap)), "on its way back to owner 0 is 0x",
         "[fault 74] a chain that leads to a live object");
    ok(!place_of(heap, objects[0]).live && place_of(heap, objects[1]).live,
       "what came before is back, the live object is alive");
    ashlar_heap_free(heap, objects[1]);
    end("sound after broken mail");
}

static void test_mail_of_second(void)
{
    begin();
    take_objects(heap, objects, 1, 64);
    heap->owners[0].state |= OWNER_BUSY;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    for (unsigned i = 1; i <= 70; i++) {
        objects[i] = ashlar_heap_alloc(heap, 64, 0);
    }
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    heap->owners[0].state = 0;
    ok(place_of(heap, objects[1]).owner == CPUS, "70 objects of the second owner's");
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

/* Whatever stands in a live object, also what the heap itself writes into one that is on its way: it is live. */
static void test_contents(void)
{
    begin();
    uintptr_t *object = (void *)take_one(heap, 64);
    uintptr_t *other = (void *)take_one(heap, 64);
    uintptr_t *large = (void *)take_one(heap, 50000);
    for (unsigned i = 0; i < 8; i++) {
        other[i] = ~(uintptr_t)other * 0x9e3779b1u;
        object[i] = i % 2u != 0 ? ~(uintptr_t)object * 0x9e3779b1u : (uintptr_t)other;
        large[i] = ~(uintptr_t)large * 0x9e3779b1u;
    }
    ok(!place_of(heap, object).pending && !place_of(heap, large).pending, "[fault 138] neither is on its way");
    is_u(ashlar_heap_usable_size(heap, object), 64, "[fault 138] its size can be asked for");
    object = ashlar_heap_realloc(heap, object, 100, 0);
    ok(object != NULL && object[0] == (uintptr_t)other, "[fault 138] it can be made larger");
    ashlar_heap_free_sized(heap, object, 100);
    ashlar_heap_free_sized(heap, large, 50000);
    sim_set_cpu(1);
    ashlar_heap_free(heap, other);
    ok(place_of(heap, other).pending, "[fault 138] and freed by another CPU");
    memset(other + 1, 0, 56);
    like(SIM_FATAL(ashlar_heap_free(heap, other)), "double free", "[fault 138] once, whatever is written to it then");
    end("sound after contents");
}

static void test_write_after_remote_free(int byte)
{
    begin();
    char *object = take_one(heap, 64);
    sim_set_cpu(1);
    ashlar_heap_free(heap, object);
    memset(object, byte, 64);
    sim_set_cpu(0);
    const char *message = SIM_FATAL((void)ashlar_heap_work(heap));
    like(message, "write after free", "[fault 74] write to what is on its way back");
    ok(ashlar_heap_audit(heap) == NULL && stats_of(heap).live_objects == 0,
       "it is back; what came behind it would be lost");
    source_free(&test);
}

/* [fault 85] Whoever reads mail, his own or another one's: none follows a link that was written over. */
static struct ashlar_cache *cache;
static void *kept;

static void read_by_work(void)
{
    (void)ashlar_heap_work(heap);
}

static void read_by_take(void)
{
    (void)!ashlar_heap_take_slow(heap, cache, 64, 0);
}

static void read_by_give(void)
{
    ashlar_heap_free(heap, kept);
}

static void read_by_answer(void)
{
    heap->owners[0].asked = 1;
    ashlar_heap_answer(heap);
}

static void read_by_search(void)
{
    const struct want want = ashlar_heap_want(cache, 0);
    while (ashlar_heap_take_mail(heap, &want) != NULL) {
    }
}

static void read_by_search_of_another_size(void)
{
    const struct want want = ashlar_heap_want(NULL, 1024);
    (void)!ashlar_heap_take_mail(heap, &want);
}

static void read_by_drain_cpu(void)
{
    ashlar_heap_drain_cpu(heap, 0);
}

static void read_by_destroy(void)
{
    (void)!ashlar_cache_destroy(cache);
}

static const struct {
    const char *what;
    void (*read)(void);
    unsigned cpu;
} readers[] = {
    {"work", read_by_work, 0},
    {"an allocation", read_by_take, 0},
    {"a free", read_by_give, 0},
    {"who answers a kick", read_by_answer, 0},
    {"who looks for a size in another CPU's", read_by_search, 1},
    {"who passes other sizes there", read_by_search_of_another_size, 1},
    {"who drains a CPU that is gone", read_by_drain_cpu, 1},
    {"who destroys a cache", read_by_destroy, 1},
};

static const char *read_damaged(unsigned reader, int byte, unsigned damaged)
{
    void *mine[3];
    begin();
    cache = make_cache(heap, "mine", 64, 0, 0);
    kept = ashlar_cache_alloc(cache, 0);
    if (ashlar_cache_alloc_bulk(cache, 0, mine, 3) == 0) {
        return NULL;
    }
    sim_set_cpu(2);
    ashlar_cache_free_bulk(cache, mine, 3);
    memset(mine[damaged], byte, 64);
    sim_set_cpu(readers[reader].cpu);
    return SIM_FATAL(readers[reader].read());
}

static void test_each_reader(int byte, unsigned damaged)
{
    for (unsigned i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        const char *message = read_damaged(i, byte, damaged);
        ok(message != NULL && strstr(message, "on its way back to owner 0 is 0x") != NULL,
           "[fault 85] a link in the mail that was written over is found by %s", readers[i].what);
        source_free(&test);
    }
}

int main(void)
{
    test_mailbox();
    test_mail_first();
    test_broken_mail();
    test_mail_of_second();
    test_contents();
    test_write_after_remote_free(0x55);
    test_write_after_remote_free(0);
    test_write_after_remote_free(0xff);
    for (unsigned damaged = 0; damaged < 3; damaged++) {
        test_each_reader(0x55, damaged);
        test_each_reader(0, damaged);
    }
    return done_testing();
}
