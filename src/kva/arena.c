/* SPDX-License-Identifier: 0BSD */
/* arena.c - kernel addresses: who holds which range, and where the descriptors lie.
 *
 * Two arenas hand out page numbers (ranges.c): the general one, and one within
 * the fixed area for kernel stacks, whose tables exist from boot whatever the
 * sharing policy, since a stack may never be brought in by a fault.
 *
 * The hidden cycle, and how it is cut: a range needs a descriptor, which needs
 * memory, which would need a range. Descriptors therefore lie in a *strip* of
 * addresses that is nobody's range, with tables from boot, backed frame by
 * frame. Refilling looks under the lock, takes and maps a frame outside of it,
 * and looks again:
 *
 *     take range ── hungry? ──> take frame ──> map at the strip's end ──> feed
 *         ^───────────────────────────────────────────────────────────────┘
 *
 * Cost: O(1); a refill costs one frame for about a hundred ranges.
 */
#include "kva/arena.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "frames/obtain.h"
#include "kva/lookup.h"
#include "space/leaves.h"

struct ashlar_kva ashlar_kva;

/* The strip's first pages are backed. */
COLD void ashlar_arena_init(struct arena *arena, const char *name, ashlar_vpn first, size_t pages)
{
    ashlar_lock_init(&arena->lock, ASHLAR_RANK_RANGES, name);
    ashlar_ranges_init(&arena->ranges, first, pages, ashlar_port_pointer(ashlar_kva_address(arena->strip_first)),
                       arena->strip_pages, ASHLAR_RANGES_FIRST_PAGES);
}

/* --- the strip ----------------------------------------------------------- */

COLD ashlar_status ashlar_arena_feed(struct arena *arena)
{
    ashlar_pfn frame;
    ashlar_status status;
    FRAMES_OBTAIN(ashlar_kva.pool, status, ashlar_frames_take(ashlar_kva.pool, 0, &frame));
    if (status != ASHLAR_OK) {
        return status;
    }
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    bool wanted = ashlar_ranges_hungry(&arena->ranges);
    if (wanted) {
        ashlar_leaf_set(arena->strip_first + ashlar_ranges_backed_pages(&arena->ranges), frame);
        ashlar_ranges_feed_locked(&arena->ranges);
    }
    ashlar_lock_give(&arena->lock, interrupts);
    if (!wanted) {
        ashlar_frames_give(ashlar_kva.pool, frame, 0);
    }
    return ASHLAR_OK;
}

/* --- taking and giving addresses ------------------------------------------ */

COLD ashlar_status ashlar_arena_take(struct arena *arena, const struct range_request *request,
                                     struct ashlar_range_info *info)
{
    *info = (struct ashlar_range_info){0, request->pages, ashlar_range_tag(request->name), (uint32_t)request->kind, 0};
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    ashlar_status status = request->kind == RANGE_LARGE
                               ? ashlar_ranges_take_high_locked(&arena->ranges, request->align_pages, info)
                               : ashlar_ranges_take_info_locked(&arena->ranges, request->align_pages, info);
    ashlar_lock_give(&arena->lock, interrupts);
    return status;
}

COLD void ashlar_arena_give(struct arena *arena, ashlar_vpn first, const void *caller)
{
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    (void)ashlar_ranges_give_locked(&arena->ranges, first, caller);
    ashlar_lock_give(&arena->lock, interrupts);
}

/* Why this range, if it is one, cannot be given back so. */
COLD static void refuse_claim(const struct ashlar_range_info *range, bool found, unsigned kinds, ashlar_vpn first,
                              const void *caller)
{
    void *address = (void *)ashlar_kva_address(first);
    ASHLAR_CHECK(found, "kva: no range begins at %p, given back by %p", address, caller);
    ASHLAR_CHECK((range->note & (RANGE_GIVEN | RANGE_KEPT)) == 0,
                 "kva: the %s at %p was given back already, and now by %p", ashlar_range_kind_text(range->note),
                 address, caller);
    ashlar_panic("kva: range %s at %p is a %s, given back as a %s, by %p", ashlar_range_name(range), address,
                 ashlar_range_kind_text(range->note), ashlar_range_kind_text(u32_ctz(kinds)), caller);
}

struct ashlar_range_info ashlar_arena_claim(ashlar_vpn first, unsigned kinds, const void *caller)
{
    struct arena *arena = ashlar_arena_of(first);
    struct ashlar_range_info range = {0};
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    bool found = ashlar_ranges_find_locked(&arena->ranges, first, &range);
    bool wanted =
        found && (range.note & (RANGE_GIVEN | RANGE_KEPT)) == 0 && (kinds >> (range.note & RANGE_KIND_MASK) & 1u) != 0;
    if (wanted) {
        ashlar_ranges_set_at_locked(&arena->ranges, range.index, range.note | RANGE_GIVEN, range.tag);
    }
    ashlar_lock_give(&arena->lock, interrupts);
    if (!wanted) {
        refuse_claim(&range, found, kinds, first, caller);
    }
    return range;
}

COLD void ashlar_arena_set_flags(struct ashlar_range_info *range, uint32_t flags)
{
    struct arena *arena = ashlar_arena_of(range->first);
    uintptr_t interrupts = ashlar_lock_take(&arena->lock);
    range->note |= flags;
    ashlar_ranges_set_at_locked(&arena->ranges, range->index, range->note, range->tag);
    ashlar_lock_give(&arena->lock, interrupts);
}

COLD void ashlar_range_refuse_missing(const struct ashlar_range_info *range, size_t missing, const void *caller)
{
    ashlar_panic("kva: %s %s at %p given back with %zu of its %zu pages missing, by %p",
                 ashlar_range_kind_text(range->note), ashlar_range_name(range),
                 (void *)ashlar_kva_address(ashlar_range_first(range)), missing, ashlar_range_pages(range), caller);
}
