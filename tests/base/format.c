/* SPDX-License-Identifier: 0BSD */
/* format.c - messages against the host's snprintf: each conversion, widths, the edges of 64-bit decimals, cuts. */
#include "base/format.h"

#include "tap.h"
#include <limits.h>

#define ROOM 64u

static size_t ours(char *out, const char *format, ...) ASHLAR_PRINTF(2, 3);
static size_t ours(char *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = ashlar_format_list(out, ROOM, format, arguments);
    va_end(arguments);
    return length;
}

/* For formats that compilers would refuse. */
static size_t unchecked(char *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = ashlar_format_list(out, ROOM, format, arguments);
    va_end(arguments);
    return length;
}

/* The text and its length are those of the host. */
#define same(...)                                                                                                      \
    do {                                                                                                               \
        char got_[ROOM];                                                                                               \
        char want_[ROOM];                                                                                              \
        int length_ = snprintf(want_, sizeof want_, __VA_ARGS__);                                                      \
        is_u(ours(got_, __VA_ARGS__), length_, "length of \"%s\"", want_);                                             \
        is_str(got_, want_, "  and its text");                                                                         \
    } while (0)

static void test_conversions(void)
{
    same("%s", "plain");
    same("%s", "");
    same("no conversion at all%c", '.');
    same("%c%c", 'a', 'z');
    same("100%% of %u%%", 7u);
    same("%d %d %d", 0, 1, -1);
    same("%d %d", INT_MAX, INT_MIN);
    same("%u %u", 0u, UINT32_MAX);
    same("%x %x %x", 0u, 0xdeadbeefu, UINT32_MAX);
    same("%lu %lx", (unsigned long)UINTPTR_MAX, (unsigned long)UINTPTR_MAX);
    same("%llu %llx", (unsigned long long)UINT64_MAX, (unsigned long long)UINT64_MAX);
    same("%zu %zx", SIZE_MAX, SIZE_MAX);
    same("%p", (void *)(uintptr_t)0x1234abcd);
    same("%s:%u %s", "a", 1u, "b");
}

/* Arguments of different sizes behind each other: each conversion takes exactly its own. */
static void test_arguments_in_a_row(void)
{
    same("%u %llu %u %zu %c %llx %s", 1u, (unsigned long long)2 << 40, 3u, (size_t)4, '5', (unsigned long long)6 << 36,
         "seven");
    same("%d %lu %p %x", -8, 9ul, (void *)(uintptr_t)10, 11u);
}

static void test_what_the_host_leaves_open(void)
{
    char out[ROOM];
    is_u(unchecked(out, "%s", (const char *)NULL), 6, "NULL for a text");
    is_str(out, "(null)", "  says so");
    is_u(unchecked(out, "%p", (void *)NULL), 3, "NULL for a pointer");
    is_str(out, "0x0", "  is zero");
    unchecked(out, "%p", (void *)UINTPTR_MAX);
    is_str(out, sizeof(void *) == 8 ? "0xffffffffffffffff" : "0xffffffff", "the last pointer");
    is_u(unchecked(out, "cut off %", 1u), 8, "a conversion that ends with the text");
    is_str(out, "cut off ", "  is dropped");
    is_u(unchecked(out, "cut off %08l", 1u), 8, "so is one that ends in its width");
    unchecked(out, "%u", (unsigned long long)7 << 32 | 1u);
    is_str(out, "1", "%u looks at 32 bits, whatever lies behind them");
    unchecked(out, "%q and %u", 3u);
    is_str(out, "q and 3", "an unknown conversion takes no argument");
}

static void test_widths(void)
{
    same("[%5s]", "ab");
    same("[%-5s]", "ab");
    same("[%2s]", "abc");
    same("[%3s]", "abc");
    same("[%-3s]", "abcd");
    same("[%5c]", 'x');
    same("[%8u]", 1234u);
    same("[%-8u]", 1234u);
    same("[%08u]", 1234u);
    same("[%4u]", 1234u);
    same("[%3u]", 1234u);
    same("[%08x]", 0xabcu);
    same("[%16llx]", 0xabcdeull);
    same("[%016llx]", 0xabcdeull);
    same("[%08lx]", 0xabcul);
    same("[%12zu]", (size_t)99);
    same("[%20llu]", (unsigned long long)UINT64_MAX);
    same("[%21llu]", (unsigned long long)UINT64_MAX);
    same("[%9u]", 5u);
    same("[%19u]", 5u);
    same("[%30u]", 0u);
}

/* The sign counts, stands before zeros and behind blanks. */
static void test_signs(void)
{
    same("[%5d]", -42);
    same("[%-5d]", -42);
    same("[%05d]", -42);
    same("[%3d]", -42);
    same("[%03d]", -42);
    same("[%01d]", -42);
    same("[%2d]", -42);
    same("[%05d]", 42);
    same("[%0d]", -42);
    same("[%12d]", INT_MIN);
}

static void test_decimals(void)
{
    static const uint64_t edges[] = {
        0, 9, 10, 0xffff, 0x10000, 0x10001, 0xffffffff, 0x100000000, 0xffffffffffff, 0x1000000000000, UINT64_MAX,
    };
    uint64_t seed = 11;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        same("%llu", (unsigned long long)edges[i]);
    }
    for (uint64_t power = 1; power <= UINT64_MAX / 10u; power *= 10u) {
        same("%llu %llu", (unsigned long long)(power * 10u - 1u), (unsigned long long)(power * 10u));
    }
    for (unsigned round = 0; round < 100000; round++) {
        char got[ROOM];
        char want[ROOM];
        unsigned long long value = tap_random(&seed) >> (round % 64u);
        snprintf(want, sizeof want, "%llu %llx", value, value);
        ours(got, "%llu %llx", value, value);
        wrong += strcmp(got, want) != 0;
    }
    is_u(wrong, 0, "100000 random numbers of all lengths");
}

/* Every room from one byte on: as much as fits, a NUL, and nothing behind. */
static void test_cuts(void)
{
    static const char text[] = "frame 0x00000fee00000000,     17 of 18446744073709551615";
    char out[sizeof text + 1];
    unsigned wrong = 0;
    for (size_t room = 1; room <= sizeof text; room++) {
        memset(out, '#', sizeof out);
        size_t length = ashlar_format(out, room, "%s 0x%016llx, %6u of %llu", "frame", 0xfee00000000ull, 17u,
                                      (unsigned long long)UINT64_MAX);
        wrong += length != room - 1 || memcmp(out, text, length) != 0 || out[length] != '\0' || out[room] != '#';
    }
    is_u(wrong, 0, "cut at every length");
    is_u(ashlar_format(out, sizeof out, "%s", "short"), 5, "the length written is returned");
}

int main(void)
{
    test_conversions();
    test_arguments_in_a_row();
    test_what_the_host_leaves_open();
    test_widths();
    test_signs();
    test_decimals();
    test_cuts();
    return done_testing();
}
