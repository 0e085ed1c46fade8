/* SPDX-License-Identifier: 0BSD */
/* source.h - a source for tests: pages of an mmapped range, checked, that fails when told to.
 *
 * Pages that are not committed cannot be touched; a commit of what is committed, a decommit of what is not, a call with
 * a lock held, outside of a thread, or while another one runs, is counted as a complaint.
 */
#ifndef ASHLAR_TESTS_HEAP_SOURCE_H
#define ASHLAR_TESTS_HEAP_SOURCE_H

#include "base/lock.h"
#include "heap/internal.h"
#include "sim.h"
#include "tap.h"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct test_source {
    struct ashlar_heap_source source;
    unsigned char *backed; /* a byte a page */
    size_t backed_pages;
    size_t commits; /* calls */
    size_t decommits;
    size_t moves;
    size_t fail_in; /* the commit that fails, counted from now; 0: none */
    bool fail_on;   /* and all after it */
    size_t limit;   /* pages that may be backed at once; 0: any */
    volatile uint32_t inside;
    const char *complaint;
    void *storage;
};

__attribute__((unused)) static void source_enter(struct test_source *test)
{
    if (__atomic_fetch_add(&test->inside, 1u, __ATOMIC_SEQ_CST) != 0) {
        test->complaint = "two calls of the source at once";
    }
    if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD) {
        test->complaint = "called outside of a thread, or with interrupts off";
    }
    if (sim_pins() != 0) {
        test->complaint = "called while pinned";
    }
    if (ashlar_lock_held_name() != NULL) {
        test->complaint = "called with a lock held";
    }
}

__attribute__((unused)) static void source_leave(struct test_source *test)
{
    __atomic_fetch_sub(&test->inside, 1u, __ATOMIC_SEQ_CST);
}

__attribute__((unused)) static bool source_fails(struct test_source *test, size_t pages)
{
    if (test->limit != 0 && test->backed_pages + pages > test->limit) {
        return true;
    }
    if (test->fail_in == 0) {
        return false;
    }
    if (test->fail_in == 1) {
        test->fail_in = test->fail_on ? 1 : 0;
        return true;
    }
    test->fail_in--;
    return false;
}

__attribute__((unused)) static void source_set(struct test_source *test, size_t first, size_t pages, int backed)
{
    for (size_t i = first; i < first + pages; i++) {
        if (i >= test->source.pages || test->backed[i] == backed) {
            test->complaint = backed ? "commit of backed pages" : "decommit of pages that are not backed";
            return;
        }
        test->backed[i] = (unsigned char)backed;
    }
    test->backed_pages += backed ? pages : 0 - pages;
    void *address = (void *)(test->source.base + first * 4096u);
    if (backed) {
        mprotect(address, pages * 4096u, PROT_READ | PROT_WRITE);
        if ((test->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) == 0) {
            memset(address, 0xc9, pages * 4096u);
        }
    } else {
        madvise(address, pages * 4096u, MADV_DONTNEED);
        mprotect(address, pages * 4096u, PROT_NONE);
    }
}

__attribute__((unused)) static ashlar_status source_commit(void *context, size_t first, size_t pages)
{
    struct test_source *test = context;
    source_enter(test);
    test->commits++;
    bool fails = source_fails(test, pages);
    if (!fails) {
        source_set(test, first, pages, 1);
    }
    source_leave(test);
    return fails ? ASHLAR_NO_FRAMES : ASHLAR_OK;
}

__attribute__((unused)) static void source_decommit(void *context, size_t first, size_t pages)
{
    struct test_source *test = context;
    source_enter(test);
    test->decommits++;
    source_set(test, first, pages, 0);
    source_leave(test);
}

/* By copying: what counts is who may touch what afterwards. */
__attribute__((unused)) static int source_move(void *context, size_t to, size_t from, size_t pages)
{
    struct test_source *test = context;
    source_enter(test);
    test->moves++;
    source_set(test, to, pages, 1);
    memcpy((void *)(test->source.base + to * 4096u), (void *)(test->source.base + from * 4096u), pages * 4096u);
    source_set(test, from, pages, 0);
    source_leave(test);
    return 1;
}

/* Pages come and go under it: the host's kernel says whether they can be read. By a pipe of the caller's own. */
__attribute__((unused)) static int source_peek(void *context, uintptr_t address, void *to, size_t bytes)
{
    static _Thread_local int pipes[2] = {-1, -1};
    const struct test_source *test = context;
    if (address - test->source.base >= test->source.pages * 4096u || (pipes[0] < 0 && pipe(pipes) != 0)) {
        return 0;
    }
    long written =
        syscall(SYS_write, pipes[1], address, bytes); /* not by a function: ThreadSanitizer sees those read */
    size_t got = written > 0 ? (size_t)read(pipes[0], to, (size_t)written) : 0;
    return got == bytes;
}

