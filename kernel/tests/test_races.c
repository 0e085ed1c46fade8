/* SPDX-License-Identifier: 0BSD */
/* test_races.c - CPUs that want the same thing at the same time, threads that are moved, CPUs that go.
 *
 * Each group runs for a while, not for a number of rounds, and until what it is
 * about has happened: QEMU's CPUs share the host's, and may even take turns on
 * one. With one CPU, the same between threads.
 */
#include "cpu/smp.h"
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "io/print.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "tests/crew.h"
#include "tests/ram.h"
#include "tests/tap.h"
#include "x86/cpu.h"
#include <ashlar/heap.h>
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define RUN_TICKS 25u
#define TRIES 8u
#define GOOD 0x900d0000u
#define POISON 0xdeadbeefu
#define SHARED_PAGES 2u
#define SHARED_FIRST 0x500u /* page, in the user half */
#define OBJECT_BYTES 200u
#define GONE_OBJECTS 80u
#define THREAD_FRAMES 32u /* a stack, tables, and what it takes */

static struct {
    volatile bool stop;
    unsigned count; /* of workers */
    volatile uint32_t rounds[CREW_MOST];
    volatile uint32_t wrong;
} race;

/* Not for a time alone: until what is to be seen has happened, or patience ends. */
static void run_until(bool (*has_happened)(void), unsigned ticks)
{
    task_sleep(ticks);
    WAIT_FOR(has_happened(), PATIENCE_TICKS);
    race.stop = true;
    crew_join();
}

static void begin(unsigned count)
{
    race.count = count < CREW_MOST ? count : CREW_MOST;
    race.stop = false;
    race.wrong = 0;
    for (unsigned i = 0; i < CREW_MOST; i++) {
        race.rounds[i] = 0;
    }
}

static void note_wrong(bool condition)
{
    if (condition) {
        __atomic_fetch_add(&race.wrong, 1, __ATOMIC_RELAXED);
    }
}

/* The least and the sum of the workers' rounds. */
static uint32_t rounds_of(uint32_t *sum)
{
    uint32_t least = UINT32_MAX;
    *sum = 0;
    for (unsigned i = 0; i < race.count; i++) {
        least = race.rounds[i] < least ? race.rounds[i] : least;
        *sum += race.rounds[i];
    }
    return least;
}

static bool all_made_rounds(void)
{
    uint32_t sum;
    return rounds_of(&sum) > 0;
}

/* --- all shoot at all ------------------------------------------------------------ */

static void shooter(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;
    ashlar_vpn page;
    ashlar_pfn frame;
    if (ashlar_kva_reserve(1, 1, "shooter", &page) != ASHLAR_OK ||
        ashlar_frames_take(kernel_memory.frames, 0, &frame) != ASHLAR_OK) {
        note_wrong(true);
        return;
    }
    while (!race.stop) {
        note_wrong(ashlar_space_map(NULL, page, 1, &frame, ASHLAR_MAP_WRITE) != ASHLAR_OK);
        note_wrong(ashlar_space_unmap(NULL, page, 1, &frame) != ASHLAR_OK);
        race.rounds[me]++;
    }
    ashlar_frames_give(kernel_memory.frames, frame, 0);
    ashlar_kva_unreserve(page);
}

static void test_crossfire(void)
{
    struct ashlar_space_stats before;
    struct ashlar_space_stats after;
    uint32_t sum;
    if (!has_frames((size_t)smp_count() * THREAD_FRAMES, "CPUs that all ask each other")) {
        return;
    }
    begin(smp_count());
    ashlar_space_stats(&before);
    bool started = crew_start(race.count, shooter, NULL);
    run_until(all_made_rounds, RUN_TICKS);
    ashlar_space_stats(&after);
    uint32_t least = rounds_of(&sum);
    ok(started && least > 0, "[fault 51] %u CPUs that all ask each other all come to an end", smp_count());
    print("# %u rounds, the slowest CPU made %u, %llu kicks\n", sum, least,
          (unsigned long long)(after.kicks - before.kicks));
    is_number(race.wrong, 0, "each had its page each time");
    ok_audit("shooting");
}

/* --- one page, several CPUs ---------------------------------------------------------- */

