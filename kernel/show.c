/* SPDX-License-Identifier: 0BSD */
/* show.c - commands that make memory work: the heap up and down, and what runs by itself. */
#include "command.h"
#include "machine.h"
#include "memory.h"
#include "print.h"
#include "string.h"
#include "tap.h"
#include "tour.h"
#include <ashlar/kmalloc.h>

#define STRESS_OBJECTS 256u
#define STRESS_BYTES_MAX 70000u
#define GROWN_BYTES ((size_t)64 * 1024)

static void *grown; /* blocks of `grow`, each pointing at the next */
static unsigned grown_count;

static void say_heap(void)
{
    print("heap: %lu KiB in %zu pages; %u blocks of 64 KiB held by `grow`\n", (unsigned long)memory_heap_pages() * 4,
          memory_heap_pages(), grown_count);
}

static int run_grow(unsigned count, char **words)
{
    uint32_t blocks;
    if (count != 2 || !text_number(words[1], &blocks)) {
        print("grow N: take N blocks of 64 KiB from the heap\n");
        return EXIT_FAILED;
    }
    for (uint32_t i = 0; i < blocks; i++) {
        void **block = ashlar_kmalloc(GROWN_BYTES);
        if (block == NULL) {
            print("kmalloc says no after %u blocks: nothing broke\n", i);
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
    if (count > 1 && !text_number(words[1], &rounds)) {
        print("stress N: N hundred random calls\n");
        return EXIT_FAILED;
    }
    for (uint32_t i = 0; i < rounds * 100; i++) {
        wrong += !stress_step(&objects[tap_random(&seed) % STRESS_OBJECTS], &seed);
    }
    const char *problem = memory_audit();
    for (unsigned i = 0; i < STRESS_OBJECTS; i++) {
        wrong += objects[i].bytes != NULL && !stress_step(&objects[i], &seed);
    }
    print("stress: %u00 calls, %u objects damaged; audit: %s\n", rounds, wrong, problem != NULL ? problem : "sound");
    return wrong == 0 && problem == NULL ? EXIT_GOOD : EXIT_FAILED;
}

const struct command commands_show[] = {
    {"tour", "", "what the library does, in nine stops", tour_run},
    {"test", "NAME...", "tests that run in the kernel; `test list` names them", test_run},
    {"bench", "[CASE]", "count instructions (under -icount)", bench_run},
    {"ipis", "", "interrupts between CPUs, by operation", ipis_run},
    {"growth", "N", "what a growth step costs with N address spaces (under -icount)", growth_run},
    {"grow", "N", "take N blocks of 64 KiB from the heap", run_grow},
    {"shrink", "", "free them, and give back all that is empty", run_shrink},
    {"stress", "[N]", "N hundred random calls to the heap, checked", run_stress},
    {NULL, NULL, NULL, NULL},
};
