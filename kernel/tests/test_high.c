/* SPDX-License-Identifier: 0BSD */
/* test_high.c - the heap, interrupts that use it, and processes. */
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "io/string.h"
#include "memory/memory.h"
#include "task/process.h"
#include "tests/ram.h"
#include "tests/tap.h"
#include <ashlar/kmalloc.h>

#define OBJECTS 64u
#define SPIKE_MOST_BYTES ((size_t)256 << 20)
#define SPIKE_LOSS_MOST 8u /* where there are few */
#define SPIKE_BLOCK_BYTES ((size_t)65536)
#define GROWN_FRAMES ((size_t)OBJECTS * 16 + 64)
#define SIZES_FRAMES 192u     /* 256 KiB, and again while it grows */
#define INTERRUPT_FRAMES 192u /* 64 objects of up to 3000 bytes, and as many of up to 500 */
#define SPIKE_FRAMES 2048u    /* 8 MiB: there are blocks of 2 MiB */
#define PROCESSES 3u
#define PROCESS_FRAMES 24u /* tables of five levels, a stack, a page */
#define CHECKS 10u

static void test_heap_sizes(void)
{
    bool aligned = true;
    bool usable = true;
    bool zero = true;
    if (!has_frames(SIZES_FRAMES, "objects of up to 256 KiB")) {
        return;
    }
    for (size_t bytes = 1; bytes <= (size_t)256 * 1024; bytes = bytes * 3 / 2 + 1) {
        unsigned char *object = ashlar_kzalloc(bytes);
        if (!ok(object != NULL, "%zu bytes", bytes) || object == NULL) {
            return;
        }
        aligned = aligned && (uintptr_t)object % 16 == 0;
        usable = usable && ashlar_kmalloc_usable_size(object) >= bytes;
        zero = zero && object[0] == 0 && object[bytes - 1] == 0;
        memset(object, 0xff, bytes);
        ashlar_kfree(object);
    }
    ok(aligned, "all are aligned to 16");
    ok(usable, "all can hold what was asked for");
    ok(zero, "kzalloc gives zeros where others had written");
}

static void test_heap_errors(void)
{
    unsigned char *object = ashlar_kmalloc(100);
    if (!ok(object != NULL, "100 bytes")) {
        return;
    }
    ok(ashlar_kcalloc(SIZE_MAX / 2, 4) == NULL, "[fault 68] an array whose size overflows");
    ok(ashlar_kmalloc((size_t)PTRDIFF_MAX + 1) == NULL, "[fault 69] more than PTRDIFF_MAX");
    ok(ashlar_kmemalign(0, 64) == NULL, "[fault 77] alignment 0");
    ok(ashlar_kmemalign(24, 64) == NULL, "[fault 77] an alignment that is no power of two");
    ok(ashlar_krealloc(object, (size_t)PTRDIFF_MAX) == NULL, "[fault 78] krealloc to more than there is");
    memset(object, 7, 100);
    object = ashlar_krealloc(object, 5000);
    if (ok(object != NULL && object[0] == 7 && object[99] == 7, "krealloc keeps what was there")) {
        ashlar_kfree_sized(object, 5000);
    }
    void *page = ashlar_kmemalign(4096, 100);
    ok(page != NULL && (uintptr_t)page % 4096 == 0, "a page-aligned object");
    ashlar_kfree(page);
}

/* Pages behind slabs, large blocks and empty runs: what the heap knows of them apart. */
static size_t pages_in_use(void)
{
    struct ashlar_heap_stats stats;
    ashlar_heap_stats(kernel_memory.booted.heap, &stats);
    return (stats.backed_bytes - stats.metadata_bytes) >> ASHLAR_PAGE_SHIFT;
}

