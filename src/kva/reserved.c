/* SPDX-License-Identifier: 0BSD */
/* reserved.c - addresses that are reserved and given back as such, and pages within them.
 *
 * Whoever commits, moves or decommits names pages, and nothing in their entries
 * says whose they are. A wrong number would take pages out of a stack, or map
 * some where the next take finds addresses. So the range is looked up: where a page
 * was found last, this one's neighbours among them, by its first page, or among
 * all. No lock is needed to say yes: the range is the caller's. What says no, in
 * words of a moment in which descriptors change hands, is not believed without it.
 *
 * Cost: O(1); O(ranges) for pages in the middle of a range, where others were asked for meanwhile.
 */
#include "kva/reserved.h"

#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "kva/addresses.h"
#include "kva/descriptor.h"
#include "kva/lookup.h"
#include "space/leaves.h"
#include "space/plan.h"

#define HINT_SHIFT 9u /* pages that share a hint: 2 MiB */
#define LOOKS 64u     /* at tables, for which the caller keeps its CPU */

static inline bool lies_in(const struct ashlar_range_info *range, ashlar_vpn page)
{
    return page - range->first < range->pages;
}

static inline bool is_reserved_for(const struct ashlar_range_info *range, ashlar_vpn first, size_t pages)
{
    return range->note == (uint32_t)RANGE_RESERVED && lies_in(range, first) &&
           pages <= range->pages - (first - range->first);
}

/* The search without a lock may see words of two ranges that had one descriptor, one after the other: so what it finds is
 * asked for again, by its first page. */
COLD static bool find_anew(struct arena *arena, ashlar_vpn page, struct ashlar_range_info *range)
{
    struct ashlar_range_info seen = {.first = page};
    do {
        uintptr_t interrupts = ashlar_lock_take(&arena->lock);
        bool found = ashlar_ranges_find_locked(&arena->ranges, seen.first, range);
        ashlar_lock_give(&arena->lock, interrupts);
        if (found && lies_in(range, page)) {
            return true;
        }
    } while (ashlar_ranges_containing(&arena->ranges, page, &seen));
    return false;
}

/* A hint is enough to say yes. */
COLD static bool find_range(ashlar_vpn first, size_t pages, struct ashlar_range_info *range)
{
    struct arena *arena = ashlar_arena_of(first);
    volatile uint32_t *hint = &arena->hints[1u + (first >> HINT_SHIFT) % (RANGE_HINTS - 1u)];
    bool found =
        ashlar_ranges_by_index(&arena->ranges, atomic_load_u32(hint), range) && is_reserved_for(range, first, pages);
    found = found || find_anew(arena, first, range);
    if (found) {
        atomic_store_u32(&arena->hints[0], range->index);
        atomic_store_u32(hint, range->index);
    }
    return found;
}

ASHLAR_NORETURN COLD static void refuse_pages_of(const struct ashlar_range_info *range, ashlar_vpn first, size_t pages,
                                                 const char *done, const void *caller)
{
    void *address = (void *)ashlar_kva_address(first);
    ASHLAR_CHECK(range != NULL, "kva: %s of %zu pages at %p, in no range, by %p", done, pages, address, caller);
    ashlar_panic(
        "kva: %s of %zu pages at %p, not all within one reserved range: there is the %s %s of %zu pages at %p, by %p",
        done, pages, address, ashlar_range_kind_text(range->note), ashlar_range_name(range), ashlar_range_pages(range),
        (void *)ashlar_kva_address(ashlar_range_first(range)), caller);
}

/* Whoever grows a range by and by names the one that was found last: its descriptor is where it was, whatever it is now. */
static inline bool is_in_last(const struct arena *arena, ashlar_vpn first, size_t pages)
{
    uint32_t index = atomic_load_u32(&arena->hints[0]);
    const struct range_descriptor *last = descriptor_at(&arena->ranges, index);
    return index != 0 && load_acquire(&last->state) == (uint32_t)RANGE_TAKEN &&
           load_acquire(&last->note) == (uint32_t)RANGE_RESERVED && first - last->first < last->pages &&
           pages - 1u < last->pages - (first - last->first);
}

COLD ashlar_status ashlar_reserved_status(ashlar_vpn first, size_t pages, const char *done, const void *caller)
{
    struct ashlar_range_info range;
    if (is_in_last(&ashlar_kva.general, first, pages)) {
        return ASHLAR_OK;
    }
    ashlar_status status = ashlar_range_status(NULL, first, pages);
    bool found = status == ASHLAR_OK && find_range(first, pages, &range);
    if (status == ASHLAR_OK && !(found && is_reserved_for(&range, first, pages))) {
        refuse_pages_of(found ? &range : NULL, first, pages, done, caller);
    }
    return status;
}

/* --- reserve and unreserve ------------------------------------------------------ */

COLD ashlar_status ashlar_kva_reserve(size_t pages, size_t align_pages, const char *name, ashlar_vpn *first)
{
    CONTEXTS(yes, yes, no, no, no);
    struct range_request request = {pages, align_pages, RANGE_RESERVED, name};
    struct ashlar_range_info info;
    ashlar_status status = ashlar_addresses_take(&ashlar_kva.general, &request, &info);
    if (status == ASHLAR_OK) {
        *first = info.first;
    }
    return status;
}

COLD static bool is_empty(ashlar_vpn first, size_t pages)
{
    for (size_t step = 1; pages != 0 && step != 0; first += step, pages -= step) {
        ashlar_port_pin();
        step = ashlar_leaves_empty_from(first, pages, LOOKS);
        ashlar_port_unpin();
    }
    return pages == 0;
}

COLD void ashlar_kva_unreserve(ashlar_vpn first)
{
    CONTEXTS(yes, yes, no, no, no);
    struct ashlar_range_info range = ashlar_arena_claim(first, 1u << RANGE_RESERVED, ASHLAR_CALLER());
    ASHLAR_CHECK(is_empty(first, range.pages),
                 "kva: range %s of %zu pages at %p unreserved, with something mapped in it, by %p",
                 ashlar_range_name(&range), range.pages, (void *)ashlar_kva_address(first), ASHLAR_CALLER());
    ashlar_arena_give(ashlar_arena_of(first), first, ASHLAR_CALLER());
}
