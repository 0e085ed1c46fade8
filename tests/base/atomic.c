/* SPDX-License-Identifier: 0BSD */
/* atomic.c - what each operation returns and leaves, in both widths; that they are atomic is for lock_threads.c. */
#include "base/atomic.h"

#include "tap.h"

#define TEST_WIDTH(suffix, type)                                                                                       \
    static void test_width##suffix(void)                                                                               \
    {                                                                                                                  \
        const type top = (type) ~(type)0;                                                                              \
        volatile type words[3] = {top, 5, top};                                                                        \
        volatile type *word = &words[1];                                                                               \
        is_u(atomic_load##suffix(word), 5, "load");                                                                    \
        atomic_store##suffix(word, top);                                                                               \
        is_u(*word, top, "store, all bits");                                                                           \
        is_u(atomic_exchange##suffix(word, 7), top, "exchange returns what was");                                      \
        is_u(*word, 7, "  and leaves the new");                                                                        \
        ok(!atomic_cas##suffix(word, 6, 9), "a compare that fails says so");                                           \
        is_u(*word, 7, "  and changes nothing");                                                                       \
        ok(atomic_cas##suffix(word, 7, 9), "one that does not");                                                       \
        is_u(*word, 9, "  changes the word");                                                                          \
        is_u(atomic_fetch_add##suffix(word, 3), 9, "add returns what was");                                            \
        is_u(atomic_fetch_or##suffix(word, 0x30), 12, "so does or");                                                   \
        is_u(atomic_fetch_and##suffix(word, 0x18), 0x3c, "so does and");                                               \
        is_u(*word, 0x18, "all three were done");                                                                      \
        atomic_store##suffix(word, top);                                                                               \
        is_u(atomic_fetch_add##suffix(word, 1), top, "add wraps");                                                     \
        is_u(*word, 0, "  to zero");                                                                                   \
        ok(words[0] == top && words[2] == top, "the neighbours are as before");                                        \
    }

TEST_WIDTH(, uintptr_t)
TEST_WIDTH(_u32, uint32_t)

int main(void)
{
    test_width();
    test_width_u32();
    compiler_barrier();
    return done_testing();
}
