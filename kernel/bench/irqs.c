/* SPDX-License-Identifier: 0BSD */
/* irqs.c - the longest time for which the library keeps interrupts off, by operation.
 *
 * Each row of the table is an operation on so many pages; what is prepared for it
 * is not counted. Run in metered.elf, under -icount, on one CPU with the timer
 * masked: so the counts are instructions, and repeat exactly.
 *
 * Lines: CSV metric,case,value,unit; and where interrupts came on again.
 */
#include "bench/meter.h"
#include "commands/command.h"
#include "cpu/timer.h"
#include "io/exit.h"
#include "io/print.h"
#include "memory/memory.h"
#include <ashlar/kmalloc.h>

#define FIRST ((ashlar_vpn)0x10000) /* no page of 1 GiB fits */
#define WHOLE ((ashlar_vpn)0x40000) /* one does */
#define GIB_PAGES ((size_t)1 << 18)
#define RANGE_PAGES ((size_t)1 << 14) /* of the kernel's own: 64 MiB */
#define BLOCK_PAGES ((size_t)1 << 15)
#define MANY 4096u /* ranges */
#define OBJECTS 100000u
#define DEVICE ((ashlar_pfn)0x80000) /* frames that are nobody's */
#define USER_WRITE (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct {
    struct ashlar_space space;
    ashlar_pfn *frames; /* GIB_PAGES of them */
    ashlar_vpn first;   /* page that operations begin at */
} user;

__attribute__((weak)) bool meter_start(void)
{
    return false;
}

__attribute__((weak)) uint64_t meter_longest(uintptr_t *where)
{
    *where = 0;
    return 0;
}

static void drop(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    (void)context;
    (void)page;
    (void)frame;
    (void)pages;
}

static bool nothing(size_t pages)
{
    (void)pages;
    return true;
}

static bool map(size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        user.frames[i] = DEVICE + i;
    }
    return ashlar_space_map(&user.space, user.first, pages, user.frames, USER_WRITE) == ASHLAR_OK;
}

static bool map_linear(size_t pages)
{
    return ashlar_space_map_linear(&user.space, user.first, pages, DEVICE, USER_WRITE) == ASHLAR_OK;
}

static bool map_large(size_t pages)
{
    return ashlar_space_map_linear(&user.space, user.first, pages, DEVICE, USER_WRITE | ASHLAR_MAP_LARGE) == ASHLAR_OK;
}

/* A page here and there: tables, and nothing much in them. */
static bool map_sparse(size_t pages)
{
    bool good = true;
    for (size_t page = 0; page < pages && good; page += 512) {
        good = ashlar_space_map_linear(&user.space, user.first + page, 1, DEVICE, USER_WRITE) == ASHLAR_OK;
    }
    return good;
}

static bool protect(size_t pages)
{
    return ashlar_space_protect(&user.space, user.first, pages, ASHLAR_MAP_READ | ASHLAR_MAP_USER) == ASHLAR_OK;
}

/* All but the first page and the last: large ones are split there. */
static bool protect_inner(size_t pages)
{
    return ashlar_space_protect(&user.space, user.first + 1, pages - 2, ASHLAR_MAP_READ | ASHLAR_MAP_USER) == ASHLAR_OK;
}

static bool unmap(size_t pages)
{
    return ashlar_space_unmap(&user.space, user.first, pages, user.frames) == ASHLAR_OK;
}

static bool clear(size_t pages)
{
    return ashlar_space_clear(&user.space, user.first, pages, drop, NULL) == ASHLAR_OK;
}

static bool empty(size_t pages)
{
    (void)pages;
    return ashlar_space_empty(&user.space, drop, NULL) == ASHLAR_OK;
}

