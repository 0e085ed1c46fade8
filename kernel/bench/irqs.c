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

static bool walk_ranges(size_t pages);

/* An operation, and what has to be there for it. More of them: a row each. */
static const struct operation {
    const char *name;
    ashlar_vpn first;
    size_t pages;
    bool (*prepare)(size_t pages);
    bool (*run)(size_t pages);
    bool (*finish)(size_t pages);
} operations[] = {
    {"space_map", FIRST, GIB_PAGES, nothing, map, empty},
    {"space_map_linear", FIRST, GIB_PAGES, nothing, map_linear, empty},
    {"space_map_large", FIRST, GIB_PAGES, nothing, map_large, empty},
    {"space_map_large_whole", WHOLE, GIB_PAGES, nothing, map_large, empty},
    {"space_map_large_left", WHOLE, GIB_PAGES, map_and_take_out, map_large, empty},
    {"space_protect", FIRST, GIB_PAGES, map, protect, empty},
    {"space_protect_large", FIRST, GIB_PAGES, map_large, protect_inner, empty},
    {"space_protect_whole", WHOLE, GIB_PAGES, map_large, protect_inner, empty},
    {"space_unmap", FIRST, GIB_PAGES, map, unmap, nothing},
    {"space_clear", FIRST, GIB_PAGES, map, clear, nothing},
    {"space_empty", FIRST, GIB_PAGES, map, empty, nothing},
    {"space_empty_sparse", FIRST, GIB_PAGES, map_sparse, empty, nothing},
    {"space_destroy", FIRST, GIB_PAGES, map_and_take_out, destroy, nothing},
    {"kva_walk_ranges", FIRST, 256, nothing, walk_ranges, nothing},
};

static int see(void *context, const struct ashlar_place *place)
{
    (void)context;
    (void)place;
    return 0;
}

static bool walk_ranges(size_t pages)
{
    (void)pages;
    ashlar_kva_walk_ranges(see, NULL);
    return true;
}

static bool measure(const struct operation *operation)
{
    uintptr_t where;
    user.first = operation->first;
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
    bool good = user.frames != NULL && ashlar_space_create(&user.space) == ASHLAR_OK;
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
    ashlar_kfree(user.frames);
    return good ? EXIT_GOOD : EXIT_FAILED;
}
