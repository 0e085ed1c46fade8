/* SPDX-License-Identifier: 0BSD */
/* bench.c - instructions, counted.
 *
 * Under `-icount shift=0` the time stamp counter ticks once for each guest
 * instruction, so a difference of two readings is a count that repeats exactly.
 * The timer is masked: no other task runs, and no interrupt is counted. Growth
 * needs a thread with interrupts on, so they are not turned off; none comes.
 *
 * Each figure is for one operation, or one pair, call included, the loop around
 * it taken off. Lines: CSV metric,case,value,unit.
 */
#include "bench/divide.h"
#include "bench/pair.h"
#include "commands/command.h"
#include "cpu/feature.h"
#include "cpu/timer.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "x86/cpu.h"
#include <ashlar/kmalloc.h>

#define ROUNDS 1024u
#define SPACES_MAX 1000u
#define BLOCK_BYTES ((size_t)64 * 1024)
#define BLOCKS_MAX 256u
#define SLOT_BYTES ((uintptr_t)4 << 20)
#define PAGES_MAX 512u
#define PURGES 4u

static void csv(const char *metric, const char *name, uint64_t value, const char *unit)
{
    print("CSV %s,%s,%llu,%s\n", metric, name, (unsigned long long)value, unit);
}

static void csv_number(const char *metric, unsigned number, uint64_t value)
{
    char name[12];
    print_to(name, sizeof name, "%u", number);
    csv(metric, name, value, "instructions");
}

/* What is measured: one round of it. */
typedef bool (*round_function)(size_t argument);

static bool nothing(size_t argument)
{
    (void)argument;
    return true;
}

/* Which round it is the compiler does not see: so the loop around nothing is the loop around any other. */
static uint64_t time_rounds(round_function round, size_t argument, bool *good)
{
    __asm__ volatile("" : "+r"(round));
    uint64_t before = x86_rdtsc();
    for (unsigned i = 0; i < ROUNDS; i++) {
        *good = round(argument) && *good;
    }
    return x86_rdtsc() - before;
}

/* What a round takes beyond an empty one. The first rounds warm up: a slab is made, tables appear. */
static bool measure_over(const char *metric, unsigned number, round_function empty, round_function round,
                         size_t argument)
{
    bool good = true;
    time_rounds(round, argument, &good);
    uint64_t least = time_rounds(empty, argument, &good);
    uint64_t full = time_rounds(round, argument, &good);
    csv_number(metric, number, divided(full - least + ROUNDS / 2, ROUNDS));
    return good;
}

static bool measure(const char *metric, unsigned number, round_function round, size_t argument)
{
    return measure_over(metric, number, nothing, round, argument);
}

static bool kmalloc_round(size_t bytes)
{
    void *object = ashlar_kmalloc(bytes);
    if (object == NULL) {
        return false;
    }
    ashlar_kfree(object);
    return true;
}

#define LIVE 4096u /* a power of two */

/* Many objects are live; each round frees one at random and takes another. */
static struct {
    void **object;
    uint32_t seed;
} steady;

static uint32_t next_victim(void)
{
    steady.seed = steady.seed * 1103515245u + 12345u;
    return steady.seed >> 20;
}

static bool steady_nothing(size_t bytes)
{
    (void)bytes;
    return steady.object[next_victim()] != NULL;
}

static bool steady_round(size_t bytes)
{
    uint32_t victim = next_victim();
    ashlar_kfree(steady.object[victim]);
    steady.object[victim] = ashlar_kmalloc(bytes);
    return steady.object[victim] != NULL;
}

static bool bench_steady(unsigned bytes)
{
    bool good = true;
    steady.seed = 7;
    steady.object = ashlar_kcalloc(LIVE, sizeof *steady.object);
    if (steady.object == NULL) {
        return false;
    }
    for (unsigned i = 0; i < LIVE; i++) {
        steady.object[i] = ashlar_kmalloc(bytes);
    }
    for (unsigned i = 0; i < 2u * LIVE / ROUNDS; i++) {
        time_rounds(steady_round, bytes, &good);
    }
    good = good && measure_over("kmalloc_steady", bytes, steady_nothing, steady_round, bytes);
    for (unsigned i = 0; i < LIVE; i++) {
        ashlar_kfree(steady.object[i]);
    }
    ashlar_kfree(steady.object);
    return good;
}

/* Two blocks that grow by half in turns, from 1 KiB on: each is in the other's way. */
static bool realloc_round(size_t most)
{
    char *block[2] = {ashlar_kmalloc(1024), ashlar_kmalloc(1024)};
    bool good = block[0] != NULL && block[1] != NULL;
    for (size_t bytes = 1536; good && bytes <= most; bytes += bytes / 2) {
        for (unsigned i = 0; good && i < 2; i++) {
            char *larger = ashlar_krealloc(block[i], bytes);
            good = larger != NULL;
            block[i] = good ? larger : block[i];
        }
    }
    ashlar_kfree(block[1]);
    ashlar_kfree(block[0]);
    return good;
}

