/* SPDX-License-Identifier: 0BSD */
/* purge.c - ranges that were given back, and wait for one flush that serves them all.
 *
 * A flush costs the same for one range as for a thousand, and on other CPUs an
 * interrupt. So giving a range back only hides its pages; addresses and frames
 * stay with it, out of reach of everybody, until enough has come together:
 *
 *     give: hide ──> chain ──> chain ──> ... ──> purge: flush once, collect, give addresses
 *
 * The chain lies in the ranges' own descriptors (the tag of each is the index of
 * the next), so it needs no memory and has no end. A purge takes the whole chain
 * for itself; what is given back meanwhile begins a new one. One thread purges at
 * a time, so that its buffers need no stack. Neighbours in the chain that are
 * neighbours in the address space, too, are collected as one span.
 *
 * Purged is at min(32 MiB, RAM / 64); when the kernel asks for it; when frames
 * are short, for the purge is registered as a reliever; and when addresses are
 * short. If in the last case nothing waits, small ranges that are kept ready go;
 * and whoever is at work on either is waited for, since addresses in his hands
 * are neither free nor taken.
 *
 * Cost: O(1) to add; a purge O(pages) and one flush.
 */
#include "kva/purge.h"

#include "base/alone.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "base/token.h"
#include "base/wait.h"
#include "kva/guard.h"
#include "kva/lookup.h"
#include "kva/magazine.h"
#include "space/leaves.h"
#include "space/mapping.h"
#include "tables/gather.h"

#define HIDE_LOCKED_PAGES 32u
#define MOST_PAGES ((size_t)8192)
#define RAM_SHARE 64u

/* --- purging -------------------------------------------------------------------- */

COLD static uint32_t detach_given(struct arena *arena, size_t *pages)
{
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    uint32_t chain = arena->given;
    *pages += arena->given_pages;
    arena->given = 0;
    arena->given_pages = 0;
    ashlar_lock_give(&arena->lock, interrupts);
    return chain;
}

static bool next_given(const struct arena *arena, uint32_t *chain, struct ashlar_range_info *range)
{
    if (*chain == 0) {
        return false;
    }
    ashlar_ranges_at_locked(&arena->ranges, *chain, range); /* the chain is the purger's alone */
    *chain = (uint32_t)range->tag;
    return true;
}

COLD static void gather_given(const struct arena *arena, uint32_t chain, struct ashlar_gather *gather)
{
    struct ashlar_range_info range;
    while (next_given(arena, &chain, &range)) {
        ashlar_gather_add(gather, range.first, range.pages);
    }
}

/* --- releasing: by the one purger, in its own buffers -------------------------------- */

static void give_purged_frames(struct purge *purge)
{
    if (purge->frame_count != 0) {
        ashlar_frames_give_bulk(ashlar_kva.pool, purge->frames, purge->frame_count);
        purge->frame_count = 0;
    }
}

/* Pages side by side whose ranges are all the purger's, guards and all: a guard has nothing to collect. */
static void collect_span(struct purge *purge)
{
    ashlar_vpn page = purge->span_first;
    for (size_t left = purge->span_pages; left != 0;) {
        size_t room = PURGE_FRAMES - purge->frame_count;
        size_t step = left < room ? left : room;
        ashlar_port_pin();
        purge->frame_count += ashlar_leaves_collect(page, step, purge->frames + purge->frame_count);
        ashlar_port_unpin();
        page += step;
        left -= step;
        if (purge->frame_count == PURGE_FRAMES) {
            give_purged_frames(purge);
        }
    }
    purge->span_pages = 0;
}

/* What was taken one after the other is mostly given back so, or in the opposite order: the span grows at either end. */
static inline void add_to_span(struct purge *purge, const struct ashlar_range_info *range)
{
    if (range->first + range->pages == purge->span_first) {
        purge->span_first = range->first;
    } else if (range->first != purge->span_first + purge->span_pages) {
        collect_span(purge);
        purge->span_first = range->first;
    }
    purge->span_pages += range->pages;
}

/* Collected ranges go to the magazines, as far as they are wanted there; the others, first in the array, stay. */
static unsigned keep_ready(struct arena *arena, struct purge *purge)
{
    unsigned left = 0;
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    for (unsigned i = 0; i < purge->range_count; i++) {
        if (!ashlar_magazine_keep_locked(arena, &purge->ranges[i])) {
            purge->ranges[left++] = purge->ranges[i];
        }
    }
    ashlar_lock_give(&arena->lock, interrupts);
    return left;
}

COLD static void release_batch(struct arena *arena, struct purge *purge)
{
    collect_span(purge);
    unsigned left = keep_ready(arena, purge);
    for (unsigned i = 0; i < left; i++) {
        ashlar_range_clear_guards(&purge->ranges[i]);
        ashlar_arena_give(arena, purge->ranges[i].first, ASHLAR_CALLER());
    }
    purge->range_count = 0;
}

/* It never stays ready, and its guard has no note. */
COLD static void release_large_range(struct arena *arena, const struct ashlar_range_info *range)
{
    (void)ashlar_pages_collect(range->first, ashlar_range_pages(range));
    ashlar_arena_give(arena, range->first, ASHLAR_CALLER());
}

static void release_chain(struct purge *purge, struct arena *arena, uint32_t chain)
{
    while (next_given(arena, &chain, &purge->ranges[purge->range_count])) {
        const struct ashlar_range_info *range = &purge->ranges[purge->range_count];
        if (ashlar_range_is(range, RANGE_LARGE)) {
            release_large_range(arena, range);
        } else {
            add_to_span(purge, range);
            purge->range_count++;
        }
        if (purge->range_count == PURGE_RANGES) {
            release_batch(arena, purge);
        }
    }
    release_batch(arena, purge);
}