static struct {
    struct ashlar_space space;
    ashlar_pfn pocket[CREW_MOST]; /* each worker's frame; ASHLAR_PFN_NONE: mapped somewhere */
    volatile uint32_t reads;
    volatile uint32_t absent;
    volatile uint32_t stale;
    volatile uint32_t late; /* another CPU was faster */
} shared;

/* A pocket holds one frame. */
static void try_map(unsigned me, ashlar_vpn page)
{
    if (shared.pocket[me] == ASHLAR_PFN_NONE) {
        return;
    }
    memory_write_frame(shared.pocket[me], GOOD);
    ashlar_status status =
        ashlar_space_map(&shared.space, page, 1, &shared.pocket[me], ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
    if (status == ASHLAR_OK) {
        shared.pocket[me] = ASHLAR_PFN_NONE;
        return;
    }
    note_wrong(status != ASHLAR_EXISTS);
    __atomic_fetch_add(&shared.late, 1, __ATOMIC_RELAXED);
}

static void try_unmap(unsigned me, ashlar_vpn page)
{
    ashlar_pfn frame;
    if (shared.pocket[me] != ASHLAR_PFN_NONE) {
        return;
    }
    ashlar_status status = ashlar_space_unmap(&shared.space, page, 1, &frame);
    if (status == ASHLAR_OK) {
        memory_write_frame(frame, POISON);
        shared.pocket[me] = frame;
        return;
    }
    note_wrong(status != ASHLAR_ABSENT);
    __atomic_fetch_add(&shared.late, 1, __ATOMIC_RELAXED);
}

static void try_read(ashlar_vpn page)
{
    uint32_t value;
    x86_user_access_begin(); /* it is the user's, and this is the kernel */
    bool there = probe_read(address_of_page(page), &value);
    x86_user_access_end();
    if (!there) {
        __atomic_fetch_add(&shared.absent, 1, __ATOMIC_RELAXED);
        return;
    }
    __atomic_fetch_add(&shared.reads, 1, __ATOMIC_RELAXED);
    if (value != GOOD) {
        __atomic_fetch_add(&shared.stale, 1, __ATOMIC_RELAXED);
    }
}

static void sharer(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;
    uint32_t seed = 99 + me * 1000;
    while (!race.stop) {
        uint32_t random = tap_random(&seed);
        ashlar_vpn page = SHARED_FIRST + (random >> 8) % SHARED_PAGES;
        if (random % 4 == 0) {
            try_map(me, page);
        } else if (random % 4 == 1) {
            try_unmap(me, page);
        } else {
            try_read(page);
        }
        race.rounds[me]++;
    }
}

/* Those still mapped come back; each frame is found once. */
static uint32_t frames_found(unsigned count)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < SHARED_PAGES; i++) {
        ashlar_pfn frame;
        if (ashlar_space_unmap(&shared.space, SHARED_FIRST + i, 1, &frame) == ASHLAR_OK) {
            ashlar_frames_give(kernel_memory.frames, frame, 0); /* fatal for one that is somewhere else, too */
            found++;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (shared.pocket[i] != ASHLAR_PFN_NONE) {
            ashlar_frames_give(kernel_memory.frames, shared.pocket[i], 0);
            found++;
        }
    }
    return found;
}

static bool sharers_met(void)
{
    return all_made_rounds() && shared.reads > 0 && shared.absent > 0 && shared.late > 0;
}

static void test_same_page(void)
{
    unsigned count = smp_count() + 1;
    uint32_t sum;
    if (!has_frames((size_t)(count + 1) * THREAD_FRAMES, "threads that share pages")) {
        return;
    }
    begin(count);
    shared.reads = shared.absent = shared.stale = shared.late = 0;
    if (!ok(ashlar_frames_take_bulk(kernel_memory.frames, shared.pocket, count, 0) == ASHLAR_OK &&
                ashlar_space_create(&shared.space) == ASHLAR_OK,
            "a space, and a frame for each of %u threads", count)) {
        return;
    }
    bool started = crew_start(count, sharer, &shared.space);
    run_until(sharers_met, RUN_TICKS);
    uint32_t least = rounds_of(&sum);
    ok(started && least > 0, "they map, unmap and read %u pages, all at once", SHARED_PAGES);
    print("# %u rounds, %u reads, %u faults, %u calls came too late\n", sum, shared.reads, shared.absent, shared.late);
    ok(shared.reads > 0 && shared.absent > 0 && shared.late > 0, "they did meet");
    is_number(race.wrong, 0, "[fault 102] a map ends with OK or EXISTS, an unmap with OK or ABSENT");
    is_number(shared.stale, 0, "[fault 103] a read finds what is mapped or faults: nothing stale");
    is_number(frames_found(count), count, "[fault 102, 103] each frame is found, once");
    ashlar_space_destroy(&shared.space);
    ok_audit("sharing pages");
}

