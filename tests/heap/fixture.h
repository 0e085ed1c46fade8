/* SPDX-License-Identifier: 0BSD */
/* fixture.h - one heap for three CPUs over a source of 32 MiB, from begin to end of a test. */
#ifndef ASHLAR_TESTS_HEAP_FIXTURE_H
#define ASHLAR_TESTS_HEAP_FIXTURE_H

#include "source.h"

#define CPUS 3u

static struct ashlar_heap *heap;
static struct test_source test;

static void begin(void)
{
    sim_set_cpu(0);
    heap = source_heap(&test, 8192, CPUS, 256 << 10, 0);
}

static void end(const char *what)
{
    source_end(heap, &test, CPUS, what);
}

#endif
