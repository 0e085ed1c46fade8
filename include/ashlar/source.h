/* SPDX-License-Identifier: 0BSD */
/* source.h - where a heap's pages come from: what whoever makes a heap supplies. The range is resident (types.h) where it is
 * committed. */
#ifndef ASHLAR_SOURCE_H
#define ASHLAR_SOURCE_H

#include <ashlar/status.h>

ASHLAR_BEGIN_DECLS

/* Pages come back from commit as zeroes: so they need not be cleared again. Without it their contents are undefined. */
#define ASHLAR_HEAP_SOURCE_ZEROED 1u

/* An address range [base, base + pages * 4096) that is the heap's alone, reserved, with nothing behind it. Pages are
 * numbered from base. The functions are called in thread context, with no lock and no owner held, one at a time. They may
 * not allocate from the heap that they serve: fatal, where it has to ask its source again. */
struct ashlar_heap_source {
    uintptr_t base; /* a multiple of 4096 */
    size_t pages;
    /* Back these pages, all or nothing. None of them is backed now. */
    ashlar_status (*commit)(void *context, size_t first_page, size_t pages);
    /* Take the memory behind them away. All of them are backed. */
    void (*decommit)(void *context, size_t first_page, size_t pages);
    /* May be NULL. Nonzero: what was behind the pages from from_page on is now behind those from to_page on, which
     * were not backed, and nothing is behind the former. Zero: nothing was changed. */
    int (*move)(void *context, size_t to_page, size_t from_page, size_t pages);
    /* NULL: nobody can be asked. After a commit has said ASHLAR_NO_FRAMES, in thread context and with nothing held, the
     * heap's right to grow included: find memory elsewhere. Nonzero: it may be tried again. */
    int (*relieve)(void *context);
    /* May be NULL. A word that changes, after memory has come free, whenever anybody was relieved: it is read before a
     * commit, so that what another thread was given between a refusal and the question counts as well. */
    const volatile uintptr_t *reliefs;
    void *context;
    unsigned flags; /* ASHLAR_HEAP_SOURCE_... */
    /* Copies bytes out of the range for reports: 0, and no fault, where it does not reach, or nothing is behind it. Any
     * context, NMI included, at any moment of a commit or decommit on another CPU: it takes no lock and waits for nothing.
     * NULL: of addresses in the range ashlar_heap_explain says no more than that. */
    int (*peek)(void *context, uintptr_t address, void *to, size_t bytes);
};

ASHLAR_END_DECLS

#endif
