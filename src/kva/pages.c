/* SPDX-License-Identifier: 0BSD */
/* backing.c - kernel ranges with something behind them: pages of the pool, stacks, device memory.
 *
 * Taking prepares everything (frames in hand or promised, addresses, a cursor
 * over the whole range that holds every table) before the first entry is
 * written; then nothing fails. A guard page is an absent entry that names its
 * range's descriptor, written by the same cursor:
 *
 *     pages, device:          [ page ... page ][guard]
 *     stack:           [guard][ page ... page ][guard]
 *                                             ^ top
 *
 * Giving back hides the pages and leaves the range to the next purge: one flush
 * serves many (purge.c). Device memory is flushed at once.
 */
#include "space/internal.h"

#define BATCH_FRAMES 32u

_Static_assert(KEPT_SIZES <= BATCH_FRAMES + 1u, "what a magazine has is mapped to frames in hand");

/* --- frames that cannot fail later --------------------------------------------- */

/* The first ones are in hand, the rest is promised. */
struct supply {
    size_t in_hand;
    size_t promised;
    ashlar_pfn frames[BATCH_FRAMES];
};

static ashlar_status try_supply(struct supply *supply)
{
    ashlar_status status = ASHLAR_OK;
    if (supply->promised != 0) {
        status = ashlar_frames_reserve(ashlar_half.pool, supply->promised);
    }
    if (status == ASHLAR_OK) {
        status = ashlar_frames_take_bulk(ashlar_half.pool, supply->frames, supply->in_hand, 0);
        if (status != ASHLAR_OK) {
            ashlar_frames_unreserve(ashlar_half.pool, supply->promised);
        }
    }
    return status;
}

/* What waits for a purge is asked for before saying no. */
static ashlar_status get_supply(struct supply *supply, size_t pages)
{
    supply->in_hand = pages < BATCH_FRAMES ? pages : BATCH_FRAMES;
    supply->promised = pages - supply->in_hand;
    for (bool again = true;; again = false) {
        ashlar_status status = try_supply(supply);
        if (status != ASHLAR_NO_FRAMES || !again || !ashlar_purge_helps()) {
            return status;
        }
    }
}

COLD static void return_supply(const struct supply *supply)
{
    ashlar_frames_give_bulk(ashlar_half.pool, supply->frames, supply->in_hand);
    ashlar_frames_unreserve(ashlar_half.pool, supply->promised);
}

/* Map all of it at the cursor's next pages: nothing fails. */
static void map_supply(struct ashlar_cursor *cursor, struct supply *supply, unsigned flags)
{
    for (;;) {
        ashlar_cursor_map(cursor, supply->frames, supply->in_hand, flags);
        if (supply->promised == 0) {
            return;
        }
        supply->in_hand = supply->promised < BATCH_FRAMES ? supply->promised : BATCH_FRAMES;
        supply->promised -= supply->in_hand;
        ashlar_status status =
            ashlar_frames_take_bulk(ashlar_half.pool, supply->frames, supply->in_hand, ASHLAR_FRAMES_FROM_RESERVATION);
        ASHLAR_CHECK(status == ASHLAR_OK, "space: promised frames were not there: %s", ashlar_status_text(status));
    }
}

ashlar_status ashlar_space_commit(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    struct supply supply;
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (status == ASHLAR_OK) {
        status = get_supply(&supply, pages);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_cursor_begin(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP);
    if (status != ASHLAR_OK) {
        return_supply(&supply);
        return status;
    }
    map_supply(&cursor, &supply, flags);
    ashlar_cursor_end(&cursor);
    return ASHLAR_OK;
}

COLD void ashlar_space_decommit(ashlar_vpn first, size_t pages)
{
    ashlar_status status = ashlar_pages_withdraw(NULL, first, pages);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: decommit of %zu pages at %p: %s, by %p", pages,
                 (void *)ashlar_page_address(first), ashlar_status_text(status), ASHLAR_CALLER());
    ashlar_pages_collect(NULL, first, pages);
}

/* --- ranges with guards ---------------------------------------------------------- */

static struct arena *arena_for(enum range_kind kind)
{
    return kind == RANGE_STACK ? &ashlar_half.stacks : &ashlar_half.general;
}

