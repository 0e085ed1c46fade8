/* SPDX-License-Identifier: 0BSD */
/* ipis.c - interrupts between CPUs, counted by operation.
 *
 * What a shootdown costs is above all the CPUs that it interrupts: so that is
 * counted, exactly, where instructions cannot be (under -icount all CPUs share
 * one count). For each operation: *rounds*, shootdowns that asked anybody; *kicks*,
 * CPUs that were asked; and the *interrupts* that came of them, of which one may
 * answer several.
 *
 * Ranges and stacks are given back to a purge: they are measured from purge to
 * purge, so that each bears its share. `range_pair_at_once` purges after each give:
 * what a kernel would send that flushes with every unmap.
 *
 * Lines: CSV metric,case,value,unit; the metric ends with the number of CPUs.
 */
#include "bench/divide.h"
#include "bench/pair.h"
#include "commands/command.h"
#include "cpu/smp.h"
#include "io/exit.h"
#include "io/print.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "tests/crew.h"
#include "x86/cpu.h"
#include <ashlar/port.h>

#define ROUNDS 256u
#define PURGES 2u
#define USER_PAGE 0x500u
#define DEMAND_PAGES 8u
#define STACK_PAGES 4u

struct counts {
    uint64_t rounds, kicks, interrupts, purges;
};

static struct counts counts_now(void)
{
    struct ashlar_space_stats space;
    struct ashlar_kva_stats kva;
    struct smp_kicks sent;
    ashlar_space_stats(&space);
    ashlar_kva_stats(&kva);
    smp_kicks(&sent);
    return (struct counts){sent.rounds, space.kicks, sent.interrupts, kva.purges};
}

/* For a thousand operations, with three decimals. */
static void csv(const char *metric, const char *name, uint64_t events, uint32_t operations)
{
    /* Counts are small: no overflow. */
    uint32_t small = (uint32_t)divided(events * 1000000u + operations / 2, operations);
    print("CSV %s_cpus_%u,%s,%u.%03u,a 1000 operations\n", metric, smp_count(), name, small / 1000, small % 1000);
}

static void report(const char *name, struct counts before, uint32_t operations)
{
    struct counts now = counts_now();
    csv("rounds", name, now.rounds - before.rounds, operations);
    csv("kicks", name, now.kicks - before.kicks, operations);
    csv("interrupts", name, now.interrupts - before.interrupts, operations);
}

typedef bool (*operation)(size_t argument);

static bool measure(const char *name, operation run, size_t argument)
{
    bool good = run(argument);
    (void)ashlar_kva_purge();
    struct counts before = counts_now();
    for (unsigned i = 0; i < ROUNDS; i++) {
        good = run(argument) && good;
    }
    report(name, before, ROUNDS);
    return good;
}

/* Whole intervals from purge to purge. */
static bool measure_purged(const char *name, operation run, size_t argument)
{
    bool good = true;
    uint32_t operations = 0;
    uint64_t purges = counts_now().purges;
    while (good && counts_now().purges == purges) {
        good = run(argument);
    }
    struct counts before = counts_now();
    while (good && counts_now().purges < before.purges + PURGES) {
        good = run(argument);
        operations++;
    }
    report(name, before, operations != 0 ? operations : 1);
    return good;
}

/* --- operations ------------------------------------------------------------------ */

static bool range_pair(size_t bytes)
{
    return pair_of_range(bytes / ASHLAR_PAGE_BYTES, ASHLAR_MAP_WRITE, "ipis");
}

static bool range_pair_at_once(size_t bytes)
{
    bool good = range_pair(bytes);
    return ashlar_kva_purge() != 0 && good;
}

static bool stack_pair(size_t pages)
{
    return pair_of_stack(pages, "ipis");
}

static bool demand_region(size_t pages)
{
    ashlar_vpn first;
    if (ashlar_kva_take_demand(pages, ASHLAR_MAP_WRITE, "ipis", &first) != ASHLAR_OK) {
        return false;
    }
    for (size_t i = 0; i < pages; i++) {
        *(volatile uint32_t *)address_of_page(first + i) = 1;
    }
    ashlar_kva_give(first);
    return true;
}

static struct {
    struct ashlar_space *space; /* NULL: the page is the kernel half's */
    ashlar_vpn page;
    ashlar_pfn frame;
} one;

