/* SPDX-License-Identifier: 0BSD */
/* shrink.c - runs that fail are made short, and keep what they need. */
#include "shrink.h"
#include "tap.h"

static unsigned runs;

/* Fails with these three, whatever else there is. */
static bool needs_three(const void *context)
{
    (void)context;
    runs++;
    return shrink_wants(3) && shrink_wants(17) && shrink_wants(60);
}

static bool needs_either(const void *context)
{
    (void)context;
    return shrink_wants(5) || shrink_wants(6);
}

static bool never(const void *context)
{
    (void)context;
    return false;
}

static bool always(const void *context)
{
    (void)context;
    return true;
}

static void test_random(void)
{
    uint64_t a = shrink_random(7, 3), b = shrink_random(7, 4), again = shrink_random(7, 3);
    uint64_t first = tap_random(&a);
    ok(first != tap_random(&b), "steps have other numbers");
    is_u(tap_random(&again), first, "the same step the same");
    uint64_t other = shrink_random(8, 3);
    ok(tap_random(&other) != first, "another seed others");
}

int main(void)
{
    test_random();
    shrink_begin(70);
    is_u(shrink_count(), 70, "all steps at first");
    is_u(shrink_run(needs_three, NULL), 3, "three steps are needed, and left");
    ok(shrink_wants(3) && shrink_wants(17) && shrink_wants(60), "just these");
    ok(runs < 200, "in %u runs", runs);
    shrink_begin(70);
    is_u(shrink_run(needs_either, NULL), 1, "one of two that do");
    ok(shrink_wants(5) != shrink_wants(6), "either of them");
    shrink_begin(70);
    is_u(shrink_run(always, NULL), 0, "what fails by itself needs none");
    shrink_begin(SHRINK_STEPS_MOST);
    is_u(shrink_run(never, NULL), SHRINK_STEPS_MOST, "what fails no more keeps all");
    setenv("ASHLAR_SHRINK", "0", 1);
    shrink_begin(70);
    is_u(shrink_run(needs_three, NULL), 70, "unless nobody wants to know");
    return done_testing();
}