/* --- threads that are moved ------------------------------------------------------------ */

static volatile uint32_t moves;

/* A frame, an object and a range; all hold what they were given, whatever CPU this is by now. */
static void take_some(uint32_t stamp)
{
    ashlar_pfn frame = ASHLAR_PFN_NONE;
    ashlar_vpn page;
    uint32_t value = 0;
    volatile uint32_t *object = ashlar_kmalloc(OBJECT_BYTES);
    bool has_frame = ashlar_frames_take(kernel_memory.frames, 0, &frame) == ASHLAR_OK;
    bool has_page = ashlar_kva_take(1, ASHLAR_MAP_WRITE, "moved", &page) == ASHLAR_OK;
    if (object == NULL || !has_frame || !has_page) {
        note_wrong(true);
        return;
    }
    *object = stamp;
    object[OBJECT_BYTES / sizeof *object - 1] = stamp;
    memory_write_frame(frame, stamp);
    note_wrong(!probe_write(address_of_page(page), stamp));
    note_wrong(!probe_read(address_of_page(page), &value) || value != stamp);
    note_wrong(*object != stamp || object[OBJECT_BYTES / sizeof *object - 1] != stamp);
    ashlar_kva_give(page);
    ashlar_kfree((void *)(uintptr_t)object);
    ashlar_frames_give(kernel_memory.frames, frame, 0);
}

static void traveller(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;
    unsigned last = ashlar_port_pin();
    ashlar_port_unpin();
    while (!race.stop) {
        take_some(me << 24 | race.rounds[me]++);
        unsigned cpu = ashlar_port_pin();
        ashlar_port_unpin();
        if (cpu != last) {
            __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
        }
        last = cpu;
    }
}

static bool all_travelled(void)
{
    return all_made_rounds() && (smp_count() == 1 || moves > 0);
}

static void test_moved(void)
{
    uint32_t sum;
    if (!has_frames((size_t)(2 * smp_count() + 1) * THREAD_FRAMES, "threads that are moved")) {
        return;
    }
    size_t frames = ram_accounted_frames();
    begin(2 * smp_count() + 1);
    moves = 0;
    bool started = crew_start(race.count, traveller, NULL);
    run_until(all_travelled, 2 * RUN_TICKS);
    uint32_t least = rounds_of(&sum);
    ok(started && least > 0, "%u threads on %u CPUs take and give", race.count, smp_count());
    print("# %u rounds, moved %u times\n", sum, moves);
    ok(smp_count() == 1 || moves > 0, "the timer moved them between CPUs");
    is_number(race.wrong, 0, "[fault 101] each found its own, wherever it was moved to");
    is_number(ram_accounted_frames(), frames, "[fault 101] no frame was lost");
    ok_audit("threads that were moved");
}

/* --- a CPU that goes --------------------------------------------------------------------- */

static struct {
    struct ashlar_cache *cache;
    void *object[GONE_OBJECTS];
    unsigned cpu;
    volatile bool filled;
} gone;

static void fill_here(void)
{
    for (unsigned i = 0; i < GONE_OBJECTS; i++) {
        gone.object[i] = ashlar_cache_alloc(gone.cache, 0);
        ashlar_kfree(ashlar_kmalloc(3000));
    }
    gone.filled = true;
}

/* One for each CPU, and each keeps the one that it is on: so the last of them comes to the one that is to go, whoever is
 * woken first. There it leaves objects of that CPU's slabs, and some that it keeps empty. */
