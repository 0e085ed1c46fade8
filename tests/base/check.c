/* SPDX-License-Identifier: 0BSD */
/* check.c - what a report says, that a check costs nothing where it holds, and what is left of assertions in release. */
#include "base/check.h"

#include "sim.h"
#include "tap.h"

#define MESSAGE_MAX 239u /* characters of one message */

static char long_text[400];
static unsigned calls;

static unsigned counted(void)
{
    return ++calls;
}

static void test_panic(void)
{
    const char *message = SIM_FATAL(ashlar_panic("frame 0x%lx, by %s: %u", 0x1234ul, "nobody", 7u));
    is_str(message, "frame 0x1234, by nobody: 7", "a panic is formatted and fatal");
    message = SIM_FATAL(ashlar_panic("%s", long_text));
    is_u(strlen(message), MESSAGE_MAX, "what is too long is cut");
    ok(memcmp(message, long_text, MESSAGE_MAX) == 0, "at its end");
}

static void test_log(void)
{
    unsigned long before = sim_log_count();
    ashlar_log("%u of %s", 3u, "five");
    is_str(sim_last_log(), "3 of five", "a log line is formatted");
    is_u(sim_log_count(), before + 1, "and comes as one");
    ashlar_log("%s", long_text);
    is_u(strlen(sim_last_log()), MESSAGE_MAX, "what is too long is cut here, too");
}

static void test_check(void)
{
    calls = 0;
    is_str(SIM_FATAL(ASHLAR_CHECK(counted() == 1, "not %u", counted())), NULL, "a check that holds says nothing");
    is_u(calls, 1, "its condition is looked at once, its message is not made");
    is_str(SIM_FATAL(ASHLAR_CHECK(counted() == 1, "not %u", counted())), "not 3", "one that does not is fatal");
    is_str(SIM_FATAL(ASHLAR_CHECK(calls & 2u, "no number is false but 0")), NULL, "any number but 0 holds");
}

static void test_assert(void)
{
    calls = 0;
    is_str(SIM_FATAL(ASHLAR_ASSERT(counted() == 1)), NULL, "an assertion that holds says nothing");
    if (!ASHLAR_DEBUG) {
        is_str(SIM_FATAL(ASHLAR_ASSERT(counted() == 99)), NULL, "one that does not says nothing in release builds");
        is_u(calls, 0, "which never look at it");
        return;
    }
    is_u(calls, 1, "its condition is looked at");
    const char *message = SIM_FATAL(ASHLAR_ASSERT(calls == 99));
    like(message, "assertion failed: calls == 99,", "one that does not is fatal and says what was claimed");
    like(message, "tests/base/check.c:", "  and where");
}

int main(void)
{
    memset(long_text, 'x', sizeof long_text - 1);
    test_panic();
    test_log();
    test_check();
    test_assert();
    return done_testing();
}
