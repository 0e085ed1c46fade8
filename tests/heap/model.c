/* SPDX-License-Identifier: 0BSD */
/* model.c - random sequences of every operation, on several CPUs and in every context, against a list of what is held.
 *
 * Each object is filled with a pattern of its own over all that may be used of
 * it, so that an overlap, a stray link or a lost page shows when it is looked
 * at; a byte for each granule says at once whether an address is handed out
 * twice. Owners are found busy, commits fail, memory runs short. Where nothing
 * stands in the way an allocation must succeed. A failure prints its seed.
 */
#include "source.h"

#include "heap/size.h"

#include <ashlar/heap.h>

#define HELD_MAX 600u
#define CACHES 3u
#define CPUS_MOST 3u

struct layout {
    const char *name;
    size_t pages; /* 0: a plain range */
    size_t range_bytes;
    unsigned cpus;
    size_t keep_bytes;
    size_t limit; /* pages backed at most; 0: any */
    unsigned flags;
    bool moves;
    unsigned most_held;
    unsigned log_most; /* of sizes */
};

static const struct layout layouts[] = {
    {"a source with room", 16384, 0, 3, 256 << 10, 0, 0, false, 400, 18},
    {"a source that zeroes and moves", 16384, 0, 2, 64 << 10, 0, ASHLAR_HEAP_SOURCE_ZEROED, true, 300, 19},
    {"little memory", 2048, 0, 2, 64 << 10, 150, 0, true, 500, 17},
    {"few addresses", 80, 0, 1, 64 << 10, 0, ASHLAR_HEAP_SOURCE_ZEROED, false, 500, 16},
    {"64 KiB", 0, 65536, 1, 0, 0, 0, false, 600, 12},
    {"1 MiB less a little", 0, (1 << 20) - 1003, 3, 0, 0, 0, false, 600, 16},
    {"3 MiB", 0, 3 << 20, 2, 0, 0, 0, false, 600, 18},
};

struct held {
    unsigned char *object;
    size_t asked;
    size_t usable;
    unsigned char tag;
    unsigned char cache; /* + 1; 0: none */
};

static const struct {
    const char *name;
    size_t bytes;
    size_t align;
    unsigned flags;
} kinds[CACHES] = {{"small", 24, 0, 0}, {"guarded", 100, 0, ASHLAR_CACHE_CANARY}, {"wide", 3000, 1024, 0}};

static struct held held[HELD_MAX];
static unsigned held_count;
static struct ashlar_cache *caches[CACHES];
static struct ashlar_heap *heap;
static struct test_source test;
static unsigned char *range;
static unsigned char *taken; /* a byte for each granule */
static uintptr_t taken_base;
static size_t taken_granules;
static const struct layout *layout;
static uint64_t seed;
static const char *broken;
static bool disturbed; /* this step may fail */

static uint64_t below(uint64_t limit)
{
    return tap_random(&seed) % limit;
}

static void fault(const char *what)
{
    if (broken == NULL) {
        broken = what;
    }
}

/* --- contents --------------------------------------------------------------- */

static size_t step_of(size_t i, size_t bytes)
{
    return bytes > 4096 && i >= 1024 && i + 1024 < bytes ? 509 : 1;
}

static void fill(const struct held *one)
{
    for (size_t i = 0; i < one->usable; i += step_of(i, one->usable)) {
        one->object[i] = (unsigned char)(one->tag + i * 7u);
    }
}

static void check_contents(const unsigned char *object, const struct held *one, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += step_of(i, one->usable)) {
        if (object[i] != (unsigned char)(one->tag + i * 7u)) {
            fault("an object's contents changed");
            return;
        }
    }
}

static void check_zero(const unsigned char *object, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (object[i] != 0) {
            fault("bytes that were to be zero are not");
            return;
        }
    }
}

static void mark(const struct held *one, bool taking)
{
    int now = taking ? 1 : 0;
    size_t first = ((uintptr_t)one->object - taken_base) / 16u;
    size_t count = (one->usable + 15u) / 16u;
    if ((uintptr_t)one->object % 16u != 0 || first >= taken_granules || first + count > taken_granules) {
        fault("an object outside of the range, or not aligned");
        return;
    }
    if (memchr(taken + first, now, count) != NULL) {
        fault(taking ? "two objects overlap" : "the test has lost its way");
    }
    memset(taken + first, now, count);
}

static void hold(void *object, size_t asked, size_t usable, unsigned cache)
{
    struct held *one = &held[held_count++];
    *one = (struct held){object, asked, usable, (unsigned char)below(256), (unsigned char)cache};
    mark(one, true);
    if (usable < asked) {
        fault("an object is too small");
    }
    fill(one);
}