/* By cursors, which leave the tables. */
static bool map_and_take_out(size_t pages)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    bool good = map_linear(pages);
    for (ashlar_vpn page = user.first; good && page < user.first + pages; page += ASHLAR_CURSOR_PAGES) {
        good = ashlar_cursor_begin(&cursor, &user.space, page, ASHLAR_CURSOR_PAGES, ASHLAR_INTENT_CHANGE) == ASHLAR_OK;
        if (good) {
            ashlar_gather_init(&gather, &user.space);
            (void)ashlar_cursor_hide(&cursor, ASHLAR_CURSOR_PAGES, &gather);
            ashlar_cursor_end(&cursor);
            ashlar_gather_finish(&gather);
            good = ashlar_cursor_begin(&cursor, &user.space, page, ASHLAR_CURSOR_PAGES, ASHLAR_INTENT_COLLECT) ==
                   ASHLAR_OK;
        }
        if (good) {
            (void)ashlar_cursor_collect(&cursor, user.frames, ASHLAR_CURSOR_PAGES);
            ashlar_cursor_end(&cursor);
        }
    }
    return good;
}

static bool destroy(size_t pages)
{
    (void)pages;
    ashlar_space_destroy(&user.space);
    return ashlar_space_create(&user.space) == ASHLAR_OK;
}

/* --- kernel ranges ---------------------------------------------------------------- */

static ashlar_vpn range;
static ashlar_vpn *ranges; /* MANY of them */

static int see(void *context, const struct ashlar_place *place)
{
    (void)context;
    (void)place;
    return 0;
}

static bool walk_ranges(size_t pages)
{
    struct ashlar_kva_stats stats;
    (void)pages;
    ashlar_kva_walk_ranges(see, NULL);
    ashlar_kva_stats(&stats);
    return true;
}

static bool take_range(size_t pages)
{
    return ashlar_kva_take(pages, ASHLAR_MAP_WRITE, "bench", &range) == ASHLAR_OK;
}

static bool take_large_range(size_t pages)
{
    return ashlar_kva_take(pages, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "bench", &range) == ASHLAR_OK;
}

static bool take_demand(size_t pages)
{
    return ashlar_kva_take_demand(pages, ASHLAR_MAP_WRITE, "bench", &range) == ASHLAR_OK;
}

static bool touch_demand(size_t pages)
{
    bool good = take_demand(pages);
    for (size_t i = 0; i < pages && good; i++) {
        *(volatile char *)ashlar_port_pointer(ashlar_space_address(range + i)) = 1;
    }
    return good;
}

static bool give_range(size_t pages)
{
    (void)pages;
    ashlar_kva_give(range);
    (void)ashlar_kva_purge();
    return true;
}

/* Twice the addresses: the second half has nothing behind it. */
static bool commit_half(size_t pages)
{
    return ashlar_kva_reserve(2 * pages, 1, "bench", &range) == ASHLAR_OK &&
           ashlar_kva_commit(range, pages, ASHLAR_MAP_WRITE) == ASHLAR_OK;
}

static bool move_half(size_t pages)
{
    return ashlar_kva_move(range + pages, range, pages, ASHLAR_MAP_WRITE) == ASHLAR_OK;
}

static bool decommit_half(size_t pages)
{
    ashlar_kva_decommit(range, pages);
    return true;
}

static bool decommit_moved(size_t pages)
{
    ashlar_kva_decommit(range + pages, pages);
    ashlar_kva_unreserve(range);
    return true;
}

static bool end_half(size_t pages)
{
    ashlar_kva_decommit(range, pages);
    ashlar_kva_unreserve(range);
    return true;
}

static bool unreserve(size_t pages)
{
    (void)pages;
    ashlar_kva_unreserve(range);
    return true;
}

/* A page each; given back, they wait for one purge. */
static bool take_many(size_t pages)
{
    bool good = true;
    for (size_t i = 0; i < pages && good; i++) {
        good = ashlar_kva_take(1, ASHLAR_MAP_WRITE, "bench", &ranges[i]) == ASHLAR_OK;
    }
    return good;
}

static bool give_many(size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        ashlar_kva_give(ranges[i]);
    }
    (void)ashlar_kva_purge();
    return true;
}

/* --- frames ------------------------------------------------------------------------- */

static bool take_bulk(size_t frames)
{
    return ashlar_frames_take_bulk(kernel_memory.booted.frames, user.frames, frames, 0) == ASHLAR_OK;
}