static struct range_request request_for(enum range_kind kind, size_t pages, const char *name)
{
    size_t guards = ashlar_range_guards_below((uint32_t)kind) + ashlar_range_guards_above((uint32_t)kind);
    return (struct range_request){pages + guards, 1, kind, name};
}

COLD static ashlar_status open_range(const struct range_request *request, struct ashlar_range_info *range,
                                     struct ashlar_cursor *cursor)
{
    struct arena *arena = arena_for(request->kind);
    ashlar_status status = ashlar_arena_take(arena, request, range);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_cursor_begin(cursor, NULL, range->first, range->pages, ASHLAR_INTENT_MAP);
    if (status != ASHLAR_OK) {
        ashlar_arena_give(arena, range->first, ASHLAR_CALLER());
        return status;
    }
    if (ashlar_range_first(range) != range->first) {
        ashlar_cursor_note(cursor, ashlar_guard_note(range));
    }
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_range_open(enum range_kind kind, size_t pages, const char *name,
                                     struct ashlar_range_info *range, struct ashlar_cursor *cursor)
{
    const struct range_request request = request_for(kind, pages, name);
    return open_range(&request, range, cursor);
}

/* What is left for the cursor is the guard above. */
COLD static void close_range(struct ashlar_cursor *cursor, const struct ashlar_range_info *range)
{
    ashlar_cursor_note(cursor, ashlar_guard_note(range));
    ashlar_cursor_end(cursor);
}

/* A range that nobody has kept ready. */
COLD static __attribute__((noinline)) ashlar_status fill_new(const struct range_request *request, struct supply *supply,
                                                             unsigned flags, ashlar_vpn *first)
{
    struct ashlar_cursor cursor;
    struct ashlar_range_info range;
    ashlar_status status = open_range(request, &range, &cursor);
    if (status == ASHLAR_OK) {
        map_supply(&cursor, supply, flags);
        close_range(&cursor, &range);
        *first = ashlar_range_first(&range);
    }
    return status;
}

/* One that was has its guards and tables. */
static ashlar_status fill_range(const struct range_request *request, struct supply *supply, unsigned flags,
                                ashlar_vpn *first)
{
    if (ashlar_magazine_take(arena_for(request->kind), request, supply->frames, flags, first)) {
        return ASHLAR_OK;
    }
    return fill_new(request, supply, flags, first);
}

/* Nothing can be wrong with pages that are written, or not. */
static inline ashlar_status pages_status(size_t pages, unsigned flags)
{
    if (pages - 1u >= ashlar_half.layout.kernel_pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    return (flags & ~ASHLAR_MAP_WRITE) == 0 ? ASHLAR_OK : ashlar_flags_status(NULL, flags);
}

static ashlar_status take_pages(enum range_kind kind, size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    const struct range_request request = request_for(kind, pages, name);
    struct supply supply;
    ashlar_status status = pages_status(pages, flags);
    if (status == ASHLAR_OK) {
        status = get_supply(&supply, pages);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = fill_range(&request, &supply, flags, first);
    if (status != ASHLAR_OK) {
        return_supply(&supply);
    }
    return status;
}

/* As single ones, if there cannot be any large page. */
COLD static __attribute__((noinline)) ashlar_status take_large(size_t pages, unsigned flags, const char *name,
                                                               ashlar_vpn *first)
{
    size_t whole = ashlar_large_pages();
    return whole != 0 && pages >= whole ? ashlar_large_take(pages, flags, name, first)
                                        : take_pages(RANGE_PAGES, pages, flags, name, first);
}

ashlar_status ashlar_space_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    if ((flags & ASHLAR_MAP_LARGE) != 0) {
        return take_large(pages, flags, name, first);
    }
    return take_pages(RANGE_PAGES, pages, flags, name, first);
}

COLD ashlar_status ashlar_space_take_stack(size_t pages, const char *name, uintptr_t *top)
{
    ashlar_vpn first;
    ashlar_status status = take_pages(RANGE_STACK, pages, ASHLAR_MAP_WRITE, name, &first);
    if (status == ASHLAR_OK) {
        *top = ashlar_page_address(first + pages);
    }
    return status;
}

COLD static void refuse_missing(const struct ashlar_range_info *range, size_t missing, const void *caller)
{
    ashlar_panic("space: %s %s at %p given back with %zu of its %zu pages missing, by %p",
                 ashlar_range_kind_text(range->note), (const char *)range->tag,
                 (void *)ashlar_page_address(ashlar_range_first(range)), missing, ashlar_range_pages(range), caller);
}

static inline void check_missing(const struct ashlar_range_info *range, size_t missing, const void *caller)
{
    if (missing != 0) {
        refuse_missing(range, missing, caller);
    }
}

/* Any but a few single pages. */
COLD static void give_other(ashlar_vpn first, const void *caller)
{
    const unsigned kinds = 1u << RANGE_PAGES | 1u << RANGE_DEMAND | 1u << RANGE_LARGE;
    struct ashlar_range_info range = ashlar_arena_claim(first, kinds, caller);
    uint32_t kind = range.note & RANGE_KIND_MASK;
    if (kind == (uint32_t)RANGE_DEMAND) {
        ashlar_demand_give(&range);
    } else {
        check_missing(&range, kind == (uint32_t)RANGE_PAGES ? ashlar_purge_give(&range) : ashlar_large_give(&range),
                      caller);
    }
}

void ashlar_space_give(ashlar_vpn first)
{
    struct ashlar_range_info range;
    size_t missing;
    if (ashlar_purge_give_few(first, &range, &missing)) {
        check_missing(&range, missing, ASHLAR_CALLER());
    } else {
        give_other(first, ASHLAR_CALLER());
    }
}

COLD void ashlar_space_give_stack(uintptr_t top)
{
    struct ashlar_range_info range = {0};
    ashlar_vpn page = ashlar_address_page(top);
    bool found = top % ASHLAR_PAGE_BYTES == 0 && ashlar_guard_range(page, &range);
    ASHLAR_CHECK(found && range.first + range.pages - 1u == page, "space: %p is the top of no stack, given back by %p",
                 (void *)top, ASHLAR_CALLER());
    range = ashlar_arena_claim(range.first, 1u << RANGE_STACK, ASHLAR_CALLER());
    check_missing(&range, ashlar_purge_give(&range), ASHLAR_CALLER());
}

/* --- device memory ---------------------------------------------------------------- */

COLD static size_t pages_spanned(ashlar_phys base, size_t bytes)
{
    size_t offset = (size_t)(base & (ASHLAR_PAGE_BYTES - 1u));
    return (bytes >> ASHLAR_PAGE_SHIFT) +
           (((bytes & (ASHLAR_PAGE_BYTES - 1u)) + offset + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT);
}

COLD ashlar_status ashlar_space_map_mmio(ashlar_phys base, size_t bytes, unsigned flags, const char *name,
                                         uintptr_t *address)
{
    struct ashlar_cursor cursor;
    struct ashlar_range_info range;
    size_t pages = pages_spanned(base, bytes);
    ashlar_pfn frame = (ashlar_pfn)(base >> ASHLAR_PAGE_SHIFT);
    if (bytes == 0 || base + bytes < base || frame != base >> ASHLAR_PAGE_SHIFT) {
        return ASHLAR_BAD_ARGUMENT;
    }
    ashlar_status status = ashlar_linear_status(NULL, pages, frame, flags);
    if (status == ASHLAR_OK) {
        status = ashlar_range_open(RANGE_DEVICE, pages, name, &range, &cursor);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    ashlar_cursor_map_linear(&cursor, frame, pages, flags & ~ASHLAR_MAP_LARGE);
    close_range(&cursor, &range);
    *address = ashlar_page_address(range.first) + (uintptr_t)(base & (ASHLAR_PAGE_BYTES - 1u));
    return ASHLAR_OK;
}

/* The frames are the device's: nobody collects them. */
COLD void ashlar_space_unmap_mmio(uintptr_t address)
{
    struct ashlar_range_info range =
        ashlar_arena_claim(ashlar_address_page(address), 1u << RANGE_DEVICE, ASHLAR_CALLER());
    struct ashlar_gather gather;
    ashlar_gather_init(&gather, NULL);
    ashlar_gather_add(&gather, ashlar_range_first(&range), ashlar_range_pages(&range));
    ashlar_port_pin();
    check_missing(&range, ashlar_range_hide(&range), ASHLAR_CALLER());
    ashlar_port_unpin();
    ashlar_gather_finish(&gather);
    ashlar_port_pin();
    ashlar_leaves_clear(range.first, range.pages);
    ashlar_port_unpin();
    ashlar_arena_give(&ashlar_half.general, range.first, ASHLAR_CALLER());
}
