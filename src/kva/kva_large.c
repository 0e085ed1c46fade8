/* SPDX-License-Identifier: 0BSD */
/* kva_large.c - kernel ranges in large pages: one entry and one TLB slot for 512 pages.
 *
 *     take, commit:  [ large page     ][ large page     ][ small ... ]  guard
 *     frames:          block, order 9    block, order 9    single ones
 *     level 1:         none: deposited   none: deposited   table
 *
 * Wherever a whole large page fits, and a block of frames is free, the range
 * gets it; all else comes in single frames, so that nothing fails for want of
 * blocks. All frames are promised beforehand, and each 2 MiB has its table in
 * the cursor's hands, whether it will be linked or not. After that nothing fails:
 *
 *     block there?  yes: map it, and *deposit* the table
 *                   no:  link the table, map single frames
 *
 * The deposit is for the day a part of the page is taken away: then the table
 * is needed, and there is no failing any more (tables.c). Pages that are
 * unmapped whole give block and deposit back.
 *
 * Tables of the kernel half are never freed. So where one is linked, as after a
 * split, pages stay small. Ranges of large pages therefore come from the far end
 * of the addresses, where those of small pages have not been; and the guard
 * behind has no note, which would need a table: its range is found by a search.
 *
 * Only level 2 is used, and not if that is the root: an entry there would have
 * to come into every root, and to leave it.
 *
 * Cost: a large page costs about as much as its table; O(pages) elsewhere.
 */
#include "kva/kva_large.h"

#include "arch/formats.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "kva/addresses.h"
#include "kva/backing.h"
#include "kva/purge.h"
#include "space/cursor.h"
#include "space/leaves.h"
#include "space/mapping.h"
#include "space/plan.h"

COLD size_t ashlar_large_pages(void)
{
    const struct ashlar_paging *paging = ashlar_kva.paging;
    return ashlar_paging_levels(paging) > 2u && ashlar_large_is_allowed(0) ? (size_t)1 << ashlar_entry_shift(paging, 2)
                                                                           : 0;
}

COLD static bool take_large_block(size_t whole, ashlar_pfn *first)
{
    const struct ashlar_frames_request request = {word_log2(whole), 0, ASHLAR_FRAMES_ANY_NODE,
                                                  ASHLAR_FRAMES_FROM_RESERVATION};
    if (ashlar_frames_take_request(ashlar_kva.pool, &request, first) != ASHLAR_OK) {
        return false;
    }
    ashlar_frames_note_range(ashlar_kva.pool, *first, whole);
    return true;
}

/* All that is left for the cursor: nothing fails. Where one block could not be had, no other is looked for. */
COLD static void map_mixed(struct ashlar_cursor *cursor, unsigned flags)
{
    const size_t whole = ashlar_large_pages();
    bool blocks = true;
    while (cursor->pages != 0) {
        ashlar_pfn first;
        size_t ahead = blocks ? whole - (cursor->next & (whole - 1u)) : cursor->pages;
        ahead = ahead < cursor->pages ? ahead : cursor->pages;
        if (blocks && ahead == whole && ashlar_leaf_has_room_above(cursor->next)) {
            blocks = take_large_block(whole, &first);
            if (blocks) {
                ashlar_cursor_map_deposited(cursor, first, flags);
                continue;
            }
        }
        ashlar_promise_map(cursor, ahead, flags);
    }
}

/* Does a whole one fit, wherever it begins? */
COLD static bool can_be_large(ashlar_vpn first, size_t pages)
{
    const size_t whole = ashlar_large_pages();
    size_t skip = (0 - first) & (whole - 1u);
    return whole != 0 && pages >= whole && pages - whole >= skip;
}

/* Out of line: its stack is not there when small pages are committed. */
COLD static __attribute__((noinline)) ashlar_status commit_mixed(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_frames_reserve(ashlar_kva.pool, pages);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_cursor_try(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1);
    if (status != ASHLAR_OK) {
        ashlar_frames_unreserve(ashlar_kva.pool, pages);
        return status;
    }
    map_mixed(&cursor, flags);
    ashlar_cursor_end(&cursor);
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_kva_commit_large(ashlar_vpn first, size_t pages, unsigned flags)
{
    CONTEXTS(yes, yes, no, no, no);
    bool relief = (flags & ASHLAR_KVA_NO_RELIEF) == 0;
    if ((flags & ASHLAR_MAP_EXEC) != 0 || !can_be_large(first, pages)) {
        return ashlar_kva_commit(first, pages, flags);
    }
    flags &= ~ASHLAR_KVA_NO_RELIEF;
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (status == ASHLAR_OK) {
        FRAMES_OBTAIN_IF(relief, ashlar_kva.pool, status, commit_mixed(first, pages, flags));
    }
    return status;
}

/* Aligned addresses; where there are none, any. */
COLD static ashlar_status take_large_addresses(size_t pages, const char *name, struct ashlar_range_info *range)
{
    struct range_request request = {pages + 1u, ashlar_large_pages(), RANGE_LARGE, name};
    ashlar_status status = ashlar_addresses_take(&ashlar_kva.general, &request, range);
    if (status == ASHLAR_NO_ADDRESSES) {
        request.align_pages = 1;
        status = ashlar_addresses_take(&ashlar_kva.general, &request, range);
    }
    return status;
}

COLD ashlar_status ashlar_large_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first)
{
    struct ashlar_range_info range;
    ashlar_status status = ashlar_flags_status(NULL, flags);
    if (pages - 1u >= ashlar_kva.layout.kernel_pages) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (status == ASHLAR_OK) {
        status = take_large_addresses(pages, name, &range);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_kva_commit_large(range.first, pages, flags);
    if (status != ASHLAR_OK) {
        ashlar_arena_give(&ashlar_kva.general, range.first, ASHLAR_CALLER());
        return status;
    }
    *first = range.first;
    return ASHLAR_OK;
}

/* Who purges gathers the range anew. */
COLD size_t ashlar_large_give(const struct ashlar_range_info *range)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    size_t pages = ashlar_range_pages(range);
    ashlar_cursor_enter(&cursor, NULL, range->first, pages);
    ashlar_gather_init(&gather, NULL);
    size_t missing = pages - ashlar_cursor_hide(&cursor, pages, &gather);
    ashlar_cursor_end(&cursor);
    ashlar_purge_add(range);
    return missing;
}
