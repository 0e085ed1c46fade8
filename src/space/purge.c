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
 * for itself; what is given back meanwhile begins a new one.
 *
 * Purged is at min(32 MiB, RAM / 64); when frames or addresses are short; and
 * when the kernel asks for it.
 *
 * Cost: O(1) to add; a purge O(pages) and one flush.
 */
#include "space/internal.h"

#define BATCH_FRAMES 32u
#define MOST_PAGES ((size_t)8192)
#define RAM_SHARE 64u

void ashlar_purge_init(size_t ram_frames)
{
    size_t share = ram_frames / RAM_SHARE;
    ashlar_half.purge_pages = share < MOST_PAGES ? share : MOST_PAGES;
}

static bool may_flush(void)
{
    return ashlar_port_context() == ASHLAR_CONTEXT_THREAD && ashlar_lock_held_name() == NULL;
}

void ashlar_purge_add(const struct ashlar_range_info *range)
{
    struct arena *arena = ashlar_arena_of(range->first);
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    ashlar_ranges_set_locked(&arena->ranges, range->first, range->note | RANGE_GIVEN, arena->given);
    arena->given = range->index;
    arena->given_pages += range->pages;
    size_t pages = ashlar_half.general.given_pages + ashlar_half.stacks.given_pages;
    ashlar_lock_give(&arena->lock, interrupts);
    if (pages >= ashlar_half.purge_pages && may_flush()) {
        (void)ashlar_space_purge();
    }
}

/* --- purging -------------------------------------------------------------------- */

static uint32_t detach(struct arena *arena)
{
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    uint32_t chain = arena->given;
    arena->given = 0;
    arena->given_pages = 0;
    ashlar_lock_give(&arena->lock, interrupts);
    return chain;
}

static bool next_of(const struct arena *arena, uint32_t *chain, struct ashlar_range_info *range)
{
    if (*chain == 0 || !ashlar_ranges_by_index(&arena->ranges, *chain, range)) {
        return false;
    }
    *chain = (uint32_t)range->tag;
    return true;
}

static size_t gather_chain(const struct arena *arena, uint32_t chain, struct ashlar_gather *gather)
{
    struct ashlar_range_info range;
    size_t pages = 0;
    while (next_of(arena, &chain, &range)) {
        ashlar_gather_add(gather, range.first, range.pages);
        pages += range.pages;
    }
    return pages;
}

static void release_chain(struct arena *arena, uint32_t chain)
{
    struct ashlar_range_info range;
    while (next_of(arena, &chain, &range)) {
        ashlar_range_empty(&range, true);
        ashlar_arena_give(arena, range.first, ASHLAR_CALLER());
    }
}

size_t ashlar_space_purge(void)
{
    struct ashlar_gather gather;
    uint32_t general = detach(&ashlar_half.general);
    uint32_t stacks = detach(&ashlar_half.stacks);
    ashlar_gather_init(&gather, NULL);
    size_t pages = gather_chain(&ashlar_half.general, general, &gather);
    pages += gather_chain(&ashlar_half.stacks, stacks, &gather);
    if (pages != 0) {
        ashlar_gather_finish(&gather);
        ashlar_half.purges++;
        release_chain(&ashlar_half.general, general);
        release_chain(&ashlar_half.stacks, stacks);
    }
    return pages;
}

bool ashlar_purge_helps(void)
{
    return may_flush() && ashlar_space_purge() != 0;
}

size_t ashlar_range_empty(const struct ashlar_range_info *range, bool to_pool)
{
    size_t frames_found = 0;
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_cursor_open(&cursor, NULL, range->first, range->pages, ASHLAR_INTENT_COLLECT, 1);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: range at %p: %s", (void *)ashlar_page_address(range->first),
                 ashlar_status_text(status));
    if (ashlar_range_guards_below(range->note) != 0) {
        ashlar_cursor_note(&cursor, 0);
    }
    for (size_t left = ashlar_range_pages(range); left != 0;) {
        ashlar_pfn frames[BATCH_FRAMES];
        struct collected found;
        left -= ashlar_cursor_collect_step(&cursor, frames, left < BATCH_FRAMES ? left : BATCH_FRAMES, &found);
        frames_found += found.frames;
        if (to_pool && found.frames != 0) {
            ashlar_frames_give_bulk(ashlar_half.pool, frames, found.frames);
        }
    }
    ashlar_cursor_note(&cursor, 0);
    ashlar_cursor_end(&cursor);
    return frames_found;
}
