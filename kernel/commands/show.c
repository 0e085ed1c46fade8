/* SPDX-License-Identifier: 0BSD */
/* show.c - commands that make memory work: the heap up and down, and what runs by itself. */
#include "commands/command.h"
#include "cpu/trap.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "tests/tap.h"
#include <ashlar/kmalloc.h>

#define STRESS_OBJECTS 256u
#define STRESS_BYTES_MAX 70000u
#define STRESS_ROUNDS_MAX 10000000u /* of a hundred calls */
#define GROWN_BYTES ((size_t)64 * 1024)

static void *grown; /* blocks of `grow`, each pointing at the next */
static unsigned grown_count;

static void say_heap(void)
{
    print("heap: %lu KiB in %s; %s of 64 KiB held by `grow`\n", (unsigned long)memory_heap_pages() * 4,
          counted(memory_heap_pages(), "page").text, counted(grown_count, "block").text);
}

static int run_grow(unsigned count, char **words)
{
    uint32_t blocks;
    (void)count;
    if (!command_number(words, 1, 1, UINT32_MAX, &blocks)) {
        return EXIT_FAILED;
    }
    for (uint32_t i = 0; i < blocks; i++) {
        void **block = ashlar_kmalloc(GROWN_BYTES);
        if (block == NULL) {
            print("kmalloc says no after %s: nothing broke\n", counted(i, "block").text);
            break;
        }
        memset(block, 0xa5, GROWN_BYTES);
        *block = grown;
        grown = block;
        grown_count++;
    }
    say_heap();
    return EXIT_GOOD;
}

static int run_shrink(unsigned count, char **words)
{
    (void)count;
    (void)words;
    while (grown != NULL) {
        void *next = *(void **)grown;
        ashlar_kfree(grown);
        grown = next;
        grown_count--;
    }
    say_heap();
    memory_heap_shrink();
    print("and with nothing kept back:\n");
    say_heap();
    return EXIT_GOOD;
}

/* The frames that the region has so far, out of those that were promised. */
static void say_demand(const char *what, size_t pages)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(kernel_memory.frames, &stats);
    print("%s: %zu of %s there, %zu more promised; %s so far\n", what, pages - stats.reserved_frames,
          counted(pages, "frame").text, stats.reserved_frames, counted(trap_page_faults(), "page fault").text);
}

static int run_demand(unsigned count, char **words)
{
    uint32_t pages = 8;
    uint32_t wrong = 0;
    ashlar_vpn first;
    if (count > 1 && !command_number(words, 1, 1, UINT32_MAX, &pages)) {
        return EXIT_FAILED;
    }
    ashlar_status status = ashlar_kva_take_demand(pages, ASHLAR_MAP_WRITE, "demand region", &first);
    if (status != ASHLAR_OK) {
        print("no region of %s: %s\n", counted(pages, "page").text, ashlar_status_text(status));
        return EXIT_FAILED;
    }
    say_demand("made", pages);
    for (uint32_t i = 0; i < pages; i += 2) {
        wrong += *(volatile uint32_t *)address_of_page(first + i) != 0;
    }
    say_demand("every other page read", pages);
    for (uint32_t i = 0; i < pages; i++) {
        *(volatile uint32_t *)address_of_page(first + i) = i;
    }
    say_demand("all pages written", pages);
    ashlar_kva_give(first);
    say_demand("given back", 0);
    print("%s not zero at first\n", counted(wrong, "page").text);
    return wrong == 0 ? EXIT_GOOD : EXIT_FAILED;
}

struct stress_object {
    unsigned char *bytes;
    size_t size;
    unsigned char fill;
};

static bool is_intact(const struct stress_object *object)
{
    for (size_t i = 0; i < object->size; i += 61) {
        if (object->bytes[i] != object->fill) {
            return false;
        }
    }
    return object->size == 0 || object->bytes[object->size - 1] == object->fill;
}

/* Half of the sizes small, the others up to 69 KiB. */
static size_t random_size(uint32_t *seed)
{
    uint32_t random = tap_random(seed);
    return (random & 1) != 0 ? 1 + (random >> 8) % 512 : 1 + (random >> 8) % STRESS_BYTES_MAX;
}

static bool stress_step(struct stress_object *object, uint32_t *seed)
{
    if (object->bytes != NULL) {
        bool intact = is_intact(object);
        ashlar_kfree(object->bytes);
        object->bytes = NULL;
        return intact;
    }
    object->size = random_size(seed);
    object->fill = (unsigned char)tap_random(seed);
    object->bytes = ashlar_kmalloc(object->size);
    if (object->bytes != NULL) {
        memset(object->bytes, object->fill, object->size);
    }
    return true;
}

static int run_stress(unsigned count, char **words)
{
    static struct stress_object objects[STRESS_OBJECTS];
    uint32_t rounds = 1000;
    uint32_t seed = 2463534242u;
    uint32_t wrong = 0;
    if (count > 1 && !command_number(words, 1, 1, STRESS_ROUNDS_MAX, &rounds)) {
        return EXIT_FAILED;
    }
    for (uint32_t i = 0; i < rounds * 100; i++) {
        wrong += !stress_step(&objects[tap_random(&seed) % STRESS_OBJECTS], &seed);
    }
    const char *problem = memory_audit();
    for (unsigned i = 0; i < STRESS_OBJECTS; i++) {
        wrong += objects[i].bytes != NULL && !stress_step(&objects[i], &seed);
    }
    print("stress: %u00 calls, %s damaged; audit: %s\n", rounds, counted(wrong, "object").text,
          problem != NULL ? problem : "sound");
    return wrong == 0 && problem == NULL ? EXIT_GOOD : EXIT_FAILED;
}

const struct command commands_show[] = {
    {"tour", "", "what the library does, in nine stops", tour_run},
    {"test", "[NAME]...", "tests that run in the kernel; `test list` names them", test_run},
    {"bench", "[RAM]", "count instructions (under -icount); RAM, such as 1G, is printed with them", bench_run},
    {"ipis", "", "interrupts between CPUs, by operation", ipis_run},
    {"irqs_off", "", "the longest time with interrupts off, by operation (under -icount, metered.elf)", irqs_off_run},
    {"growth", "N", "what a growth step costs with N address spaces (under -icount)", growth_run},
    {"grow", "N", "take N blocks of 64 KiB from the heap", run_grow},
    {"shrink", "", "free them, and give back all that is empty", run_shrink},
    {"demand", "[N]", "a region of N pages that come as they are touched", run_demand},
    {"stress", "[N]", "N hundred random calls to the heap, checked", run_stress},
    {NULL, NULL, NULL, NULL},
};