static bool map_unmap(size_t ignored)
{
    (void)ignored;
    unsigned flags = ASHLAR_MAP_WRITE | (one.space != NULL ? ASHLAR_MAP_USER : 0u);
    return ashlar_space_map(one.space, one.page, 1, &one.frame, flags) == ASHLAR_OK &&
           ashlar_space_unmap(one.space, one.page, 1, &one.frame) == ASHLAR_OK;
}

static bool protect(size_t ignored)
{
    static unsigned flags;
    (void)ignored;
    flags ^= ASHLAR_MAP_WRITE;
    return ashlar_space_protect(one.space, one.page, 1, flags) == ASHLAR_OK;
}

static bool kernel_page(void)
{
    one.space = NULL;
    if (ashlar_kva_reserve(1, 1, "ipis", &one.page) != ASHLAR_OK) {
        return false;
    }
    bool good = measure("kernel_page_map_unmap", map_unmap, 0);
    good = good && ashlar_space_map(NULL, one.page, 1, &one.frame, ASHLAR_MAP_WRITE) == ASHLAR_OK;
    good = good && measure("kernel_page_protect", protect, 0);
    good = good && ashlar_space_unmap(NULL, one.page, 1, &one.frame) == ASHLAR_OK;
    ashlar_kva_unreserve(one.page);
    return good;
}

/* --- a user page, in a space that several CPUs run in --------------------------------- */

static struct {
    struct ashlar_space space;
    bool alone;               /* in its table, which goes with it */
    volatile uint32_t inside; /* CPUs */
    volatile bool stop;
    volatile bool good;
    unsigned count;
} user;

/* Each keeps a CPU of its own; the first one measures. */
static void resident(void *argument)
{
    (void)ashlar_port_pin();
    __atomic_fetch_add(&user.inside, 1, __ATOMIC_RELAXED);
    while (user.inside < user.count || ((uintptr_t)argument != 0 && !user.stop)) {
        x86_halt();
    }
    if ((uintptr_t)argument == 0) {
        char name[32];
        print_to(name, sizeof name, user.alone ? "user_page_and_table_in_%u" : "user_page_in_%u", user.count);
        user.good = measure(name, map_unmap, 0);
        user.stop = true;
    }
    ashlar_port_unpin();
}

static bool run_user_page(unsigned cpu_count, bool alone)
{
    one.space = &user.space;
    one.page = USER_PAGE;
    user.alone = alone;
    user.count = cpu_count;
    user.inside = 0;
    user.stop = user.good = false;
    bool started = crew_start(cpu_count, resident, &user.space);
    crew_join();
    return started && user.good;
}

static bool user_page(unsigned cpu_count)
{
    ashlar_pfn neighbour;
    if (ashlar_space_create(&user.space) != ASHLAR_OK) {
        return false;
    }
    bool good =
        run_user_page(cpu_count, true) && ashlar_frames_take(kernel_memory.frames, 0, &neighbour) == ASHLAR_OK &&
        ashlar_space_map(&user.space, USER_PAGE + 1, 1, &neighbour, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER) == ASHLAR_OK;
    good =
        good && run_user_page(cpu_count, false) && ashlar_space_unmap(&user.space, USER_PAGE + 1, 1, NULL) == ASHLAR_OK;
    ashlar_space_destroy(&user.space);
    return good;
}

int ipis_run(unsigned count, char **words)
{
    (void)count;
    (void)words;
    bool good = ashlar_frames_take(kernel_memory.frames, 0, &one.frame) == ASHLAR_OK;
    good = good && measure_purged("range_pair_4096", range_pair, 4096);
    good = good && measure_purged("range_pair_65536", range_pair, 65536);
    good = good && measure("range_pair_4096_at_once", range_pair_at_once, 4096);
    good = good && measure_purged("stack_pair", stack_pair, STACK_PAGES);
    good = good && measure("demand_region", demand_region, DEMAND_PAGES);
    good = good && kernel_page();
    for (unsigned cpu_count = 1; good && cpu_count <= smp_count(); cpu_count *= 2) {
        good = user_page(cpu_count);
    }
    if (good) {
        ashlar_frames_give(kernel_memory.frames, one.frame, 0);
    } else {
        print("ipis: something failed: too little RAM?\n");
    }
    return good ? EXIT_GOOD : EXIT_FAILED;
}