static struct held let_go(unsigned index)
{
    struct held one = held[index];
    mark(&one, false);
    held[index] = held[--held_count];
    return one;
}

/* --- operations ------------------------------------------------------------- */

static size_t some_size(void)
{
    unsigned log = (unsigned)below(below(3) == 0 ? layout->log_most + 1u : 10);
    return (size_t)below(((uint64_t)1 << log) + 1u);
}

/* Must an allocation succeed now? */
static bool has_room(void)
{
    return !disturbed && layout->pages > 4096 && layout->limit == 0 && ashlar_port_context() == ASHLAR_CONTEXT_THREAD;
}

static void judge(void *object, size_t asked, unsigned flags)
{
    if (object == NULL) {
        if (has_room() && (flags & ASHLAR_HEAP_NO_GROW) == 0) {
            fault("an allocation failed where there was room");
        }
        return;
    }
    size_t usable = ashlar_heap_usable_size(heap, object);
    if ((flags & ASHLAR_HEAP_ZERO) != 0) {
        check_zero(object, 0, usable);
    }
    hold(object, asked, usable, 0);
}

static unsigned some_flags(void)
{
    return below(4) == 0 ? (unsigned)below(4) : 0;
}

static void op_alloc(void)
{
    size_t bytes = some_size();
    unsigned flags = some_flags();
    void *object = ashlar_heap_alloc(heap, bytes, flags);
    size_t rounded = ashlar_heap_size_roundup(heap, bytes);
    if (object != NULL && (uintptr_t)object % natural_align((uint32_t)rounded) != 0) {
        fault("an object is not aligned as its size demands");
    }
    if (object != NULL && ashlar_heap_usable_size(heap, object) < rounded) {
        fault("an object is smaller than its rounded size");
    }
    judge(object, bytes, flags);
}

static void op_alloc_aligned(void)
{
    size_t bytes = some_size();
    size_t align = (size_t)1 << below(16);
    unsigned flags = some_flags();
    void *object = ashlar_heap_alloc_aligned(heap, align, bytes, flags);
    if (object != NULL && (uintptr_t)object % align != 0) {
        fault("an object is not aligned as asked for");
    }
    judge(object, bytes, flags);
}

static void op_realloc(void)
{
    if (held_count == 0) {
        return;
    }
    unsigned index = (unsigned)below(held_count);
    if (held[index].cache != 0) {
        return;
    }
    struct held old = held[index];
    size_t bytes = below(2) != 0 ? some_size() : (size_t)below(old.usable * 2u);
    unsigned flags = some_flags();
    unsigned char *object = ashlar_heap_realloc(heap, old.object, bytes, flags);
    size_t asked = bytes != 0 ? bytes : 1;
    if (object == NULL) {
        if (bytes <= old.usable || (has_room() && (flags & ASHLAR_HEAP_NO_GROW) == 0)) {
            fault("a realloc failed that could not");
        }
        check_contents(old.object, &old, old.usable);
        return;
    }
    size_t kept = asked < old.usable ? asked : old.usable;
    size_t usable = ashlar_heap_usable_size(heap, object);
    check_contents(object, &old, kept);
    if ((flags & ASHLAR_HEAP_ZERO) != 0) {
        check_zero(object, kept, usable);
    }
    let_go(index);
    hold(object, bytes, usable, 0);
}

static void op_free(void)
{
    if (held_count == 0) {
        return;
    }
    struct held one = let_go((unsigned)below(held_count));
    check_contents(one.object, &one, one.usable);
    if (one.cache != 0 && below(2) == 0) {
        ashlar_cache_free(caches[one.cache - 1], one.object);
    } else if (below(3) == 0) {
        ashlar_heap_free_sized(heap, one.object, one.asked);
    } else {
        ashlar_heap_free(heap, one.object);
    }
}

static void op_cache_alloc(void)
{
    unsigned which = (unsigned)below(CACHES);
    unsigned flags = some_flags();
    unsigned char *object = caches[which] != NULL ? ashlar_cache_alloc(caches[which], flags) : NULL;
    if (object == NULL) {
        if (has_room() && caches[which] != NULL && (flags & ASHLAR_HEAP_NO_GROW) == 0) {
            fault("a cache had no object where there was room");
        }
        return;
    }
    if ((flags & ASHLAR_HEAP_ZERO) != 0) {
        check_zero(object, 0, kinds[which].bytes);
    }
    if (kinds[which].align != 0 && (uintptr_t)object % kinds[which].align != 0) {
        fault("a cache's object is not aligned");
    }
    hold(object, kinds[which].bytes, kinds[which].bytes, which + 1u);
}

