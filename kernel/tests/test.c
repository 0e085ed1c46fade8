/* SPDX-License-Identifier: 0BSD */
/* test.c - runs a group of in-kernel tests and tells about them as TAP. */
#include "tests/tap.h"

#include "commands/command.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/memory.h"

static const struct test *const groups[] = {tests_low, tests_high,  tests_machine, tests_acpi,
                                            tests_smp, tests_races, tests_waiting, tests_firmware};
static unsigned passed;
static unsigned failed;

bool ok(bool condition, const char *format, ...)
{
    static char text[240];
    va_list arguments;
    passed += condition;
    failed += !condition;
    va_start(arguments, format);
    print_list_to(text, sizeof text, format, arguments);
    va_end(arguments);
    print("%s %u - %s\n", condition ? "ok" : "not ok", passed + failed, text);
    return condition;
}

bool is_number(uint64_t got, uint64_t wanted, const char *text)
{
    bool same = ok(got == wanted, "%s", text);
    if (!same) {
        print("#   got %llu (0x%llx), wanted %llu (0x%llx)\n", (unsigned long long)got, (unsigned long long)got,
              (unsigned long long)wanted, (unsigned long long)wanted);
    }
    return same;
}

bool ok_audit(const char *after)
{
    const char *problem = memory_audit();
    return ok(problem == NULL, "audit after %s%s%s", after, problem != NULL ? ": " : "",
              problem != NULL ? problem : "");
}

bool has_frames(size_t frames, const char *what)
{
    task_begin_quiet();
    memory_heap_shrink();
    size_t free_frames = memory_free_frames();
    task_end_quiet();
    if (free_frames >= frames) {
        return true;
    }
    passed++;
    print("ok %u - %s # SKIP %s is free of the %s that it takes\n", passed + failed, what,
          size_text((uint64_t)free_frames << ASHLAR_PAGE_SHIFT).text,
          size_text((uint64_t)frames << ASHLAR_PAGE_SHIFT).text);
    return false;
}

uint32_t tap_random(uint32_t *seed)
{
    uint32_t x = *seed;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *seed = x;
    return x;
}

static const struct test *find(const char *name)
{
    for (unsigned g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        for (const struct test *test = groups[g]; test->name != NULL; test++) {
            if (text_equal(test->name, name)) {
                return test;
            }
        }
    }
    return NULL;
}

static int list(void)
{
    for (unsigned g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        for (const struct test *test = groups[g]; test->name != NULL; test++) {
            print("  %-10s %s\n", test->name, test->help);
        }
    }
    return EXIT_GOOD;
}

int test_run(unsigned count, char **words)
{
    if (count < 2 || text_equal(words[1], "list")) {
        return list();
    }
    passed = failed = 0;
    for (unsigned i = 1; i < count; i++) {
        const struct test *test = find(words[i]);
        if (test == NULL) {
            print("Bail out! no test is called %s; `test list` names them\n", words[i]);
            return EXIT_FAILED;
        }
        test->run();
    }
    print("1..%u\n", passed + failed);
    return failed == 0 ? EXIT_GOOD : EXIT_FAILED;
}
