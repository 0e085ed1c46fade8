/* SPDX-License-Identifier: 0BSD */
/* random_smp.c - all that a heap can be asked for, by several CPUs at random, under the scheduler that stops a CPU at any
 * access.
 *
 * Objects of every kind change hands: aligned ones, zeroed ones, large blocks, those
 * of caches that come and go. Any CPU may free what another took, resize it, or ask
 * how large it is. Prefills, shrinking, kicks, counts, walks and explanations go on
 * beside it. Each object has one holder and keeps what was written; what was promised
 * beforehand is there; in the end all is home, and sound.
 *
 * ASHLAR_SEED=N runs one seed again.
 */
#include "seeds.h"

#include <ashlar/kmalloc.h>

#define CPUS 3u
#define SLOTS 24u
#define STEPS 40u
#define RANGE_PAGES 2048u
#define PREFILL_MOST 12u
#define BULK 5u

static struct ashlar_heap *heap;
static struct test_source test;

enum slot_state { FREE, BUSY, LIVE };

struct slot {
    enum slot_state state;
    unsigned char *object;
    size_t bytes;
    struct ashlar_cache *cache; /* NULL: of the heap's own classes */
};

static struct {
    struct slot slot[SLOTS];
    struct ashlar_cache *cache[CPUS]; /* each its CPU's to make and destroy; its objects are that CPU's slots' only */
    uint64_t random;
    unsigned walks;
    const char *problem;
} run;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(tap_random(&run.random) >> 33) % bound;
}

static void problem(const char *what)
{
    run.problem = run.problem != NULL ? run.problem : what;
}

static size_t some_bytes(void)
{
    static const size_t most[] = {64, 64, 600, 600, 5000, 60000};
    return 1u + random_below((unsigned)most[random_below(6)]);
}

/* The last byte, too: what lies behind it is another object's. */
static void mark_object(struct slot *slot)
{
    unsigned char mark = (unsigned char)(0x40u + (unsigned)(slot - run.slot));
    slot->object[0] = slot->object[slot->bytes - 1u] = mark;
}

static void check_object(const struct slot *slot, size_t bytes)
{
    unsigned char mark = (unsigned char)(0x40u + (unsigned)(slot - run.slot));
    if (slot->object[0] != mark || (bytes == slot->bytes && slot->object[bytes - 1u] != mark)) {
        problem("an object has two holders");
    }
}

static bool is_zero(const unsigned char *object, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && object[i] == 0) {
        i++;
    }
    return i == bytes;
}

/* --- taking and giving ----------------------------------------------------------------------- */

static void *take_zeroed(size_t bytes)
{
    unsigned what = random_below(3);
    unsigned char *object = what == 0   ? ashlar_kcalloc(bytes, 1)
                            : what == 1 ? ashlar_kzalloc(bytes)
                                        : ashlar_heap_calloc(heap, 1, bytes, 0);
    if (object != NULL && !is_zero(object, bytes)) {
        problem("a zeroed object has something in it");
    }
    return object;
}

static void *take_aligned(size_t bytes)
{
    size_t align = (size_t)1 << random_below(13);
    void *object =
        random_below(2) == 0 ? ashlar_kmemalign(align, bytes) : ashlar_heap_alloc_aligned(heap, align, bytes, 0);
    if (((uintptr_t)object & (align - 1u)) != 0) {
        problem("an alignment that was asked for is not there");
    }
    return object;
}

static void take(struct slot *slot)
{
    unsigned what = random_below(6);
    slot->state = BUSY;
    slot->cache = NULL;
    slot->bytes = some_bytes();
    if (what == 0) {
        slot->object = take_zeroed(slot->bytes);
    } else if (what == 1) {
        slot->object = take_aligned(slot->bytes);
    } else {
        slot->object = ashlar_kmalloc(slot->bytes);
    }
    if (slot->object == NULL) {
        problem("no memory, where there is enough for all");
        return;
    }
    if (ashlar_kmalloc_usable_size(slot->object) < slot->bytes ||
        ashlar_kmalloc_size_roundup(slot->bytes) < slot->bytes) {
        problem("an object is smaller than what was asked for");
    }
    mark_object(slot);
    slot->state = LIVE;
}

static void give(struct slot *slot)
{
    slot->state = BUSY;
    check_object(slot, slot->bytes);
    if (ashlar_heap_usable_size(heap, slot->object) < slot->bytes) {
        problem("an object became smaller");
    }
    if (random_below(2) == 0) {
        ashlar_kfree_sized(slot->object, slot->bytes);
    } else {
        ashlar_kfree(slot->object);
    }
    slot->object = NULL;
    slot->state = FREE;
}

static void resize(struct slot *slot)
{
    size_t bytes = some_bytes();
    slot->state = BUSY;
    check_object(slot, slot->bytes);
    unsigned char *moved = ashlar_krealloc(slot->object, bytes);
    if (moved != NULL) {
        slot->object = moved;
        check_object(slot, bytes < slot->bytes ? bytes - (bytes == slot->bytes) : slot->bytes);
        slot->bytes = bytes;
    } else {
        problem("no memory to resize");
    }
    mark_object(slot);
    slot->state = LIVE;
}

/* --- caches, prefills, reports ------------------------------------------------------------------ */