COLD static size_t purge_given(struct purge *purge)
{
    struct ashlar_gather gather;
    size_t pages = 0;
    uint32_t general = detach_given(&ashlar_kva.general, &pages);
    uint32_t stacks = detach_given(&ashlar_kva.stacks, &pages);
    ashlar_gather_init(&gather, NULL);
    if (pages >= ASHLAR_FLUSH_THRESHOLD_PAGES) {
        ashlar_gather_add_all(&gather);
    } else {
        gather_given(&ashlar_kva.general, general, &gather);
        gather_given(&ashlar_kva.stacks, stacks, &gather);
    }
    if (pages != 0) {
        ashlar_gather_finish(&gather);
        ashlar_kva.purges++;
        release_chain(purge, &ashlar_kva.general, general);
        release_chain(purge, &ashlar_kva.stacks, stacks);
        give_purged_frames(purge);
        atomic_store(&ashlar_kva.returns, ashlar_kva.returns + 1u);
    }
    return pages;
}

/* Who is alone, with interrupts off, does not wait for another purger: a thread that was interrupted is none. */
COLD size_t ashlar_kva_purge(void)
{
    CONTEXTS(yes, yes, less, no, no);
    struct purge *purge = &ashlar_kva.purge;
    size_t pages = 0;
    if (ashlar_alone_take(&purge->token)) {
        pages = purge_given(purge);
        ashlar_alone_give(&purge->token);
    }
    return pages;
}

COLD uintptr_t ashlar_purge_returns(void)
{
    return atomic_load(&ashlar_kva.returns);
}

/* What is kept ready goes only if nothing waited for a purge. With the token nobody else has addresses on their way back. */
COLD static bool recover_some(struct purge *purge, struct arena *arena)
{
    if (ashlar_may_change() && purge_given(purge) != 0) {
        return true;
    }
    bool emptied = ashlar_magazines_empty(arena);
    if (emptied) {
        atomic_store(&ashlar_kva.returns, ashlar_kva.returns + 1u);
    }
    return emptied;
}

COLD bool ashlar_purge_recover(struct arena *arena, uintptr_t seen)
{
    struct purge *purge = &ashlar_kva.purge;
    if (!ashlar_token_get(&purge->token)) {
        return false;
    }
    (void)ashlar_alone_enter();
    bool recovered = ashlar_purge_returns() != seen || recover_some(purge, arena);
    ashlar_alone_exit();
    ashlar_token_give(&purge->token);
    return recovered;
}

/* --- giving --------------------------------------------------------------------- */

/* Returns how many of its pages were missing. */
static inline size_t hide_range(const struct ashlar_range_info *range, size_t pages)
{
    return ashlar_leaves_hide(ashlar_range_first(range), pages);
}

/* Returns how many pages wait then. */
static inline size_t chain_locked(struct arena *arena, const struct ashlar_range_info *range)
{
    ashlar_ranges_set_at_locked(&arena->ranges, range->index, range->note | RANGE_GIVEN, arena->given);
    arena->given = range->index;
    arena->given_pages += range->pages;
    return ashlar_kva.general.given_pages + ashlar_kva.stacks.given_pages;
}

static inline void purge_if_many(size_t pages)
{
    if (pages >= ashlar_kva.purge_pages && ashlar_may_wait()) {
        (void)ashlar_kva_purge();
    }
}

/* With interrupts off only what takes a bounded time: longer ranges are hidden before. */
size_t ashlar_purge_give(const struct ashlar_range_info *range)
{
    struct arena *arena = ashlar_arena_of(range->first);
    size_t hidden = ashlar_range_pages(range);
    bool is_long = hidden > HIDE_LOCKED_PAGES;
    size_t missing = 0;
    if (is_long) {
        ashlar_port_pin();
        missing = hide_range(range, hidden);
        ashlar_port_unpin();
    }
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    if (!is_long) {
        missing = hide_range(range, hidden);
    }
    size_t pages = chain_locked(arena, range);
    ashlar_lock_give(&arena->lock, interrupts);
    purge_if_many(pages);
    return missing;
}

bool ashlar_purge_give_few(ashlar_vpn first, struct ashlar_range_info *range, size_t *missing)
{
    struct arena *arena = ashlar_arena_of(first);
    size_t pages = 0;
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    bool few = ashlar_ranges_find_locked(&arena->ranges, first, range) && range->note == (uint32_t)RANGE_PAGES &&
               range->pages <= HIDE_LOCKED_PAGES;
    if (few) {
        *missing = hide_range(range, ashlar_range_pages(range));
        pages = chain_locked(arena, range);
    }
    ashlar_lock_give(&arena->lock, interrupts);
    purge_if_many(pages);
    return few;
}

COLD void ashlar_purge_add(const struct ashlar_range_info *range)
{
    struct arena *arena = ashlar_arena_of(range->first);
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    size_t pages = chain_locked(arena, range);
    ashlar_lock_give(&arena->lock, interrupts);
    purge_if_many(pages);
}

/* --- shortage ------------------------------------------------------------------- */

COLD static size_t relieve_by_purge(void *context)
{
    (void)context;
    return ashlar_kva_purge();
}

COLD void ashlar_purge_init(size_t ram_frames)
{
    size_t share = ram_frames / RAM_SHARE;
    ashlar_kva.purge_pages = share < MOST_PAGES ? share : MOST_PAGES;
    ashlar_kva.reliever = (struct ashlar_reliever){.relieve = relieve_by_purge};
    ashlar_frames_add_reliever(ashlar_kva.pool, &ashlar_kva.reliever);
}
