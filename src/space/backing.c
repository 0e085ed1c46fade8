/* SPDX-License-Identifier: 0BSD */
/* backing.c - kernel ranges with something behind them: pages of the pool, stacks, device memory.
 *
 * Backing prepares everything (a promise of frames, a cursor that holds every
 * table) before the first entry is written; then nothing fails. Giving back
 * runs the other way: hide, flush, collect, and only then the addresses.
 *
 * A guard page is an absent entry that names its range's descriptor, so that a
 * fault finds the culprit without a search or a lock, and so that a stack is
 * found again by its top:
 *
 *     pages, device:          [ page ... page ][guard]
 *     stack:           [guard][ page ... page ][guard]
 *                                             ^ top
 */
#include "space/internal.h"

#define BATCH_FRAMES 32u

/* A range being built: its pages, and the guards around them. */
struct backing {
    struct arena *arena;
    struct ashlar_range_info range; /* guards included */
    size_t guards_below;
    ashlar_vpn first; /* the pages proper */
    size_t pages;
};

/* Map frames of the pool at the cursor's next pages. They are promised: nothing fails. */
static void map_promised(struct ashlar_cursor *cursor, size_t pages, unsigned flags)
{
    ashlar_pfn frames[BATCH_FRAMES];
    while (pages != 0) {
        size_t count = pages < BATCH_FRAMES ? pages : BATCH_FRAMES;
        ashlar_status status = ashlar_frames_take_bulk(ashlar_half.pool, frames, count, ASHLAR_FRAMES_FROM_RESERVATION);
        ASHLAR_CHECK(status == ASHLAR_OK, "space: promised frames were not there: %s", ashlar_status_text(status));
        ashlar_cursor_map(cursor, frames, count, flags);
        pages -= count;
    }
}

ashlar_status ashlar_space_commit(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_map_flags_status(flags);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_frames_reserve(ashlar_half.pool, pages);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_cursor_begin(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP);
    if (status != ASHLAR_OK) {
        ashlar_frames_unreserve(ashlar_half.pool, pages);
        return status;
    }
    map_promised(&cursor, pages, flags);
    ashlar_cursor_end(&cursor);
    return ASHLAR_OK;
}

void ashlar_space_decommit(ashlar_vpn first, size_t pages)
{
    ashlar_status status = ashlar_space_unmap(NULL, first, pages, NULL);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: decommit of %zu pages at %p: %s, by %p", pages,
                 (void *)ashlar_page_address(first), ashlar_status_text(status), ASHLAR_CALLER());
}

/* --- ranges with guards ---------------------------------------------------- */

static void clear_guards(const struct backing *backing)
{
    ashlar_guard_clear(backing->first + backing->pages);
    if (backing->guards_below != 0) {
        ashlar_guard_clear(backing->range.first);
    }
}

static ashlar_status set_guards(const struct backing *backing)
{
    ashlar_vpn above = backing->first + backing->pages;
    ashlar_status status = ashlar_guard_set(above, backing->arena, backing->range.index);
    if (status == ASHLAR_OK && backing->guards_below != 0) {
        status = ashlar_guard_set(backing->range.first, backing->arena, backing->range.index);
        if (status != ASHLAR_OK) {
            ashlar_guard_clear(above);
        }
    }
    return status;
}

