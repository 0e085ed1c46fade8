/* SPDX-License-Identifier: 0BSD */
/* others.c - no memory is short while another CPU's mailbox is full of it: what is found without that CPU, and what it
 * gives back when it is asked.
 */
#include "heap/others.h"

#include "base/token.h"
#include "heap/owner.h"

#include "source.h"

#include <ashlar/heap.h>

#define CPUS 3u
#define OBJECTS_MOST 300000u

static struct ashlar_heap *heap;
static void *range;
static void *objects[OBJECTS_MOST];

static struct {
    unsigned calls;
    unsigned deaf; /* so many kicks come to nothing */
    bool is_offline;
    bool is_wrong;
    bool while_busy; /* it finds the CPU in the middle of something, each second time */
} kicked;

static int kick(void *context, unsigned cpu)
{
    kicked.is_wrong |= context != objects || sim_pins() != 1 || cpu == ashlar_port_cpu();
    unsigned self = ashlar_port_cpu();
    kicked.calls++;
    if (kicked.is_offline) {
        return 0;
    }
    if (kicked.deaf != 0) {
        kicked.deaf--;
        return 1;
    }
    sim_set_cpu(cpu);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    uint32_t state = heap->owners[cpu].state;
    if (kicked.while_busy && kicked.calls % 2u != 0) {
        heap->owners[cpu].state = state | OWNER_BUSY;
    }
    ashlar_heap_answer(heap);
    if (kicked.while_busy && kicked.calls % 2u != 0) {
        heap->owners[cpu].state = state;
    }
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    sim_set_cpu(self);
    return 1;
}

/* A plain range: nobody can grow it. */
static void begin_range(size_t bytes, bool kicks)
{
    struct ashlar_heap_options options = {.max_cpus = CPUS};
    memset(&kicked, 0, sizeof kicked);
    if (kicks) {
        options.kick = kick;
        options.kick_context = objects;
    }
    range = malloc(bytes);
    sim_set_cpu(0);
    if (ashlar_heap_init_range_with(range, bytes, &options, &heap) != ASHLAR_OK) {
        exit(1);
    }
}

static void end_range(const char *what)
{
    settle_all(heap, CPUS);
    const char *broken = ashlar_heap_audit(heap);
    is_str(broken != NULL || stats_of(heap).live_objects == 0 ? broken : "objects are live", NULL, what);
    free(range);
}

/* CPU 0 fills the range with objects of this size, CPU 1 frees all. */
static unsigned fill_and_free(size_t bytes)
{
    unsigned count = 0;
    sim_set_cpu(0);
    while (count < OBJECTS_MOST && (objects[count] = ashlar_heap_alloc(heap, bytes, 0)) != NULL) {
        count++;
    }
    sim_set_cpu(1);
    for (unsigned i = 0; i < count; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
    return count;
}

static void test_own_mail(void)
{
    begin_range((size_t)4 << 20, false);
    unsigned count = fill_and_free(16);
    ok(count > 100000, "4 MiB of objects (%u) are on their way home", count);
    sim_set_cpu(0);
    void *page = ashlar_heap_alloc(heap, 4096, 0);
    ok(page != NULL, "[fault 137] their owner's next request finds memory at once");
    ok(stats_of(heap).live_objects > 1000, "and takes in no more than it needs");
    ashlar_heap_free(heap, page);
    page = ashlar_heap_alloc(heap, (size_t)2 << 20, 0);
    ok(page != NULL, "[fault 137] a large block, too");
    ashlar_heap_free(heap, page);
    fill_and_free(64);
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    page = ashlar_heap_alloc(heap, 4096, 0);
    ok(page != NULL, "[fault 137] in an interrupt as well");
    ashlar_heap_free(heap, page);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    end_range("sound after much mail");
}

/* Deep down in another CPU's mail lies one object of the size that is asked for. */
static void test_search(void)
{
    begin_range((size_t)1 << 20, false);
    void *wanted = ashlar_heap_alloc(heap, 512, 0);
    void *lent = NULL;
    unsigned count = 0;
    sim_set_cpu(0);
    while ((objects[count] = ashlar_heap_alloc(heap, 48, 0)) != NULL) {
        count++;
    }
    sim_set_cpu(1);
    for (unsigned i = 0; i < count; i++) {
        ashlar_heap_free(heap, objects[i]);
        if (i == count / 2u) {
            ashlar_heap_free(heap, wanted);
        }
    }
    ok(ashlar_heap_alloc(heap, 2048, 0) == NULL, "nobody has such an object, and no owner can be asked");
    ok(place_of(heap, wanted).pending, "an object is on its way");
    sim_set_cpu(2);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    void *found = ashlar_heap_alloc(heap, 512, 0);
    ok(found == wanted && place_of(heap, found).live && !place_of(heap, found).pending,
       "[fault 137] a third CPU finds it there");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ok(ashlar_heap_alloc(heap, 512, 0) == NULL, "but once");
    lent = ashlar_heap_alloc(heap, 48, 0);
    is_u(place_of(heap, lent).owner, 0, "one of the many others, too");
    ashlar_heap_free(heap, found);
    ashlar_heap_free(heap, lent);
    like(SIM_FATAL(ashlar_heap_free(heap, found)), "double free", "[fault 64] and it is freed once, as any");
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ok(ashlar_heap_alloc(heap, 512, 0) == NULL, "an NMI does not search");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    end_range("sound after a search");
}

/* While somebody reads the mail, an interrupt does without. */
static void test_reader(void)
{
    begin_range((size_t)1 << 20, false);
    unsigned count = fill_and_free(256);
    ok(count > 1000 && ashlar_heap_start_reading(&heap->owners[0]), "a reader");
    ok(!ashlar_heap_start_reading(&heap->owners[0]), "there is one at a time");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_heap_alloc(heap, 256, 0) == NULL, "an interrupt does not wait for him");
    sim_set_cpu(0);
    ok(ashlar_heap_alloc(heap, 256, 0) == NULL, "nor does one of the owner's CPU");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    like(SIM_FATAL(ashlar_heap_free(heap, objects[7])), "double free", "[fault 64] what he holds is not freed again");
    sim_set_cpu(1);
    ashlar_heap_stop_reading(&heap->owners[0]);
    void *object = ashlar_heap_alloc(heap, 256, 0);
    ok(object != NULL, "afterwards it is there");
    ok(ashlar_heap_start_search(heap), "a search");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_heap_alloc(heap, 256, 0) == NULL, "an interrupt does not wait for one");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_token_give(&heap->searching);
    ashlar_heap_free(heap, object);
    end_range("sound after a reader");
}

