/* SPDX-License-Identifier: 0BSD */
/* space.c - the space floor on the simulated machine: what a cursor costs a page, and growth with very many spaces.
 *
 * The format is chosen at run time. Mapping and unmapping are timed apart; frames
 * are given, and what is unmapped is collected. Minima of several rounds; the
 * simulated machine's windows are in them, flushes are not.
 *
 * Growth: nanoseconds of the first mapping in a top-level slot, under each policy,
 * by the number of address spaces.
 */
#include "kva/world.h"

#include <time.h>

#define ROUNDS 7u
#define PAGES_MOST 65536u
#define SINGLES 2048u
#define GROWTHS 6u

static ashlar_pfn frames[PAGES_MOST];
static ashlar_pfn collected[PAGES_MOST];

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(ashlar_status status, const char *what)
{
    if (status != ASHLAR_OK) {
        world_bail(what, status);
    }
}

static double map(ashlar_vpn first, size_t pages)
{
    struct ashlar_cursor cursor;
    double before = now_ns();
    must(ashlar_cursor_begin(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP), "begin to map");
    ashlar_cursor_map(&cursor, frames, pages, ASHLAR_MAP_WRITE);
    ashlar_cursor_end(&cursor);
    return now_ns() - before;
}

/* Hiding and collecting. The flush between them is left out: it is the machine's affair, and nobody looks. */
static double unmap(ashlar_vpn first, size_t pages)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_gather_init(&gather, NULL);
    double before = now_ns();
    must(ashlar_cursor_begin(&cursor, NULL, first, pages, ASHLAR_INTENT_CHANGE), "begin to hide");
    (void)ashlar_cursor_hide(&cursor, pages, &gather);
    ashlar_cursor_end(&cursor);
    must(ashlar_cursor_begin(&cursor, NULL, first, pages, ASHLAR_INTENT_COLLECT), "begin to collect");
    (void)ashlar_cursor_collect(&cursor, collected, pages);
    ashlar_cursor_end(&cursor);
    return now_ns() - before;
}

static void print_csv(const char *metric, const char *name, unsigned long number, double value, const char *unit)
{
    printf("CSV %s_%s,%lu,%.2f,%s\n", metric, name, number, value, unit);
}

static void cursor_runs(size_t pages)
{
    double least_map = 1e18, least_unmap = 1e18;
    ashlar_vpn first;
    must(ashlar_kva_reserve(pages, 1, "bench", &first), "reserve");
    for (unsigned round = 0; round < ROUNDS; round++) {
        double took = map(first, pages);
        least_map = took < least_map ? took : least_map;
        took = unmap(first, pages);
        least_unmap = took < least_unmap ? took : least_unmap;
    }
    ashlar_kva_unreserve(first);
    print_csv("cursor_map", world.name, pages, least_map / (double)pages, "ns/page");
    print_csv("cursor_unmap", world.name, pages, least_unmap / (double)pages, "ns/page");
}

/* Single pages all over a range of 256 MiB, each in a table of its own as likely as not. */
static void cursor_random(void)
{
    const size_t span = 65536u;
    uint64_t seed = 88172645463325252u;
    double least_map = 1e18, least_unmap = 1e18;
    static ashlar_vpn pages[SINGLES];
    ashlar_vpn first;
    must(ashlar_kva_reserve(span, 1, "bench", &first), "reserve");
    for (unsigned i = 0; i < SINGLES; i++) {
        pages[i] = first + ((size_t)i * (span / SINGLES) ^ (tap_random(&seed) % (span / SINGLES)));
    }
    for (unsigned i = SINGLES - 1; i > 0; i--) {
        unsigned other = (unsigned)(tap_random(&seed) % (i + 1u));
        ashlar_vpn page = pages[i];
        pages[i] = pages[other];
        pages[other] = page;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        double mapping = 0, unmapping = 0;
        for (unsigned i = 0; i < SINGLES; i++) {
            mapping += map(pages[i], 1);
        }
        for (unsigned i = 0; i < SINGLES; i++) {
            unmapping += unmap(pages[i], 1);
        }
        least_map = mapping < least_map ? mapping : least_map;
        least_unmap = unmapping < least_unmap ? unmapping : least_unmap;
    }
    ashlar_kva_unreserve(first);
    print_csv("random_map", world.name, 1, least_map / SINGLES, "ns/page");
    print_csv("random_unmap", world.name, 1, least_unmap / SINGLES, "ns/page");
}

/* Some top-level slots; PAE's are 1 GiB, and user space needs one of the four. */
static uint64_t several_slots(const struct world_format *format)
{
    static const uint64_t bytes[] = {(uint64_t)1 << 30, (uint64_t)3 << 30, (uint64_t)1 << 43, (uint64_t)1 << 52,
                                     (uint64_t)3 << 30};
    return bytes[format - world_formats];
}

static void growth(const struct world_format *format, ashlar_sharing_policy policy, unsigned long count)
{
    const struct world_options options = {.ram_bytes = 1024u * MIB,
                                          .kernel_bytes = several_slots(format),
                                          .policy = policy,
                                          .unwatched = true};
    struct ashlar_space *spaces = calloc(count, sizeof *spaces);
    double worst = 0, sum = 0;
    unsigned steps = 0;
    world_start(format, &options);
    for (unsigned long i = 0; i < count; i++) {
        must(ashlar_space_create(&spaces[i]), "create");
    }
    while (steps < GROWTHS) {
        ashlar_vpn first;
        if (ashlar_kva_reserve(1, (size_t)1 << ashlar_space_slot_shift(), "slot", &first) != ASHLAR_OK) {
            break;
        }
        double took = map(first, 1);
        sum += took;
        worst = took > worst ? took : worst;
        steps++;
    }
    if (steps != 0) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s", world.name, ashlar_sharing_text(policy));
        print_csv("growth", name, count, sum / steps, "ns/step");
        print_csv("growth_worst", name, count, worst, "ns/step");
    }
    free(spaces);
}

int main(void)
{
    const struct world_options usual = {.ram_bytes = 256u * MIB, .unwatched = true};
    for (size_t i = 0; i < PAGES_MOST; i++) {
        frames[i] = 0x1000u + i % 0x8000u;
    }
    FOR_EACH_FORMAT(format)
    {
        world_start(format, &usual);
        cursor_runs(1);
        cursor_runs(512);
        cursor_runs(PAGES_MOST);
        cursor_random();
    }
    FOR_EACH_FORMAT(format)
    {
        for (unsigned policy = ASHLAR_SHARING_PREALLOCATE; policy <= ASHLAR_SHARING_SEQ; policy++) {
            for (unsigned long count = 10; count <= 100000; count *= 100) {
                growth(format, (ashlar_sharing_policy)policy, count);
            }
        }
    }
    return 0;
}