/* A cache from its beginning to its end; CPUs free each other's classes' objects meanwhile, and so read each other's mail. */
static void use_cache(unsigned cpu)
{
    static const char *const names[CPUS] = {"first", "second", "third"};
    void *objects[BULK], *single;
    unsigned flags = random_below(2) == 0 ? ASHLAR_CACHE_CANARY : 0;
    if (ashlar_cache_create(heap, names[cpu], 1u + random_below(300), 0, flags, &run.cache[cpu]) != ASHLAR_OK) {
        problem("no cache");
        return;
    }
    single = ashlar_cache_alloc(run.cache[cpu], ASHLAR_HEAP_ZERO);
    if (single == NULL || !ashlar_cache_alloc_bulk(run.cache[cpu], 0, objects, BULK)) {
        problem("no objects of a cache");
        return;
    }
    struct ashlar_heap_place place = place_of(heap, single);
    if (place.kind != ASHLAR_HEAP_PLACE_OBJECT || !place.live || place.cache != names[cpu]) {
        problem("a live object of a cache is explained as something else");
    }
    ashlar_cache_free_bulk(run.cache[cpu], objects, BULK - 1u);
    ashlar_cache_free(run.cache[cpu], single);
    ashlar_kfree(objects[BULK - 1u]);
    if (ashlar_cache_destroy(run.cache[cpu]) != ASHLAR_OK) {
        problem("a cache without objects does not go");
    }
}

/* What was promised is there, whatever others take meanwhile. */
static void prefill(void)
{
    void *objects[PREFILL_MOST];
    unsigned count = 1u + random_below(PREFILL_MOST), taken = 0;
    size_t bytes = 16u << random_below(5);
    if (ashlar_kmalloc_prefill(bytes, count) != ASHLAR_OK) {
        problem("no memory for a prefill");
        return;
    }
    while (taken < count && (objects[taken] = ashlar_heap_alloc(heap, bytes, ASHLAR_HEAP_NO_GROW)) != NULL) {
        taken++;
    }
    if (taken != count) {
        problem("a prefill has promised more than there is");
    }
    give_objects(heap, objects, taken);
}

/* Exact only where nobody uses the heap: what moves meanwhile may be met twice. */
static int see_object(void *context, const struct ashlar_heap_place *object)
{
    (void)context;
    if (!object->live || object->base - heap->runs.base >= (size_t)RANGE_PAGES * 4096u) {
        problem("a walk tells of what is no object");
    }
    run.walks++;
    return 0;
}

static void look(void)
{
    char text[120];
    struct ashlar_heap_stats stats;
    const struct slot *slot = &run.slot[random_below(SLOTS)];
    const unsigned char *object = slot->object;
    switch (random_below(3)) {
    case 0:
        ashlar_heap_stats(heap, &stats);
        if (stats.backed_bytes > (size_t)RANGE_PAGES * 4096u || stats.caches > CPUS) {
            problem("counts beyond what there is");
        }
        break;
    case 1:
        ashlar_heap_walk(heap, see_object, NULL);
        break;
    default:
        ashlar_heap_explain_text(heap, object, text, sizeof text);
        break;
    }
}

static void work_or_shrink(void)
{
    if (random_below(2) == 0) {
        (void)ashlar_heap_shrink(heap, random_below(100000));
    } else {
        (void)ashlar_work();
    }
}

/* --- runs ------------------------------------------------------------------------------------------ */

static int kick(void *context, unsigned cpu)
{
    uint32_t mask = (uint32_t)1 << cpu;
    (void)context;
    sim_kick(&mask, 1);
    return 1;
}

static void step(void)
{
    struct slot *slot = &run.slot[random_below(SLOTS)];
    unsigned what = random_below(16);
    if (what == 0) {
        use_cache(ashlar_port_cpu());
    } else if (what == 1) {
        prefill();
    } else if (what == 2) {
        look();
    } else if (what == 3) {
        work_or_shrink();
    } else if (slot->state == FREE) {
        take(slot);
    } else if (slot->state == LIVE && what < 7) {
        resize(slot);
    } else if (slot->state == LIVE) {
        give(slot);
    }
}

static void cpu_body(void *context)
{
    (void)context;
    for (unsigned i = 0; i < STEPS && run.problem == NULL; i++) {
        step();
        sim_progress();
        sim_yield();
    }
}

static const char *settle(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (run.slot[i].state == LIVE) {
            give(&run.slot[i]);
        }
    }
    settle_all(heap, CPUS);
    const char *broken = run.problem != NULL ? run.problem : source_audit(heap, &test);
    return broken == NULL && stats_of(heap).live_objects != 0 ? "objects are lost" : broken;
}

static const char *run_seed(uint64_t seed)
{
    const struct sim_schedule_options schedule = {.seed = seed,
                                                  .kick_one_in = 1u << seed % 6u,
                                                  .interrupt = ashlar_kmalloc_answer,
                                                  .waits_most = 100000};
    const struct ashlar_heap_options options = {.max_cpus = CPUS, .keep_bytes = 64u << 10, .kick = kick};
    unsigned walks = run.walks;
    memset(&run, 0, sizeof run);
    run.walks = walks;
    run.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    heap = source_heap_with(&test, RANGE_PAGES, &options, seed % 2u == 0 ? ASHLAR_HEAP_SOURCE_ZEROED : 0u);
    ashlar_kmalloc_bind(heap);
    const char *why = run_and_settle(CPUS, cpu_body, &run.problem, settle, &schedule);
    ashlar_kmalloc_bind(NULL);
    source_free(&test);
    return why;
}

int main(void)
{
    is_str(seeds_of(run_seed, 1000), NULL, "whatever several CPUs ask of a heap at once: none is lost or doubled");
    ok(run.walks != 0 || getenv("ASHLAR_SEED") != NULL, "walks met %u objects", run.walks);
    return done_testing();
}