static void test_kick(void)
{
    begin_range((size_t)4 << 20, true);
    fill_and_free(64);
    sim_set_cpu(1);
    ok(ashlar_heap_alloc(heap, 4096, ASHLAR_HEAP_NO_GROW) == NULL && kicked.calls == 0, "NO_GROW asks nobody");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_heap_alloc(heap, 4096, 0) == NULL && kicked.calls == 0, "nor does an interrupt");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    kicked.is_offline = true;
    ok(ashlar_heap_alloc(heap, 4096, 0) == NULL, "a CPU that takes no part is not waited for");
    is_u(kicked.calls, 1, "it was asked once");
    kicked.is_offline = false;
    kicked.deaf = 2;
    kicked.while_busy = true;
    void *page = ashlar_heap_alloc(heap, 4096, 0);
    ok(page != NULL, "[fault 143] a CPU that makes no call itself is asked for what was freed there");
    ashlar_heap_free(heap, page);
    page = ashlar_heap_alloc(heap, (size_t)3 << 20, 0);
    ok(page != NULL, "[fault 143] all of it: a block of 3 MiB of 4");
    ok(!kicked.is_wrong, "kicks go out pinned, and to other CPUs");
    ashlar_heap_free(heap, page);
    kicked.while_busy = false;
    end_range("sound after kicks");
}

/* Slabs that an idle CPU keeps are asked for as well. */
static void test_kept(void)
{
    begin_range((size_t)1 << 20, true);
    void *first = ashlar_heap_alloc(heap, 32000, 0);
    struct ashlar_cache *cache = make_cache(heap, "idle", 20000, 0, 0);
    void *item = ashlar_cache_alloc(cache, 0);
    ashlar_heap_free(heap, first);
    ashlar_cache_free(cache, item);
    size_t kept = heap->owners[0].kept_units;
    ok(kept >= 50 && heap->owners[0].kept_slabs != 0, "a CPU keeps two slabs, one of a cache");
    sim_set_cpu(1);
    void *block = ashlar_heap_alloc(heap, (heap->runs.empty_units + 20u) << heap->runs.unit_shift, 0);
    ok(block != NULL, "[fault 143] another one gets them");
    is_u(heap->owners[0].kept_units + heap->owners[0].kept_slabs, 0, "none is kept");
    ashlar_heap_free(heap, block);
    is_u(ashlar_cache_destroy(cache), ASHLAR_OK, "the cache goes");
    ashlar_heap_answer(heap);
    end_range("sound after slabs were asked for");
}

int main(void)
{
    test_own_mail();
    test_search();
    test_reader();
    test_kick();
    test_kept();
    return done_testing();
}