static void filler(void *argument)
{
    (void)argument;
    uint32_t begin = timer_ticks();
    if (ashlar_port_pin() == gone.cpu && !gone.filled) {
        fill_here();
    }
    while (!gone.filled && timer_ticks() - begin < PATIENCE_TICKS) {
        x86_halt();
    }
    ashlar_port_unpin();
}

static volatile uint32_t cpus_seen;

static void sighter(void *argument)
{
    (void)argument;
    while (!race.stop) {
        __atomic_fetch_or(&cpus_seen, UINT32_C(1) << ashlar_port_pin(), __ATOMIC_RELAXED);
        ashlar_port_unpin();
        x86_pause();
    }
}

static uint32_t cpus_wanted;

static bool all_were_seen(void)
{
    return (cpus_seen & cpus_wanted) == cpus_wanted;
}

/* Which CPUs run threads; at least these should. */
static uint32_t see_cpus(uint32_t wanted)
{
    begin(2 * smp_count());
    cpus_seen = 0;
    cpus_wanted = wanted;
    note_wrong(!crew_start(race.count, sighter, NULL));
    run_until(all_were_seen, RUN_TICKS / 2);
    return cpus_seen;
}

static void test_while_gone(uint32_t all)
{
    struct ashlar_space_stats before;
    struct ashlar_space_stats after;
    ashlar_vpn page;
    uint32_t left = all & ~(UINT32_C(1) << gone.cpu);
    bool spared = false;
    is_number(see_cpus(left), left, "nothing runs on it any more");
    for (unsigned i = 0; i < TRIES && !spared; i++) { /* others flush as well, now and then */
        ashlar_space_stats(&before);
        bool taken = ashlar_kva_take(1, ASHLAR_MAP_WRITE, "shot", &page) == ASHLAR_OK;
        if (taken) {
            ashlar_kva_give(page);
        }
        (void)ashlar_kva_purge();
        ashlar_space_stats(&after);
        spared = taken && after.kicks - before.kicks <= smp_count() - 2;
    }
    ok(spared, "[fault 50] a flush does not ask it");
    for (unsigned i = 0; i < GONE_OBJECTS; i++) {
        ashlar_cache_free(gone.cache, gone.object[i]);
    }
    ashlar_heap_drain_cpu(kernel_memory.booted.heap, gone.cpu);
    is_number(ashlar_cache_destroy(gone.cache), ASHLAR_OK, "[fault 104] its objects come back to whoever drains it");
}

static void test_offline(void)
{
    uint32_t all = (UINT32_C(1) << smp_count()) - 1;
    gone.cpu = smp_count() - 1;
    gone.filled = false;
    if (!has_frames((size_t)(2 * smp_count() + 1) * THREAD_FRAMES, "a CPU that goes")) {
        return;
    }
    if (!ok(ashlar_cache_create(kernel_memory.booted.heap, "gone", 64, 0, 0, &gone.cache) == ASHLAR_OK, "a cache")) {
        return;
    }
    ok(!smp_take_offline(0), "the first CPU stays");
    if (smp_count() == 1) {
        is_number(ashlar_cache_destroy(gone.cache), ASHLAR_OK, "one CPU: nobody can go");
        return;
    }
    bool started = crew_start(smp_count(), filler, NULL);
    crew_join();
    if (!ok(started && gone.filled, "a thread on CPU %u, within %u ticks", gone.cpu, PATIENCE_TICKS)) {
        return;
    }
    ok(smp_take_offline(gone.cpu), "CPU %u goes offline", gone.cpu);
    ok(!smp_take_offline(gone.cpu), "but once");
    test_while_gone(all);
    ok(smp_bring_online(gone.cpu), "CPU %u comes back", gone.cpu);
    is_number(see_cpus(all), all, "and runs threads");
    is_number(race.wrong, 0, "all threads were started");
    ok_audit("a CPU that went and came back");
}

static void test_races(void)
{
    test_crossfire();
    test_same_page();
    test_moved();
}

const struct test tests_races[] = {
    {"races", "CPUs that want the same thing at once, threads that are moved", test_races},
    {"offline", "a CPU goes offline, and comes back", test_offline},
    {NULL, NULL, NULL},
};