/* A heap over a fresh source. */
__attribute__((unused)) static struct ashlar_heap *source_heap_with(struct test_source *test, size_t pages,
                                                                    const struct ashlar_heap_options *options,
                                                                    unsigned flags)
{
    struct ashlar_heap *heap = NULL;
    memset(test, 0, sizeof *test);
    void *base = mmap(NULL, pages * 4096u, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    test->source.base = (uintptr_t)base;
    test->source.pages = pages;
    test->source.commit = source_commit;
    test->source.decommit = source_decommit;
    test->source.peek = source_peek;
    test->source.context = test;
    test->source.flags = flags;
    test->backed = calloc(pages, 1);
    size_t bytes = ashlar_heap_footprint_bytes(options, pages);
    test->storage = malloc(bytes);
    memset(test->storage, 0xe7, bytes);
    if (ashlar_heap_init(test->storage, bytes, options, &test->source, &heap) != ASHLAR_OK) {
        puts("# no heap");
        exit(1);
    }
    return heap;
}

__attribute__((unused)) static struct ashlar_heap *source_heap(struct test_source *test, size_t pages, unsigned cpus,
                                                               size_t keep_bytes, unsigned flags)
{
    struct ashlar_heap_options options = {.max_cpus = cpus, .keep_bytes = keep_bytes};
    return source_heap_with(test, pages, &options, flags);
}

__attribute__((unused)) static void source_free(struct test_source *test)
{
    munmap((void *)test->source.base, test->source.pages * 4096u);
    free(test->backed);
    free(test->storage);
}

__attribute__((unused)) static struct ashlar_heap_stats stats_of(struct ashlar_heap *heap)
{
    struct ashlar_heap_stats stats;
    ashlar_heap_stats(heap, &stats);
    return stats;
}

/* Everything that any CPU was sent is taken in. */
__attribute__((unused)) static void settle_all(struct ashlar_heap *heap, unsigned cpus)
{
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        sim_set_cpu(cpu);
        while (ashlar_heap_work(heap) != 0) {
        }
    }
    sim_set_cpu(0);
}

/* The audit, and the source's own view of how much is backed. */
__attribute__((unused)) static const char *source_audit(struct ashlar_heap *heap, const struct test_source *test)
{
    struct ashlar_heap_stats stats;
    const char *broken = test->complaint != NULL ? test->complaint : ashlar_heap_audit(heap);
    ashlar_heap_stats(heap, &stats);
    if (broken == NULL && stats.backed_bytes != test->backed_pages * 4096u) {
        broken = "the heap counts other pages than the source";
    }
    return broken;
}

/* All came home, nothing is live, and all is sound; then the source goes. */
__attribute__((unused)) static void source_end(struct ashlar_heap *heap, struct test_source *test, unsigned cpus,
                                               const char *what)
{
    settle_all(heap, cpus);
    const char *broken = source_audit(heap, test);
    if (broken == NULL && stats_of(heap).live_objects != 0) {
        broken = "objects are live";
    }
    is_str(broken, NULL, what);
    source_free(test);
}

/* --- objects ------------------------------------------------------------------ */

__attribute__((unused)) static void *take_one(struct ashlar_heap *heap, size_t bytes)
{
    void *object = ashlar_heap_alloc(heap, bytes, 0);
    if (object == NULL) {
        puts("# no object");
        exit(1);
    }
    return object;
}

/* Until there are no more; returns how many. */
__attribute__((unused)) static unsigned take_objects(struct ashlar_heap *heap, void **objects, unsigned count,
                                                     size_t bytes)
{
    unsigned taken = 0;
    while (taken < count && (objects[taken] = ashlar_heap_alloc(heap, bytes, 0)) != NULL) {
        taken++;
    }
    return taken;
}

/* The last one first. */
__attribute__((unused)) static void give_objects(struct ashlar_heap *heap, void **objects, unsigned count)
{
    while (count != 0) {
        ashlar_heap_free(heap, objects[--count]);
    }
}

__attribute__((unused)) static struct ashlar_cache *make_cache(struct ashlar_heap *heap, const char *name, size_t bytes,
                                                               size_t align, unsigned flags)
{
    struct ashlar_cache *cache = NULL;
    if (ashlar_cache_create(heap, name, bytes, align, flags, &cache) != ASHLAR_OK) {
        puts("# no cache");
        exit(1);
    }
    return cache;
}

__attribute__((unused)) static struct ashlar_heap_place place_of(struct ashlar_heap *heap, const void *address)
{
    struct ashlar_heap_place place;
    ashlar_heap_explain(heap, address, &place);
    return place;
}

__attribute__((unused)) static bool is_filled_with(const unsigned char *object, int byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (object[i] != byte) {
            return false;
        }
    }
    return true;
}

/* With bytes that tell their place. */
__attribute__((unused)) static void paint(unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        block[i] = (unsigned char)(i * 31u >> 3);
    }
}

__attribute__((unused)) static bool is_painted(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != (unsigned char)(i * 31u >> 3)) {
            return false;
        }
    }
    return true;
}

#endif
