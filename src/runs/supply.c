/* SPDX-License-Identifier: 0BSD */
/* supply.c - the source of pages: who may ask it, one at a time, and what for.
 *
 *   | map | descriptors | allocated bits | units ...                    |
 *     backed up to limit   sparse          backed where not bare
 *     backed as needed
 *
 * All of it is one reserved range. Whoever commits or decommits holds the
 * growth token; nothing else is held then: no lock, no owner, and the context is
 * a thread, or one with interrupts off while no other CPU takes part, which does
 * not wait. A thread that finds the token taken waits for it with interrupts on
 * and then looks again: what it wanted may be there. Giving back does not wait.
 * A source that uses the heap which it serves would wait for itself. It is known
 * by its thread, where the kernel marks threads (ashlar/port.h): exactly, wherever
 * it stands on its stack. Elsewhere, and with interrupts off (there may be no thread
 * yet, and nobody waits), by where its caller's frame lies, right above
 * that of whoever asks: so close that it is the same stack, or not told.
 * Where the source has no frames, it is asked for relief once the token is given
 * back: whoever relieves may wait for somebody who wants to grow.
 */
#include "runs/supply.h"

#include "base/alone.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/wait.h"
#include <ashlar/port.h>

/* Less than what is left of any stack on which the source was called: so it is no other thread's. */
#define SOURCE_STACK_BYTES 1024u
#define IS_MARK 1u /* in the name of a caller, else it is a frame */

COLD static uintptr_t caller_name(const void *frame)
{
    const uint32_t *mark = ashlar_may_wait() ? ashlar_wait_mark() : NULL;
    return mark != NULL ? (uintptr_t)mark | IS_MARK : (uintptr_t)frame;
}

COLD static void enter_source(struct ashlar_runs *runs, void *frame)
{
    atomic_store(&runs->source_caller, caller_name(frame));
}

COLD static void leave_source(struct ashlar_runs *runs)
{
    atomic_store(&runs->source_caller, 0);
}

COLD static bool is_same_caller(uintptr_t inside, uintptr_t now)
{
    return ((inside | now) & IS_MARK) != 0 ? inside == now : inside - now - 1u < SOURCE_STACK_BYTES;
}

/* An interrupt may come in the middle of the source, on the same stack: it may not change anything, and is not the source. */
COLD bool ashlar_runs_may_change(const struct ashlar_runs *runs)
{
    bool may = runs->source.pages != 0 && ashlar_may_change();
    uintptr_t caller = atomic_load(&runs->source_caller);
    ASHLAR_CHECK(!may || caller == 0 || !is_same_caller(caller, caller_name(__builtin_frame_address(0))),
                 "runs: the source of a heap (commit %p) uses the heap that it serves, and would wait for itself",
                 (void *)(uintptr_t)runs->source.commit);
    return may;
}

COLD void ashlar_runs_token_give(struct ashlar_runs *runs)
{
    size_t pages = runs->backed_units + runs->map_pages + runs->run_pages + runs->bit_pages;
    if (pages > runs->peak_bytes >> ASHLAR_PAGE_SHIFT) {
        runs->peak_bytes = pages << ASHLAR_PAGE_SHIFT;
    }
    ashlar_alone_give(&runs->growing);
}

COLD static size_t metadata_page(const struct ashlar_runs *runs, const void *pointer)
{
    return ((uintptr_t)pointer - runs->range_base) >> ASHLAR_PAGE_SHIFT;
}

COLD bool ashlar_runs_commit(struct ashlar_runs *runs, size_t page, size_t pages)
{
    enter_source(runs, __builtin_frame_address(0));
    ashlar_status status = runs->source.commit(runs->source.context, page, pages);
    leave_source(runs);
    runs->refused = status == ASHLAR_NO_FRAMES;
    return status == ASHLAR_OK;
}

COLD void ashlar_runs_decommit(struct ashlar_runs *runs, size_t page, size_t pages)
{
    enter_source(runs, __builtin_frame_address(0));
    runs->source.decommit(runs->source.context, page, pages);
    leave_source(runs);
}

COLD bool ashlar_runs_move_units(struct ashlar_runs *runs, uint32_t to, uint32_t from, uint32_t units)
{
    size_t payload = runs->payload_page;
    enter_source(runs, __builtin_frame_address(0));
    bool moved = runs->source.move(runs->source.context, payload + to, payload + from, units) != 0;
    leave_source(runs);
    return moved;
}

COLD uintptr_t ashlar_runs_reliefs(const struct ashlar_runs *runs)
{
    return runs->source.reliefs != NULL ? atomic_load(runs->source.reliefs) : 0;
}

COLD bool ashlar_runs_relieve(struct ashlar_runs *runs, uintptr_t seen)
{
    return runs->source.relieve != NULL &&
           (ashlar_runs_reliefs(runs) != seen || runs->source.relieve(runs->source.context) != 0 ||
            ashlar_runs_reliefs(runs) != seen);
}

COLD bool ashlar_runs_commit_metadata(struct ashlar_runs *runs, void *area, size_t first, size_t pages)
{
    if (!ashlar_runs_commit(runs, metadata_page(runs, area) + first, pages)) {
        return false;
    }
    if ((runs->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) == 0) {
        memset((char *)area + first * ASHLAR_PAGE_BYTES, 0, pages * ASHLAR_PAGE_BYTES);
    }
    return true;
}

COLD void ashlar_runs_decommit_metadata(struct ashlar_runs *runs, const void *area, size_t first, size_t pages)
{
    ashlar_runs_decommit(runs, metadata_page(runs, area) + first, pages);
}