static bool frame_round(size_t order)
{
    ashlar_pfn frame;
    if (ashlar_frames_take(kernel_memory.frames, (unsigned)order, &frame) != ASHLAR_OK) {
        return false;
    }
    ashlar_frames_give(kernel_memory.frames, frame, (unsigned)order);
    return true;
}

static struct {
    ashlar_vpn first;
    ashlar_pfn frame[PAGES_MAX];
    ashlar_pfn unmapped[PAGES_MAX];
} pages;

static bool map_round(size_t count)
{
    return ashlar_space_map(NULL, pages.first, count, pages.frame, ASHLAR_MAP_WRITE) == ASHLAR_OK &&
           ashlar_space_unmap(NULL, pages.first, count, pages.unmapped) == ASHLAR_OK;
}

static bool range_round(size_t count)
{
    return pair_of_range(count, ASHLAR_MAP_WRITE, "bench");
}

static bool large_round(size_t count)
{
    return pair_of_range(count, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "bench");
}

static uint64_t purges_so_far(void)
{
    struct ashlar_kva_stats stats;
    ashlar_kva_stats(&stats);
    return stats.purges;
}

static bool stack_round(size_t count)
{
    return pair_of_stack(count, "bench");
}

/* Up to just behind the next purge. Returns the rounds that it took. */
static uint32_t run_to_purge(round_function round, size_t count, bool *good)
{
    uint64_t purges = purges_so_far();
    uint32_t rounds = 0;
    while (*good && purges_so_far() == purges) {
        *good = round(count);
        rounds++;
    }
    return rounds;
}

/* Whole intervals from purge to purge, so that each range bears its share. Inlined, as a caller's own call would be. */
static inline __attribute__((always_inline)) bool bench_purged(const char *metric, unsigned bytes, round_function round)
{
    size_t count = bytes / ASHLAR_PAGE_BYTES;
    bool good = true;
    (void)run_to_purge(round, count, &good);
    (void)run_to_purge(round, count, &good);
    uint32_t rounds = run_to_purge(round, count, &good) * PURGES;
    uint64_t before = x86_rdtsc();
    for (uint32_t i = 0; i < rounds; i++) {
        good = round(count) && good;
    }
    csv_number(metric, bytes, divided(x86_rdtsc() - before, rounds));
    return good;
}

static bool bench_ranges(void)
{
    return bench_purged("range_pair", 4096, range_round) && bench_purged("range_pair", 65536, range_round) &&
           bench_purged("range_pair", 2097152, range_round) && bench_purged("stack_pair", 16384, stack_round);
}

/* Where a large page is an entry of the root there are none in the kernel half. */
static bool bench_large_ranges(void)
{
    return image_mode()->levels <= 2 || bench_purged("range_pair_large", 2097152, large_round);
}

/* The first touch of each page: the exception, a frame, its zeroes, the entry. */
static bool bench_demand(void)
{
    ashlar_vpn first;
    if (ashlar_kva_take_demand(PAGES_MAX, ASHLAR_MAP_WRITE, "bench", &first) != ASHLAR_OK) {
        return false;
    }
    uint64_t before = x86_rdtsc();
    for (size_t i = 0; i < PAGES_MAX; i++) {
        *(volatile uint32_t *)address_of_page(first + i) = 1;
    }
    csv_number("demand_fault", ASHLAR_PAGE_BYTES, divided(x86_rdtsc() - before, PAGES_MAX));
    ashlar_kva_give(first);
    return true;
}

static bool bench_map(void)
{
    if (ashlar_kva_reserve(PAGES_MAX, 1, "bench", &pages.first) != ASHLAR_OK ||
        ashlar_frames_take_bulk(kernel_memory.frames, pages.frame, PAGES_MAX, 0) != ASHLAR_OK) {
        return false;
    }
    bool good = measure("map_unmap", 1, map_round, 1) && measure("map_unmap", PAGES_MAX, map_round, PAGES_MAX);
    ashlar_frames_give_bulk(kernel_memory.frames, pages.frame, PAGES_MAX);
    ashlar_kva_unreserve(pages.first);
    return good;
}

static struct {
    void *block[BLOCKS_MAX];
    unsigned count;
    uint64_t plain; /* the least that a growth took */
    uint64_t in_new_slot;
} growth;

static bool begins_slot(const void *block, const void *previous)
{
    return ((uintptr_t)block ^ (uintptr_t)previous) >= SLOT_BYTES;
}

