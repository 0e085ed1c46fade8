/* SPDX-License-Identifier: 0BSD */
/* test_smp.c - what several CPUs promise each other. With one CPU, the same with nobody else.
 *
 * The test's own thread and one worker for each other CPU. A worker that waits
 * for something halts until an interrupt: QEMU's CPUs share the host's.
 */
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "task/process.h"
#include "tests/crew.h"
#include "tests/tap.h"
#include "x86/cpu.h"
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define ROUNDS 3000u
#define POISON 0xdeadbeefu
#define HEAP_STEPS 20000u
#define HEAP_OBJECTS 64u
#define SHARED_OBJECTS 32u
#define LINES 40u
#define THREAD_FRAMES 32u /* a stack, tables, and what it takes */

/* --- keeping one's CPU ------------------------------------------------------- */

static struct {
    volatile uint32_t seen; /* CPUs */
    volatile uint32_t moved;
    volatile uint32_t uncached; /* CPUs whose cache is off */
    volatile bool stop;
} pinning;

static void pin_worker(void *argument)
{
    (void)argument;
    while (!pinning.stop) {
        unsigned cpu = ashlar_port_pin();
        uint32_t begin = timer_ticks();
        while (timer_ticks() - begin < 2) { /* time enough to be switched away */
            x86_halt();
        }
        if (ashlar_port_cpu() != cpu) {
            __atomic_fetch_add(&pinning.moved, 1, __ATOMIC_RELAXED);
        }
        __atomic_fetch_or(&pinning.seen, UINT32_C(1) << cpu, __ATOMIC_RELAXED);
        if ((x86_read_cr0() & (X86_CR0_CD | X86_CR0_NW)) != 0) {
            __atomic_fetch_or(&pinning.uncached, UINT32_C(1) << cpu, __ATOMIC_RELAXED);
        }
        ashlar_port_unpin();
    }
}

static void test_pinning(void)
{
    if (!has_frames((size_t)(2 * smp_count()) * THREAD_FRAMES, "threads that pin themselves")) {
        return;
    }
    pinning.seen = pinning.moved = pinning.uncached = 0;
    pinning.stop = false;
    bool started = crew_start(2 * smp_count(), pin_worker, NULL);
    uint32_t all = (UINT32_C(1) << smp_count()) - 1;
    task_sleep(30);
    WAIT_FOR(pinning.seen == all, PATIENCE_TICKS);
    pinning.stop = true;
    crew_join();
    ok(started, "%u threads that pin themselves, two for each CPU", 2 * smp_count());
    is_number(pinning.moved, 0, "[fault 101] none was moved while it was pinned");
    is_number(pinning.seen, all, "each CPU ran some of them");
    is_number(pinning.uncached, 0, "[fault 195] with its caches on");
}

/* --- starting ---------------------------------------------------------------- */

/* As if it had come after it was given up: nobody has a ticket for it. */
static void test_late_start(void)
{
    unsigned last = smp_count() - 1;
    if (last == 0) {
        return;
    }
    ok(smp_take_offline(last), "CPU %u is offline", last);
    lapic_send(cpus[last].apic_id, LAPIC_INIT);
    task_sleep(2);
    lapic_send(cpus[last].apic_id, LAPIC_STARTUP | (uint32_t)smp_start_page());
    task_sleep(20);
    ok(cpus[last].online == 0, "[fault 193] it starts late, without a ticket: it stops before it touches anything");
    ok(smp_bring_online(last), "[fault 193] and comes up when it is wanted");
    ok_audit("a late start");
}

/* --- shootdown ----------------------------------------------------------------- */

static struct {
    uintptr_t address;
    volatile uint32_t published; /* the page shows at least this */
    volatile uint32_t stale;
    volatile uint32_t reads;
    volatile uint32_t absent;
    volatile uint32_t seen[CPUS_MAX]; /* the round in which each reader has read last */
    volatile bool stop;
} shot;

static void read_once(uint32_t least)
{
    uint32_t value;
    if (!probe_read(shot.address, &value)) {
        __atomic_fetch_add(&shot.absent, 1, __ATOMIC_RELAXED);
        return;
    }
    __atomic_fetch_add(&shot.reads, 1, __ATOMIC_RELAXED);
    if (value == POISON || value < least) {
        __atomic_fetch_add(&shot.stale, 1, __ATOMIC_RELAXED);
    }
}

/* Once a round. What is read must not be the old page; it may be absent again, or newer. */
static void shot_reader(void *argument)
{
    volatile uint32_t *seen = &shot.seen[(uintptr_t)argument];
    uint32_t round = 0;
    while (!shot.stop) {
        x86_irq_disable(); /* so that a wake that comes before the halt is not lost */
        if (shot.published == round && !shot.stop) {
            x86_enable_and_halt();
            continue;
        }
        round = shot.published;
        x86_irq_enable();
        read_once(round);
        read_once(round);
        __atomic_store_n(seen, round, __ATOMIC_RELEASE);
    }
}