static void test_heap_grows(void)
{
    static void *block[OBJECTS];
    if (!has_frames(GROWN_FRAMES, "64 blocks of 64 KiB")) {
        return;
    }
    size_t frames = ram_accounted_frames();
    size_t pages = memory_heap_pages();
    size_t in_use = pages_in_use();
    unsigned got = 0;
    while (got < OBJECTS && (block[got] = ashlar_kmalloc((size_t)64 * 1024)) != NULL) {
        got++;
    }
    ok(got == OBJECTS, "%u blocks of 64 KiB", got);
    ok(memory_heap_pages() >= pages + (size_t)got * 16, "the heap has grown by as much");
    ok_audit("growing");
    while (got > 0) {
        ashlar_kfree(block[--got]);
    }
    size_t after = ram_accounted_frames();
    ok(pages_in_use() <= in_use, "and shrinks again: from %zu pages to %zu, bookkeeping apart", in_use, pages_in_use());
    is_number(after, frames, "its frames are free again, tables and descriptors apart");
}

static size_t whole_blocks(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(kernel_memory.frames, &stats);
    return stats.free_2mib_blocks;
}

/* Blocks of 1 to 64 KiB, chained through their first word; NULL: so much is not there. */
static void *take_chain(size_t bytes)
{
    uint32_t seed = 77;
    void *chain = NULL;
    while (bytes > SPIKE_BLOCK_BYTES) {
        size_t wanted = 1024 + tap_random(&seed) % (SPIKE_BLOCK_BYTES - 1024);
        void **block = ashlar_kmalloc(wanted);
        if (block == NULL) {
            break;
        }
        *block = chain;
        chain = block;
        bytes -= wanted;
    }
    return chain;
}

static void give_chain(void *chain)
{
    while (chain != NULL) {
        void *next = *(void **)chain;
        ashlar_kfree(chain);
        chain = next;
    }
}

/* Half of all memory, at most 256 MiB, taken and given back: it breaks no block of 2 MiB for ever. */
static void test_spike(void)
{
    if (!has_frames(SPIKE_FRAMES, "a spike of half of all memory")) {
        return;
    }
    size_t bytes = memory_free_frames() / 2 * 4096u;
    bytes = bytes < SPIKE_MOST_BYTES ? bytes : SPIKE_MOST_BYTES;
    size_t before = whole_blocks();
    void *chain = take_chain(bytes);
    size_t during = whole_blocks();
    give_chain(chain);
    memory_heap_shrink();
    (void)ashlar_kva_purge();
    size_t after = whole_blocks();
    ok(during < before, "a spike of %u MiB takes %u of %u blocks of 2 MiB", (unsigned)(bytes >> 20),
       (unsigned)(before - during), (unsigned)before);
    ok(after * 100u >= before * 95u || after + SPIKE_LOSS_MOST >= before,
       "[fault 149] at least 95%% of them are whole again, or all but a few: %u of %u", (unsigned)after,
       (unsigned)before);
    ok_audit("a spike");
}

static void test_heap(void)
{
    test_heap_sizes();
    test_heap_errors();
    test_heap_grows();
    ok_audit("all of it");
}

/* What the timer's interrupt does to the heap while a thread uses it. */
static struct {
    void *object[OBJECTS];
    uint32_t seed;
    volatile uint32_t ticks;
    volatile uint32_t got;
} in_tick;

static void use_heap_in_tick(void)
{
    for (unsigned i = 0; i < 4; i++) {
        void **object = &in_tick.object[tap_random(&in_tick.seed) % OBJECTS];
        if (*object != NULL) {
            ashlar_kfree(*object);
            *object = NULL;
        } else {
            *object = ashlar_kmalloc(1 + tap_random(&in_tick.seed) % 500);
            in_tick.got += *object != NULL;
        }
    }
    in_tick.ticks++;
}