/* Blocks of 64 KiB from a heap that keeps nothing empty: each makes it grow. One of them is the first in a 4 MiB slot. */
static bool grow_through_slot(void)
{
    memory_heap_shrink();
    growth.plain = growth.in_new_slot = UINT64_MAX;
    for (growth.count = 0; growth.count < BLOCKS_MAX; growth.count++) {
        size_t pages_before = memory_heap_pages();
        uint64_t before = x86_rdtsc();
        void *block = ashlar_kmalloc(BLOCK_BYTES);
        uint64_t took = x86_rdtsc() - before;
        if (block == NULL) {
            break;
        }
        growth.block[growth.count] = block;
        bool grew = memory_heap_pages() >= pages_before + BLOCK_BYTES / ASHLAR_PAGE_BYTES;
        bool new_slot = growth.count > 0 && begins_slot(block, growth.block[growth.count - 1]);
        if (grew && new_slot && took < growth.in_new_slot) {
            growth.in_new_slot = took;
        } else if (grew && !new_slot && took < growth.plain) {
            growth.plain = took;
        }
    }
    for (unsigned i = 0; i < growth.count; i++) {
        ashlar_kfree(growth.block[i]);
    }
    memory_heap_shrink();
    return growth.plain != UINT64_MAX && growth.in_new_slot != UINT64_MAX;
}

static bool bench_growth(void)
{
    struct ashlar_space *spaces = ashlar_kcalloc(SPACES_MAX, sizeof *spaces);
    unsigned count = 0;
    bool good = spaces != NULL;
    while (good && count < SPACES_MAX) {
        good = ashlar_space_create(&spaces[count]) == ASHLAR_OK;
        count += good;
        if (good && (count == 10 || count == SPACES_MAX)) {
            good = grow_through_slot();
            csv_number("heap_growth", count, growth.plain);
            csv_number("heap_growth_new_slot", count, growth.in_new_slot);
        }
    }
    while (count > 0) {
        ashlar_space_destroy(&spaces[--count]);
    }
    ashlar_kfree(spaces);
    return good;
}

static void bench_metadata(void)
{
    static const char *const floors[] = {"frames", "space", "kva", "heap"};
    const struct ashlar_booted *booted = &kernel_memory.booted;
    for (unsigned f = 0; f < sizeof floors / sizeof floors[0]; f++) {
        uint64_t bytes = 0;
        for (unsigned i = 0; i < booted->parts; i++) {
            bytes += text_equal(booted->part[i].floor, floors[f]) ? booted->part[i].bytes : 0;
        }
        csv("metadata_bytes_per_gib", floors[f], divided(bytes << 18, (uint32_t)booted->ram_frames), "bytes");
    }
}

/* Digits, and K, M or G: how much RAM QEMU was told to have. */
static bool is_size(const char *text)
{
    const char *at = text;
    while (*at >= '0' && *at <= '9') {
        at++;
    }
    bool has_unit = *at == 'K' || *at == 'M' || *at == 'G';
    return at != text && at[has_unit ? 1 : 0] == '\0';
}

int bench_run(unsigned count, char **words)
{
    static const unsigned sizes[] = {16, 64, 1024, 32768};
    static const unsigned steady_sizes[] = {16, 64, 256};
    if (!feature_has(FEATURE_TSC)) {
        print("bench: this CPU has no counter of cycles (TSC)\n");
        return EXIT_FAILED;
    }
    if (count > 1 && !is_size(words[1])) {
        print("bench: %s is no size of RAM, such as 1G: there are no cases to choose from\n", words[1]);
        return EXIT_FAILED;
    }
    csv("boot_instructions", count > 1 ? words[1] : "this", kernel_memory.boot_cycles, "instructions");
    bench_metadata();
    timer_mask(true);
    bool good = true;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        good = measure("kmalloc_pair", sizes[i], kmalloc_round, sizes[i]) && good;
    }
    for (unsigned i = 0; i < sizeof steady_sizes / sizeof steady_sizes[0]; i++) {
        good = bench_steady(steady_sizes[i]) && good;
    }
    good = measure("frame_pair", 0, frame_round, 0) && good;
    good = measure("frame_pair", 9, frame_round, 9) && good;
    good = bench_map() && good;
    good = bench_ranges() && good;
    good = bench_large_ranges() && good;
    good = bench_demand() && good;
    good = bench_growth() && good;
    good = measure("krealloc_two_by_half", 262144, realloc_round, 262144) && good;
    timer_mask(false);
    if (!good) {
        print("bench: something failed: too little RAM?\n");
    }
    return good ? EXIT_GOOD : EXIT_FAILED;
}