/* All readers hold a translation of the page afterwards, but for one that was switched away. */
static void wait_for_readers(uint32_t round)
{
    uint32_t begin = timer_ticks();
    unsigned me = ashlar_port_pin();
    for (unsigned cpu = 0; cpu < smp_count(); cpu++) {
        if (cpu != me) {
            smp_ask_to_leave(cpu); /* it has nothing to leave, but wakes */
        }
    }
    ashlar_port_unpin();
    for (unsigned i = 0; i + 1 < smp_count(); i++) {
        while (shot.seen[i] < round && timer_ticks() - begin < 5) {
            x86_pause();
        }
    }
}

static bool shoot(ashlar_vpn page, ashlar_pfn *frames)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        ashlar_pfn *next = &frames[round % 2];
        ashlar_pfn old;
        memory_write_frame(*next, round);
        if (ashlar_space_unmap(NULL, page, 1, &old) != ASHLAR_OK) {
            return false;
        }
        memory_write_frame(old, POISON);
        if (ashlar_space_map(NULL, page, 1, next, ASHLAR_MAP_WRITE) != ASHLAR_OK) {
            return false;
        }
        shot.published = round;
        if (round % 3 != 0) { /* now and then they meet an absent page */
            wait_for_readers(round);
        }
    }
    return true;
}

static void shoot_with_readers(ashlar_vpn page, ashlar_pfn *frames)
{
    struct ashlar_space_stats before;
    struct ashlar_space_stats after;
    ashlar_space_stats(&before);
    bool good = crew_start(smp_count() - 1, shot_reader, NULL);
    task_sleep(2);
    good = good && shoot(page, frames);
    shot.stop = true;
    crew_join();
    ashlar_space_stats(&after);
    ok(good, "a page was unmapped and mapped to another frame %u times", ROUNDS);
    print("# %u reads, %u found it absent, %llu kicks\n", shot.reads, shot.absent,
          (unsigned long long)(after.kicks - before.kicks));
    is_number(shot.stale, 0, "[fault 48, 49] no CPU read what was there before");
    ok(smp_count() == 1 || shot.reads > ROUNDS / 2, "the others did read it");
    ok(after.kicks - before.kicks >= (uint64_t)ROUNDS * (smp_count() - 1), "each of them was asked each time");
}

static void test_shootdown(void)
{
    ashlar_pfn frames[2];
    ashlar_pfn mapped;
    ashlar_vpn page;
    if (!has_frames((size_t)smp_count() * THREAD_FRAMES, "shootdowns")) {
        return;
    }
    shot.published = shot.stale = shot.reads = shot.absent = 0;
    memset((void *)(uintptr_t)shot.seen, 0, sizeof shot.seen);
    shot.stop = false;
    if (!ok(ashlar_kva_reserve(1, 1, "shot at", &page) == ASHLAR_OK, "a page of addresses") ||
        !ok(ashlar_frames_take_bulk(kernel_memory.frames, frames, 2, 0) == ASHLAR_OK, "two frames")) {
        return;
    }
    shot.address = address_of_page(page);
    memory_write_frame(frames[0], 0);
    if (ok(ashlar_space_map(NULL, page, 1, &frames[0], ASHLAR_MAP_WRITE) == ASHLAR_OK, "the first is mapped")) {
        shoot_with_readers(page, frames);
        ok(ashlar_space_unmap(NULL, page, 1, &mapped) == ASHLAR_OK, "and unmapped for good");
    }
    ashlar_kva_unreserve(page);
    ashlar_frames_give_bulk(kernel_memory.frames, frames, 2);
    ok_audit("shootdowns");
}

/* --- processes on several CPUs at once ------------------------------------------- */

static struct {
    unsigned wanted;
    volatile uint32_t arrived;
    volatile uint32_t cpus;
} meeting;

/* Each waits, pinned, until all have come: they must be on different CPUs. */
static void meet(void *argument)
{
    (void)argument;
    uint32_t begin = timer_ticks();
    unsigned cpu = ashlar_port_pin();
    __atomic_fetch_or(&meeting.cpus, UINT32_C(1) << cpu, __ATOMIC_RELAXED);
    __atomic_fetch_add(&meeting.arrived, 1, __ATOMIC_RELAXED);
    while (meeting.arrived < meeting.wanted && timer_ticks() - begin < PATIENCE_TICKS) {
        x86_halt();
    }
    ashlar_port_unpin();
}