static void op_cache_bulk(void)
{
    void *objects[40];
    unsigned which = (unsigned)below(CACHES);
    size_t count = (size_t)below(40);
    if (caches[which] == NULL || held_count + count > HELD_MAX) {
        return;
    }
    if (ashlar_cache_alloc_bulk(caches[which], 0, objects, count) != 0) {
        for (size_t i = 0; i < count; i++) {
            hold(objects[i], kinds[which].bytes, kinds[which].bytes, which + 1u);
        }
    } else if (has_room() && caches[which] != NULL) {
        fault("a bulk allocation failed where there was room");
    }
}

static void op_cache_free_bulk(void)
{
    void *objects[40];
    size_t count = 0;
    unsigned which = (unsigned)below(CACHES);
    for (unsigned i = held_count; i-- != 0 && count < 40;) {
        if (held[i].cache == which + 1u && below(3) != 0) {
            check_contents(held[i].object, &held[i], held[i].usable);
            objects[count++] = let_go(i).object;
        }
    }
    if (count != 0) {
        ashlar_cache_free_bulk(caches[which], objects, count);
    }
}

static void op_cache_life(void)
{
    unsigned which = (unsigned)below(CACHES);
    if (below(12) != 0) {
        return;
    }
    if (caches[which] == NULL) {
        (void)!ashlar_cache_create(heap, kinds[which].name, kinds[which].bytes, kinds[which].align, kinds[which].flags,
                                   &caches[which]);
        return;
    }
    for (unsigned i = held_count; i-- != 0;) {
        if (held[i].cache == which + 1u) {
            ashlar_cache_free(caches[which], let_go(i).object);
        }
    }
    ashlar_status status = ashlar_cache_destroy(caches[which]);
    if (status == ASHLAR_OK) {
        caches[which] = NULL;
    } else if (status != ASHLAR_MAY_NOT_WAIT) {
        fault("an odd status of a cache's destruction");
    }
}

static void op_service(void)
{
    switch (below(6)) {
    case 0:
        (void)ashlar_heap_shrink(heap, (size_t)below(1 << 19));
        break;
    case 1:
        if (ashlar_heap_prefill(heap, (size_t)below(2000), (size_t)below(40)) != ASHLAR_OK && has_room()) {
            fault("no prefill where there was room");
        }
        break;
    case 2:
        if (ashlar_port_context() == ASHLAR_CONTEXT_THREAD) {
            settle_all(heap, layout->cpus);
        }
        break;
    default:
        (void)ashlar_heap_work(heap);
        break;
    }
}

static void operate(bool filling)
{
    static void (*const takes[])(void) = {op_alloc,         op_alloc,       op_alloc,
                                          op_alloc_aligned, op_cache_alloc, op_cache_bulk};
    static void (*const gives[])(void) = {op_free, op_free, op_free, op_free, op_cache_free_bulk};
    unsigned kind = (unsigned)below(12);
    if (kind == 0) {
        op_service();
    } else if (kind == 1) {
        op_cache_life();
    } else if (kind < 4) {
        op_realloc();
    } else if (held_count < layout->most_held && below(10) < (filling ? 7u : 2u)) {
        takes[below(6)]();
    } else {
        gives[below(5)]();
    }
}

/* --- where it happens --------------------------------------------------------- */

/* In the middle of what the CPU's owner was doing, perhaps in that of its interrupts, too. */
static void interrupted(bool filling)
{
    unsigned cpu = ashlar_port_cpu();
    struct owner *first = &heap->owners[cpu];
    struct owner *second = &heap->owners[cpu + layout->cpus];
    uint32_t before[2] = {first->state, second->state};
    bool both = below(3) == 0;
    first->state |= OWNER_BUSY;
    second->state |= both ? OWNER_BUSY : 0;
    sim_set_context(below(3) == 0 ? ASHLAR_CONTEXT_NMI : ASHLAR_CONTEXT_INTERRUPT);
    for (uint64_t i = below(6); i != 0; i--) {
        operate(filling);
    }
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    first->state = before[0];
    second->state = both ? before[1] : second->state;
}

