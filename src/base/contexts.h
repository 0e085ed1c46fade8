/* SPDX-License-Identifier: 0BSD */
/* contexts.h - where a public function may be called, said at its head, and checked there in debug builds.
 *
 * CONTEXTS is the first statement of each function that has a row in docs/contexts.md, and says what the row says, in the
 * order of its columns: boot, thread, off, interrupt, NMI. tests/house/contexts.t compares the two. In release builds it is
 * nothing.
 */
#ifndef ASHLAR_BASE_CONTEXTS_H
#define ASHLAR_BASE_CONTEXTS_H

#include "base/check.h"

#if ASHLAR_DEBUG
/* The words of a row. `pinned` is a thread's, which no hook can tell from others; kernel(space): for the kernel half alone. */
#define CONTEXTS_no 0u
#define CONTEXTS_yes 1u
#define CONTEXTS_less 2u
#define CONTEXTS_pinned 3u
#define CONTEXTS_kernel(space) ((space) == NULL ? CONTEXTS_yes : CONTEXTS_no)

/* Two bits for each column. */
#define CONTEXTS_ROW(boot, thread, off, interrupt, nmi)                                                                \
    (CONTEXTS_##boot | CONTEXTS_##thread << 2 | CONTEXTS_##off << 4 | CONTEXTS_##interrupt << 6 | CONTEXTS_##nmi << 8)

/* What is allowed everywhere asks no hook. */
#define CONTEXTS_FORBIDS(row) ((((row) | (row) >> 1) & 0x155u) != 0x155u)

#define CONTEXTS(boot, thread, off, interrupt, nmi)                                                                    \
    do {                                                                                                               \
        const unsigned row_ = CONTEXTS_ROW(boot, thread, off, interrupt, nmi);                                         \
        if (CONTEXTS_FORBIDS(row_)) {                                                                                  \
            ashlar_contexts_check(__func__, row_, ASHLAR_CALLER());                                                    \
        }                                                                                                              \
    } while (0)

/* Fatal where the row says no to the context that the hook tells. */
void ashlar_contexts_check(const char *function, unsigned row, const void *caller);
#else
#define CONTEXTS(boot, thread, off, interrupt, nmi) ((void)0)
#endif

/* The same, of a CPU that the hooks may not know yet: not checked. */
#define CONTEXTS_UNASKED(boot, thread, off, interrupt, nmi) ((void)0)

#endif