/* Addresses and guards for so many pages of this kind, or nothing at all. */
static ashlar_status take_guarded(enum range_kind kind, size_t pages, const char *name, struct backing *backing)
{
    size_t below = ashlar_range_guards_below(kind);
    struct range_request request = {pages + below + ashlar_range_guards_above(kind), 1, kind, name};
    backing->arena = kind == RANGE_STACK ? &ashlar_half.stacks : &ashlar_half.general;
    if (pages == 0 || request.pages < pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    ashlar_status status = ashlar_arena_take(backing->arena, &request, &backing->range);
    if (status != ASHLAR_OK) {
        return status;
    }
    backing->guards_below = below;
    backing->first = backing->range.first + below;
    backing->pages = pages;
    status = set_guards(backing);
    if (status != ASHLAR_OK) {
        ashlar_arena_give(backing->arena, backing->range.first, ASHLAR_CALLER());
    }
    return status;
}

static void give_guarded(const struct backing *backing)
{
    clear_guards(backing);
    ashlar_arena_give(backing->arena, backing->range.first, ASHLAR_CALLER());
}

static struct backing held(ashlar_vpn range_first, enum range_kind kind, const void *caller)
{
    struct backing backing;
    backing.arena = ashlar_arena_of(range_first);
    backing.range = ashlar_arena_held(range_first, kind, caller);
    backing.guards_below = ashlar_range_guards_below(kind);
    backing.first = range_first + backing.guards_below;
    backing.pages = backing.range.pages - backing.guards_below - ashlar_range_guards_above(kind);
    return backing;
}

static ashlar_status take_pages(enum range_kind kind, size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    struct backing backing;
    ashlar_status status = take_guarded(kind, pages, name, &backing);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_space_commit(backing.first, pages, flags);
    if (status != ASHLAR_OK) {
        give_guarded(&backing);
        return status;
    }
    *first = backing.first;
    return ASHLAR_OK;
}

static void give_pages(const struct backing *backing)
{
    ashlar_space_decommit(backing->first, backing->pages);
    give_guarded(backing);
}

ashlar_status ashlar_space_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    return take_pages(RANGE_PAGES, pages, flags, name, first);
}

void ashlar_space_give(ashlar_vpn first)
{
    struct backing backing = held(first, RANGE_PAGES, ASHLAR_CALLER());
    give_pages(&backing);
}

ashlar_status ashlar_space_take_stack(size_t pages, const char *name, uintptr_t *top)
{
    ashlar_vpn first;
    ashlar_status status = take_pages(RANGE_STACK, pages, ASHLAR_MAP_WRITE, name, &first);
    if (status == ASHLAR_OK) {
        *top = ashlar_page_address(first + pages);
    }
    return status;
}

void ashlar_space_give_stack(uintptr_t top)
{
    struct ashlar_range_info range = {0};
    bool found = ashlar_guard_range(ashlar_address_page(top), &range);
    ASHLAR_CHECK(found && (range.first + range.pages - 1u) == ashlar_address_page(top) && top % ASHLAR_PAGE_BYTES == 0,
                 "space: %p is the top of no stack, given back by %p", (void *)top, ASHLAR_CALLER());
    struct backing backing = held(range.first, RANGE_STACK, ASHLAR_CALLER());
    give_pages(&backing);
}

/* --- device memory ---------------------------------------------------------- */

ashlar_status ashlar_space_map_mmio(ashlar_phys base, size_t bytes, unsigned flags, const char *name,
                                    uintptr_t *address)
{
    struct backing backing;
    size_t offset = (size_t)(base & (ASHLAR_PAGE_BYTES - 1u));
    size_t pages = (bytes >> ASHLAR_PAGE_SHIFT) +
                   (((bytes & (ASHLAR_PAGE_BYTES - 1u)) + offset + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT);
    if (bytes == 0 || base + bytes < base) {
        return ASHLAR_BAD_ARGUMENT;
    }
    ashlar_status status = take_guarded(RANGE_DEVICE, pages, name, &backing);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_space_map_linear(NULL, backing.first, pages, (ashlar_pfn)(base >> ASHLAR_PAGE_SHIFT), flags);
    if (status != ASHLAR_OK) {
        give_guarded(&backing);
        return status;
    }
    *address = ashlar_page_address(backing.first) + offset;
    return ASHLAR_OK;
}

void ashlar_space_unmap_mmio(uintptr_t address)
{
    struct backing backing = held(ashlar_address_page(address), RANGE_DEVICE, ASHLAR_CALLER());
    ashlar_space_drop_device(backing.first, backing.pages);
    give_guarded(&backing);
}
