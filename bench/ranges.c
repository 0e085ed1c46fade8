/* SPDX-License-Identifier: 0BSD */
/* ranges.c - what a kernel range costs: a pair of take and give, by how many ranges are live.
 *
 * Three patterns: LIFO (take one, give it back), aligned LIFO (16 pages at a
 * multiple of 16), and random order (give one of all, take another). Minima of
 * several rounds, since other work only ever adds. Then how full a space of
 * 128 MiB is when a take first fails, and what a range costs in the strip.
 */
#include "kva/ranges.h"
#include "base/bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 28u
#define PAIRS 50000u
#define LIVE_MOST 1000000u

static struct ashlar_ranges ranges;
static ashlar_vpn firsts[LIVE_MOST + 1u];
static uint64_t random_state = 88172645463325252u;

static size_t random_below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state >> 16) % limit;
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void report(const char *metric, size_t live, double value, const char *unit)
{
    printf("CSV %s,%zu,%.1f,%s\n", metric, live, value, unit);
}

static void start(size_t pages)
{
    static void *strip;
    static size_t strip_bytes;
    if (strip != NULL) {
        munmap(strip, strip_bytes);
    }
    size_t strip_pages = ashlar_ranges_strip_pages(pages);
    strip_bytes = strip_pages * 4096u;
    strip = mmap(NULL, strip_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (strip == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    ashlar_ranges_init(&ranges, 0x100000, pages, strip, strip_pages, ASHLAR_RANGES_FIRST_PAGES);
}

static bool take(size_t pages, size_t align_pages, ashlar_vpn *first)
{
    while (ashlar_ranges_hungry(&ranges)) {
        ashlar_ranges_feed_locked(&ranges);
    }
    return ashlar_ranges_take_locked(&ranges, pages, align_pages, 1, first) == ASHLAR_OK;
}

static void must_take(size_t pages, size_t align_pages, ashlar_vpn *first)
{
    if (!take(pages, align_pages, first)) {
        fputs("no addresses\n", stderr);
        exit(1);
    }
}

static double lifo_ns(size_t pages, size_t align_pages)
{
    double least = 1e18;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        for (unsigned i = 0; i < PAIRS; i++) {
            ashlar_vpn first;
            must_take(pages, align_pages, &first);
            (void)ashlar_ranges_give_locked(&ranges, first, NULL);
        }
        double taken = now_ns() - begin;
        least = taken < least ? taken : least;
    }
    return least / PAIRS;
}

/* The time to choose is taken off: measured alone, beforehand. */
static double random_ns(size_t live)
{
    double least = 1e18, choosing = 1e18;
    for (unsigned round = 0; round < ROUNDS; round++) {
        volatile size_t sink = 0;
        double begin = now_ns();
        for (unsigned i = 0; i < PAIRS; i++) {
            sink = random_below(live) + random_below(8);
        }
        double chosen = now_ns() - begin;
        choosing = chosen < choosing ? chosen : choosing;
        begin = now_ns();
        for (unsigned i = 0; i < PAIRS; i++) {
            ashlar_vpn *which = &firsts[random_below(live)];
            (void)ashlar_ranges_give_locked(&ranges, *which, NULL);
            must_take(1u + random_below(8), 1, which);
        }
        double taken = now_ns() - begin;
        least = taken < least ? taken : least;
        (void)sink;
    }
    return (least - choosing) / PAIRS;
}

static void measure(size_t live)
{
    struct ashlar_ranges_stats stats;
    start(live * 16u + 4096u);
    for (size_t i = 0; i < live; i++) {
        must_take(1u + random_below(8), 1, &firsts[i]);
    }
    report("lifo_pair", live, lifo_ns(4, 1), "ns");
    report("aligned_pair", live, lifo_ns(16, 16), "ns");
    report("random_pair", live, random_ns(live), "ns");
    ashlar_ranges_stats_locked(&ranges, &stats);
    report("steps_worst", live, stats.steps_worst, "links");
    if (live >= 10000u) {
        report("strip_bytes", live, (double)stats.strip_pages * 4096.0 / (double)live, "bytes a range");
    }
}

/* Ranges of 1 to most pages, 51 takes to 49 gives in random order, until one does not fit. */
static void measure_full(size_t most_pages)
{
    struct ashlar_ranges_stats stats;
    size_t live = 0;
    start(32768);
    for (;;) {
        if (live > 100 && random_below(100) < 49) {
            size_t which = random_below(live);
            (void)ashlar_ranges_give_locked(&ranges, firsts[which], NULL);
            firsts[which] = firsts[--live];
        } else if (take(1u + random_below(most_pages), 1, &firsts[live])) {
            live++;
        } else {
            break;
        }
    }
    ashlar_ranges_stats_locked(&ranges, &stats);
    report("first_failure", most_pages, 100.0 - (double)stats.free_pages * 100.0 / 32768.0, "% of 128 MiB full");
}

int main(void)
{
    measure(1);
    measure(100);
    measure(10000);
    measure(100000);
    measure(LIVE_MOST);
    measure_full(16);
    measure_full(64);
    measure_full(1024);
    return 0;
}