static void test_interrupt(void)
{
    static void *mine[OBJECTS];
    uint32_t seed = 99;
    uint32_t refused = 0;
    if (!has_frames(INTERRUPT_FRAMES, "the heap in interrupts")) {
        return;
    }
    memset(&in_tick, 0, sizeof in_tick);
    memset(mine, 0, sizeof mine);
    in_tick.seed = 4242;
    timer_set_hook(use_heap_in_tick);
    while (in_tick.ticks < 50) {
        void **object = &mine[tap_random(&seed) % OBJECTS];
        if (*object == NULL) {
            *object = ashlar_kmalloc(1 + tap_random(&seed) % 3000);
            refused += *object == NULL;
        } else {
            ashlar_kfree(*object);
            *object = NULL;
        }
    }
    timer_set_hook(NULL);
    ok(in_tick.got > 0, "[fault 83] [fault 84] %u objects allocated and freed in interrupts", in_tick.got);
    is_number(refused, 0, "the thread that was interrupted always got its own");
    ok_audit("interrupts in between");
    for (unsigned i = 0; i < OBJECTS; i++) {
        ashlar_kfree(mine[i]);
        ashlar_kfree(in_tick.object[i]);
    }
    ok_audit("freeing what interrupts had allocated");
}

static bool have_checked(struct process *const *process)
{
    bool all = true;
    for (unsigned i = 0; i < PROCESSES; i++) {
        all = all && process[i]->checks >= CHECKS;
    }
    return all;
}

static void test_process_pages(void)
{
    struct process *process[PROCESSES];
    if (!has_frames((size_t)PROCESSES * PROCESS_FRAMES, "three processes")) {
        return;
    }
    uint32_t faults = trap_page_faults();
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (!ok(process_start("worker", &process[i]) == ASHLAR_OK, "process %u", i)) {
            return;
        }
    }
    WAIT_FOR(have_checked(process), PATIENCE_TICKS);
    for (unsigned i = 0; i < PROCESSES; i++) {
        ok(process[i]->checks >= CHECKS, "process %u has checked its page %u times within %u ticks", i, CHECKS,
           PATIENCE_TICKS);
        is_number(process[i]->mismatches, 0, "and always found it its own");
        ok(process_root_hash(process[i]) == process_root_hash(process[0]), "its kernel half is the same");
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        process_stop(process[i]);
    }
    is_number(trap_page_faults(), faults, "no page fault was taken");
}

/* What was started and stopped once has left behind all that stays: a cache, and tables. */
static void test_process_frames(void)
{
    struct process *process;
    if (!has_frames((size_t)PROCESSES * PROCESS_FRAMES, "frames of a process")) {
        return;
    }
    size_t frames = ram_accounted_frames();
    if (ok(process_start("passing", &process) == ASHLAR_OK, "one more")) {
        process_stop(process);
    }
    WAIT_FOR(ram_accounted_frames() == frames, PATIENCE_TICKS);
    is_number(ram_accounted_frames(), frames, "its frames are free again, each of them");
}

/* Frames may be on their way on another CPU, whose idle loop gives back what a purge has collected. */
static bool frames_come_back(size_t wanted)
{
    WAIT_FOR(ram_accounted_frames() >= wanted, 20);
    return ram_accounted_frames() >= wanted;
}

/* Memory runs out in the middle of starting one: no frame stays behind. */
static void test_process_failures(void)
{
    struct process *process;
    unsigned failures = 0;
    unsigned losses = 0;
    if (!has_frames((size_t)PROCESSES * PROCESS_FRAMES, "a process that does not start")) {
        return;
    }
    for (unsigned nth = 1; nth < 100; nth++) {
        size_t before = ram_accounted_frames();
        ashlar_frames_fail_nth(kernel_memory.frames, nth, 1);
        ashlar_status status = process_start("unlucky", &process);
        ashlar_frames_fail_nth(kernel_memory.frames, 0, 0);
        if (status == ASHLAR_OK) {
            process_stop(process);
            break;
        }
        failures++;
        losses += !frames_come_back(before);
    }
    ok(failures > 0, "[fault 28] a process did not start %u times", failures);
    is_number(losses, 0, "each time all frames came back");
    ok_audit("failing");
}

static void test_process(void)
{
    test_process_pages();
    test_process_frames();
    test_process_failures();
}

const struct test tests_high[] = {
    {"heap", "the heap: sizes, errors, growth", test_heap},
    {"interrupt", "the heap in interrupts", test_interrupt},
    {"spike", "much memory taken and given back breaks no large blocks", test_spike},
    {"process", "processes keep to their own pages", test_process},
    {NULL, NULL, NULL},
};