static void meet_all(struct process **process, unsigned count)
{
    meeting.wanted = count;
    meeting.arrived = meeting.cpus = 0;
    for (unsigned i = 0; i < count; i++) {
        process[i]->job = meet;
    }
    for (unsigned i = 0; i < count; i++) {
        while (process[i]->job != NULL) {
            task_sleep(1);
        }
    }
    unsigned cpus_seen = 0;
    for (uint32_t left = meeting.cpus; left != 0; left &= left - 1) {
        cpus_seen++;
    }
    is_number(cpus_seen, count, "they ran at the same time, each on a CPU of its own");
}

static void test_processes(void)
{
    struct process *process[CPUS_MAX];
    unsigned count = 0;
    uint32_t mismatches = 0;
    if (!has_frames((size_t)smp_count() * THREAD_FRAMES, "a process for each CPU")) {
        return;
    }
    while (count < smp_count() && process_start("traveller", &process[count]) == ASHLAR_OK) {
        count++;
    }
    ok(count == smp_count(), "%u processes", count);
    meet_all(process, count);
    task_sleep(20);
    for (unsigned i = 0; i < count; i++) {
        mismatches += process[i]->mismatches;
    }
    is_number(mismatches, 0, "each always found its own page");
    while (count > 0) {
        process_stop(process[--count]);
    }
    ok_audit("processes on all CPUs");
}

/* --- the heap on several CPUs -------------------------------------------------------- */

static struct {
    void *volatile shared[SHARED_OBJECTS]; /* freed by whoever takes them out */
    volatile uint32_t damaged;
} stress;

/* The first word says how long an object is; all bytes behind it are the same. */
static bool is_intact(const uint32_t *object)
{
    const uint8_t *bytes = (const uint8_t *)(object + 1);
    for (size_t i = 1; i < *object; i++) {
        if (bytes[i] != bytes[0]) {
            return false;
        }
    }
    return true;
}

static void *new_object(uint32_t random)
{
    uint32_t bytes = 1 + (random & 63) * ((random >> 6 & 7) != 0 ? 4 : 160);
    uint32_t *object = ashlar_kmalloc(bytes + sizeof *object);
    if (object != NULL) {
        *object = bytes;
        memset(object + 1, (int)(random >> 9 & 0xff), bytes);
    }
    return object;
}

static void end_object(void *object)
{
    if (object != NULL && !is_intact(object)) {
        __atomic_fetch_add(&stress.damaged, 1, __ATOMIC_RELAXED);
    }
    ashlar_kfree(object);
}

static void heap_worker(void *argument)
{
    void *mine[HEAP_OBJECTS] = {0};
    uint32_t seed = 77 + (uint32_t)(uintptr_t)argument * 1000;
    for (unsigned i = 0; i < HEAP_STEPS; i++) {
        uint32_t random = tap_random(&seed);
        if (random % 4 == 0) {
            end_object(__atomic_exchange_n(&stress.shared[random / 4 % SHARED_OBJECTS], new_object(random >> 8),
                                           __ATOMIC_ACQ_REL));
        } else {
            void **object = &mine[random / 4 % HEAP_OBJECTS];
            end_object(*object);
            *object = *object == NULL ? new_object(random >> 8) : NULL;
        }
    }
    for (unsigned i = 0; i < HEAP_OBJECTS; i++) {
        end_object(mine[i]);
    }
}

static void test_heap_stress(void)
{
    if (!has_frames((size_t)(smp_count() + 1) * THREAD_FRAMES, "the heap on several CPUs")) {
        return;
    }
    stress.damaged = 0;
    ok(crew_start(smp_count() + 1, heap_worker, NULL), "%u threads use the heap, and free each other's objects",
       smp_count() + 1);
    crew_join();
    for (unsigned i = 0; i < SHARED_OBJECTS; i++) {
        end_object(stress.shared[i]);
        stress.shared[i] = NULL;
    }
    is_number(stress.damaged, 0, "no object was damaged");
    ok_audit("all of it");
}

/* --- lines ------------------------------------------------------------------------------ */

static void line_worker(void *argument)
{
    for (unsigned i = 0; i < LINES; i++) {
        print("# thread %u, line %u: abcdefghijklmnopqrstuvwxyz 0123456789 end of line\n",
              (unsigned)(uintptr_t)argument, i);
    }
}

static void test_lines(void)
{
    ok(crew_start(smp_count() + 1, line_worker, NULL), "%u threads print %u lines each", smp_count() + 1, LINES);
    crew_join();
}

static void test_count(void)
{
    is_number(smp_count(), kernel_memory.cpus, "all CPUs that were found have come up");
    test_late_start();
}

static void test_smp(void)
{
    test_count();
    test_pinning();
    test_shootdown();
    test_processes();
}

const struct test tests_smp[] = {
    {"smp", "several CPUs: pinning, shootdowns, processes", test_smp},
    {"smpheap", "the heap on several CPUs", test_heap_stress},
    {"lines", "lines of several CPUs stay whole", test_lines},
    {NULL, NULL, NULL},
};