static void step(bool filling)
{
    sim_set_cpu((unsigned)below(layout->cpus));
    disturbed = false;
    uint64_t kind = below(16);
    if (kind == 0) {
        interrupted(filling);
    } else if (kind == 1) {
        sim_set_context(below(2) == 0 ? ASHLAR_CONTEXT_NMI : ASHLAR_CONTEXT_INTERRUPT);
        operate(filling);
        sim_set_context(ASHLAR_CONTEXT_THREAD);
    } else if (kind == 2) {
        uintptr_t saved = ashlar_port_irq_save();
        operate(filling);
        ashlar_port_irq_restore(saved);
    } else if (kind == 3) {
        disturbed = true;
        test.fail_in = 1u + (size_t)below(3);
        test.fail_on = below(2) != 0;
        operate(filling);
        test.fail_in = 0;
    } else {
        operate(filling);
    }
}

/* --- checks ----------------------------------------------------------------- */

static int count_one(void *context, const struct ashlar_heap_place *place)
{
    size_t *count = context;
    ++*count;
    if (!place->live || place->pending || place->offset != 0) {
        fault("the walk shows what is not live");
    }
    if (taken[(place->base - taken_base) / 16u] == 0) {
        fault("the walk shows an object that nobody holds");
    }
    return 0;
}

static void check(void)
{
    size_t count = 0;
    const char *audit = layout->pages != 0 ? source_audit(heap, &test) : ashlar_heap_audit(heap);
    if (audit != NULL) {
        fault(audit);
        return;
    }
    ashlar_heap_walk(heap, count_one, &count);
    if (count != held_count) {
        fault("the walk shows another number of objects than are held");
    }
    if (stats_of(heap).live_objects < held_count) {
        fault("fewer objects are counted than are held");
    }
}

static void start(void)
{
    held_count = 0;
    memset(caches, 0, sizeof caches);
    if (layout->pages != 0) {
        heap = source_heap(&test, layout->pages, layout->cpus, layout->keep_bytes, layout->flags);
        test.limit = layout->limit;
        test.source.move = layout->moves ? source_move : NULL;
        heap->runs.source.move = test.source.move;
    } else {
        struct ashlar_heap_options options = {.max_cpus = layout->cpus};
        range = malloc(layout->range_bytes + 64);
        memset(range, 0x5a, layout->range_bytes + 64);
        if (ashlar_heap_init_range_with(range + 1, layout->range_bytes, &options, &heap) != ASHLAR_OK) {
            fault("no heap");
            exit(1);
        }
    }
    taken_base = heap->runs.base;
    taken_granules = (size_t)heap->runs.total << heap->runs.unit_granule_shift;
    taken = calloc(taken_granules, 1);
}

/* Everything goes back: nothing is live, and after a shrink nothing is backed but reserves. */
static void finish(void)
{
    disturbed = true;
    while (held_count != 0) {
        struct held one = let_go(held_count - 1u);
        sim_set_cpu((unsigned)below(layout->cpus));
        ashlar_heap_free(heap, one.object);
    }
    settle_all(heap, layout->cpus);
    for (unsigned i = 0; i < CACHES; i++) {
        if (caches[i] != NULL && ashlar_cache_destroy(caches[i]) != ASHLAR_OK) {
            fault("an empty cache could not be destroyed");
        }
    }
    struct ashlar_heap_stats stats = stats_of(heap);
    if (stats.live_objects != 0 || stats.large_blocks != 0 || stats.live_bytes != 0) {
        fault("objects were lost");
    }
    check();
}

static void stop(void)
{
    free(taken);
    if (layout->pages != 0) {
        source_free(&test);
    } else {
        free(range);
    }
}

static void run_seed(uint64_t number, unsigned steps)
{
    seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
    layout = &layouts[number % (sizeof layouts / sizeof layouts[0])];
    start();
    for (unsigned i = 0; broken == NULL && i < steps; i++) {
        step(i / 200 % 2 == 0);
        if (i % 8 == 0) {
            check();
        }
    }
    if (broken == NULL) {
        finish();
    }
    stop();
}

static const char *run_caught(uint64_t number)
{
    return SIM_FATAL(run_seed(number, 1000));
}

int main(void)
{
    unsigned long seeds = tap_seeds(210);
    unsigned long i = 0;
    const char *fatal = NULL;
    for (; i < seeds && broken == NULL && fatal == NULL; i++) {
        fatal = run_caught(i);
    }
    if (broken != NULL || fatal != NULL) {
        printf("# seed %lu, %s: %s\n", i - 1, layout->name, broken != NULL ? broken : fatal);
    }
    ok(broken == NULL && fatal == NULL, "%lu random sequences agree with the model", seeds);
    return done_testing();
}
