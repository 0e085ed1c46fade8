/* SPDX-License-Identifier: 0BSD */
/* inject.c - each commit of the source and each allocation fails in turn, once and from then on: what was returned
 * is told, nothing is lost, and all can be had afterwards.
 */
#include "source.h"

#include <ashlar/heap.h>

#define ROUNDS 24u

static struct ashlar_heap *heap;
static struct test_source test;
static unsigned refused;
static const char *wrong;

static void must(bool condition, const char *what)
{
    if (!condition && wrong == NULL) {
        wrong = what;
    }
}

struct state {
    size_t objects, bytes, payload, slabs, large;
};

/* Without reserves: descriptors and map. */
static struct state state_now(void)
{
    struct ashlar_heap_stats stats = stats_of(heap);
    struct state state = {stats.live_objects, stats.live_bytes,
                          stats.backed_bytes - stats.metadata_bytes + heap->runs.bit_pages * 4096u, stats.slabs,
                          stats.large_blocks};
    return state;
}

/* A call that failed left everything as it was. */
static void compare(struct state before)
{
    struct state after = state_now();
    must(memcmp(&before, &after, sizeof before) == 0, "a failed call left something behind");
    const char *audit = source_audit(heap, &test);
    must(audit == NULL, audit);
}

static void *tried(void *object, struct state before)
{
    if (object == NULL) {
        refused++;
        compare(before);
    }
    return object;
}

/* Each call once or more; every failure is looked at. */
static void scenario(void)
{
    static const size_t sizes[] = {16, 3000, 32768, 40000, 500000};
    void *objects[ROUNDS];
    void *bulk[30];
    struct ashlar_cache *cache = NULL;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct state before = state_now();
        objects[i] = tried(i % 6u == 5 ? ashlar_heap_alloc_aligned(heap, 65536, 100, 0)
                                       : ashlar_heap_alloc(heap, sizes[i % 5u], ASHLAR_HEAP_ZERO),
                           before);
    }
    for (unsigned i = 0; i < ROUNDS; i += 3) {
        struct state before = state_now();
        void *moved = tried(ashlar_heap_realloc(heap, objects[i], 70000u + i * 30000u, 0), before);
        objects[i] = moved != NULL ? moved : objects[i];
    }
    struct state before = state_now();
    if (ashlar_cache_create(heap, "cache", 1000, 0, 0, &cache) != ASHLAR_OK) {
        refused++;
        must(cache == NULL, "a cache that was not made");
        compare(before);
    } else {
        before = state_now();
        bool all = ashlar_cache_alloc_bulk(cache, 0, bulk, 30) != 0;
        refused += !all;
        must(all || state_now().objects == before.objects, "a part of a bulk call");
        if (all) {
            ashlar_cache_free_bulk(cache, bulk, 30);
        }
        must(ashlar_cache_destroy(cache) == ASHLAR_OK, "a cache that cannot be destroyed");
    }
    refused += ashlar_heap_prefill(heap, 2000, 40) != ASHLAR_OK;
    for (unsigned i = 0; i < ROUNDS; i++) {
        ashlar_heap_free(heap, objects[i]);
    }
    const char *audit = source_audit(heap, &test);
    must(audit == NULL, audit);
    must(stats_of(heap).live_objects == 0, "objects were lost");
}

static void begin(bool moves)
{
    heap = source_heap(&test, 4096, 1, 64 << 10, 0);
    heap->runs.source.move = moves ? source_move : NULL;
    refused = 0;
}

/* After all that failed, everything can be had. */
static void end(void)
{
    test.fail_in = 0;
    ashlar_heap_fail_nth(heap, 0);
    refused = 0;
    scenario();
    must(refused == 0, "something is refused for good");
    (void)ashlar_heap_shrink(heap, 0);
    const char *audit = source_audit(heap, &test);
    must(audit == NULL, audit);
    source_free(&test);
}

static void test_commits(bool on, bool moves)
{
    unsigned failed = 0;
    unsigned refusals = 0;
    begin(moves);
    scenario();
    size_t commits = test.commits;
    end();
    for (size_t nth = 1; nth <= commits && wrong == NULL; nth++) {
        begin(moves);
        test.fail_in = nth;
        test.fail_on = on;
        scenario();
        failed++;
        refusals += refused;
        end();
    }
    if (wrong != NULL) {
        printf("# commit %u: %s\n", failed, wrong);
    }
    ok(wrong == NULL && failed > 20 && refusals > 10, "commit 1 to %zu fails, %s, %s moves: %u refusals, all harmless",
       commits, on ? "and all after it" : "once", moves ? "with" : "without", refusals);
    wrong = NULL;
}

static void test_allocations(void)
{
    unsigned nth = 1;
    for (; wrong == NULL && nth < 1000; nth++) {
        begin(false);
        ashlar_heap_fail_nth(heap, nth);
        scenario();
        bool came = heap->fail_in == 0;
        must(refused == (came ? 1u : 0u) || !came, "another number of refusals than one");
        end();
        if (!came) {
            break;
        }
    }
    if (wrong != NULL) {
        printf("# allocation %u: %s\n", nth, wrong);
    }
    ok(wrong == NULL && nth > 30, "allocation 1 to %u fails in turn, each alone", nth - 1);
}

static void test_exact(void)
{
    begin(false);
    void *first = ashlar_heap_alloc(heap, 64, 0);
    ashlar_heap_fail_nth(heap, 3);
    void *second = ashlar_heap_alloc(heap, 64, 0);
    void *third = ashlar_heap_alloc(heap, 64, 0);
    ok(second != NULL && third != NULL, "the first two do not fail");
    ok(ashlar_heap_alloc(heap, 64, 0) == NULL, "the third fails");
    void *fourth = ashlar_heap_alloc(heap, 64, 0);
    ok(fourth != NULL, "the fourth does not");
    ashlar_heap_free(heap, first);
    ashlar_heap_free(heap, second);
    ashlar_heap_free(heap, third);
    ashlar_heap_free(heap, fourth);
    is_u(heap->fast_cpus, 1, "and the fast paths are open again");
    end();
    ok(wrong == NULL, "sound");
}

int main(void)
{
    sim_set_cpu(0);
    test_commits(false, false);
    test_commits(true, false);
    test_commits(false, true);
    test_commits(true, true);
    test_allocations();
    test_exact();
    return done_testing();
}