static bool give_bulk(size_t frames)
{
    ashlar_frames_give_bulk(kernel_memory.booted.frames, user.frames, frames);
    return true;
}

static bool take_contiguous(size_t frames)
{
    const struct ashlar_frames_range wanted = {.frames = frames};
    return ashlar_frames_take_range(kernel_memory.booted.frames, &wanted, user.frames) == ASHLAR_OK;
}

static bool give_contiguous(size_t frames)
{
    ashlar_frames_give_range(kernel_memory.booted.frames, user.frames[0], frames);
    return true;
}

/* --- the heap -------------------------------------------------------------------------- */

#define OBJECT_BYTES 256u

static void *block;
static struct ashlar_cache *cache;

static bool take_block(size_t pages)
{
    block = ashlar_kmalloc(pages * ASHLAR_PAGE_BYTES);
    return block != NULL;
}

static bool grow_block(size_t pages)
{
    void *moved = ashlar_krealloc(block, (pages + pages / 2u) * ASHLAR_PAGE_BYTES);
    block = moved != NULL ? moved : block;
    return moved != NULL;
}

static bool free_block(size_t pages)
{
    (void)pages;
    ashlar_kfree(block);
    return true;
}

static bool shrink_heap(size_t pages)
{
    (void)pages;
    (void)ashlar_heap_shrink(kernel_memory.booted.heap, 0);
    while (ashlar_work() != 0) {
    }
    return true;
}

static void *next_of(void *object)
{
    return *(void **)object;
}

/* Chained through their first word. */
static bool take_objects(size_t objects)
{
    bool good = true;
    block = NULL;
    for (size_t i = 0; i < objects && good; i++) {
        void **object = cache != NULL ? ashlar_cache_alloc(cache, 0) : ashlar_kmalloc(OBJECT_BYTES);
        good = object != NULL;
        if (good) {
            *object = block;
            block = object;
        }
    }
    return good;
}

static bool free_objects(size_t objects)
{
    (void)objects;
    while (block != NULL) {
        void *next = next_of(block);
        ashlar_kfree(block);
        block = next;
    }
    return true;
}

static bool take_and_free(size_t objects)
{
    return take_objects(objects) && free_objects(objects);
}

static bool prefill(size_t objects)
{
    return ashlar_kmalloc_prefill(OBJECT_BYTES, objects) == ASHLAR_OK;
}

/* All of its objects were taken, and are free again. */
static bool make_cache(size_t objects)
{
    bool good = ashlar_cache_create(kernel_memory.booted.heap, "bench", OBJECT_BYTES, 0, 0, &cache) == ASHLAR_OK;
    return good && take_and_free(objects);
}

static bool destroy_cache(size_t objects)
{
    (void)objects;
    bool good = ashlar_cache_destroy(cache) == ASHLAR_OK;
    cache = NULL;
    return good;
}

