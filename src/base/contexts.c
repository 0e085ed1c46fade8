/* SPDX-License-Identifier: 0BSD */
/* contexts.c - where a public function may be called: what debug builds check at its head.
 *
 * The hook tells an NMI, an interrupt, and a thread; a thread is *off* where
 * interrupts are, where it may not sleep, or where its CPU holds a lock. Two
 * columns it cannot tell. A pin may be the library's own. And boot is over when
 * another CPU takes part: before that, and before anybody counts CPUs, what boot
 * may do is allowed to threads. So what is found is always wrong, but of a thread
 * on the only CPU less is found.
 */
#include "base/contexts.h"

#include "base/alone.h"
#include "base/lock.h"
#include "base/wait.h"

#if ASHLAR_DEBUG
enum column { COLUMN_BOOT, COLUMN_THREAD, COLUMN_OFF, COLUMN_INTERRUPT, COLUMN_NMI };

static const char *word_of(unsigned row, enum column column)
{
    static const char *const words[] = {"no", "yes", "less", "pinned"};
    return words[row >> 2u * column & 3u];
}

static bool says_no(unsigned row, enum column column)
{
    return (row >> 2u * column & 3u) == CONTEXTS_no;
}

static enum column column_of(unsigned context, const char *held)
{
    switch (context & ~(ASHLAR_CONTEXT_IRQS_OFF | ASHLAR_CONTEXT_NO_SLEEP)) {
    case ASHLAR_CONTEXT_THREAD:
        return context == ASHLAR_CONTEXT_THREAD && held == NULL ? COLUMN_THREAD : COLUMN_OFF;
    case ASHLAR_CONTEXT_INTERRUPT:
        return COLUMN_INTERRUPT;
    default:
        return COLUMN_NMI;
    }
}

COLD void ashlar_contexts_check(const char *function, unsigned row, const void *caller)
{
    static const char *const names[] = {"boot", "thread", "off", "interrupt", "NMI"};
    unsigned context = ashlar_port_context();
    const char *held = ashlar_lock_held_name();
    enum column column = column_of(context, held);
    if (column <= COLUMN_OFF && (!ashlar_alone_counts() || (says_no(row, column) && ashlar_alone_like_boot()))) {
        column = COLUMN_BOOT;
    }
    ASHLAR_CHECK(
        !says_no(row, column),
        "contexts: %s called in '%s', by %p: the hook says 0x%x%s%s; boot %s, thread %s, off %s, interrupt %s, NMI %s",
        function, names[column], caller, context, held != NULL ? ", and held is lock " : "", held != NULL ? held : "",
        word_of(row, COLUMN_BOOT), word_of(row, COLUMN_THREAD), word_of(row, COLUMN_OFF),
        word_of(row, COLUMN_INTERRUPT), word_of(row, COLUMN_NMI));
}
#endif