/* An operation, and what has to be there for it. More of them: a row each. */
static const struct operation {
    const char *name;
    size_t pages;
    bool (*prepare)(size_t pages);
    bool (*run)(size_t pages);
    bool (*finish)(size_t pages);
    ashlar_vpn first; /* user page; 0: FIRST */
} operations[] = {
    {"space_map", GIB_PAGES, nothing, map, empty, 0},
    {"space_map_linear", GIB_PAGES, nothing, map_linear, empty, 0},
    {"space_map_large", GIB_PAGES, nothing, map_large, empty, 0},
    {"space_map_large_whole", GIB_PAGES, nothing, map_large, empty, WHOLE},
    {"space_map_large_left", GIB_PAGES, map_and_take_out, map_large, empty, WHOLE},
    {"space_protect", GIB_PAGES, map, protect, empty, 0},
    {"space_protect_large", GIB_PAGES, map_large, protect_inner, empty, 0},
    {"space_protect_whole", GIB_PAGES, map_large, protect_inner, empty, WHOLE},
    {"space_unmap", GIB_PAGES, map, unmap, nothing, 0},
    {"space_clear", GIB_PAGES, map, clear, nothing, 0},
    {"space_empty", GIB_PAGES, map, empty, nothing, 0},
    {"space_empty_sparse", GIB_PAGES, map_sparse, empty, nothing, 0},
    {"space_destroy", GIB_PAGES, map_and_take_out, destroy, nothing, 0},
    {"kva_walk_ranges", 256, nothing, walk_ranges, nothing, 0},
    {"kva_walk_ranges", MANY, take_many, walk_ranges, give_many, 0},
    {"kva_take", RANGE_PAGES, nothing, take_range, give_range, 0},
    {"kva_take_large", RANGE_PAGES, nothing, take_large_range, give_range, 0},
    {"kva_give", RANGE_PAGES, take_range, give_range, nothing, 0},
    {"kva_give_large", RANGE_PAGES, take_large_range, give_range, nothing, 0},
    {"kva_take_demand", RANGE_PAGES, nothing, take_demand, give_range, 0},
    {"kva_touch_demand", RANGE_PAGES, nothing, touch_demand, give_range, 0},
    {"kva_give_demand", RANGE_PAGES, touch_demand, give_range, nothing, 0},
    {"kva_commit", RANGE_PAGES, nothing, commit_half, end_half, 0},
    {"kva_decommit", RANGE_PAGES, commit_half, decommit_half, unreserve, 0},
    {"kva_move", RANGE_PAGES, commit_half, move_half, decommit_moved, 0},
    {"kva_take_many", MANY, nothing, take_many, give_many, 0},
    {"kva_give_many", MANY, take_many, give_many, nothing, 0},
    {"frames_take_bulk", RANGE_PAGES, nothing, take_bulk, give_bulk, 0},
    {"frames_give_bulk", RANGE_PAGES, take_bulk, give_bulk, nothing, 0},
    {"frames_give_range", RANGE_PAGES, take_contiguous, give_contiguous, nothing, 0},
    {"heap_alloc", BLOCK_PAGES, nothing, take_block, free_block, 0},
    {"heap_realloc", BLOCK_PAGES, take_block, grow_block, free_block, 0},
    {"heap_free", BLOCK_PAGES, take_block, free_block, nothing, 0},
    {"heap_alloc_objects", OBJECTS, nothing, take_objects, free_objects, 0},
    {"heap_free_objects", OBJECTS, take_objects, free_objects, nothing, 0},
    {"heap_shrink", OBJECTS, take_and_free, shrink_heap, nothing, 0},
    {"heap_prefill", OBJECTS, nothing, prefill, shrink_heap, 0},
    {"cache_destroy", OBJECTS, make_cache, destroy_cache, nothing, 0},
};

static bool measure(const struct operation *operation)
{
    uintptr_t where;
    user.first = operation->first != 0 ? operation->first : FIRST;
    if (!operation->prepare(operation->pages)) {
        return false;
    }
    (void)meter_start();
    bool good = operation->run(operation->pages);
    unsigned longest = (unsigned)meter_longest(&where);
    print("CSV irqs_off,%s_%u,%u,instructions\n", operation->name, (unsigned)operation->pages, longest);
    print("  until %p\n", (void *)where);
    return operation->finish(operation->pages) && good;
}

int irqs_off_run(unsigned count, char **words)
{
    (void)count;
    (void)words;
    if (!meter_start()) {
        print("irqs_off: this kernel has no meter: boot metered.elf\n");
        return EXIT_FAILED;
    }
    user.frames = ashlar_kmalloc(GIB_PAGES * sizeof *user.frames);
    ranges = ashlar_kmalloc(MANY * sizeof *ranges);
    bool good = user.frames != NULL && ranges != NULL && ashlar_space_create(&user.space) == ASHLAR_OK;
    timer_mask(true);
    for (unsigned i = 0; i < sizeof operations / sizeof operations[0] && good; i++) {
        good = measure(&operations[i]);
    }
    timer_mask(false);
    if (good) {
        ashlar_space_destroy(&user.space);
    } else {
        print("irqs_off: something failed: too little RAM?\n");
    }
    ashlar_kfree(ranges);
    ashlar_kfree(user.frames);
    return good ? EXIT_GOOD : EXIT_FAILED;
}
