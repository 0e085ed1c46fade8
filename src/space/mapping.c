/* SPDX-License-Identifier: 0BSD */
/* mapping.c - whole operations on mappings: map, unmap, protect, query.
 *
 * In the kernel half each is a cursor with what belongs around it. Unmapping takes
 * three steps (hide, flush, collect), and the frames are nobody's until the flush
 * is done; see cursor.c. In a user half the same goes in pieces: changes.c.
 */
#include "space/mapping.h"

#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "frames/obtain.h"
#include "space/changes.h"
#include "space/cursor.h"
#include "space/plan.h"
#include "tables/half.h"
#include "tables/reach.h"

#define COLLECT_BATCH 16u

ashlar_status ashlar_map_flags_status(unsigned flags)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    const unsigned known = ASHLAR_MAP_READ | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL |
                           ASHLAR_MAP_CACHE_MASK | ASHLAR_MAP_LARGE;
    if ((flags & ~known) != 0) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if ((flags & ASHLAR_MAP_WRITE) != 0 && (flags & ASHLAR_MAP_EXEC) != 0) {
        return ASHLAR_REFUSED; /* where the format has no NX as well: the same code runs on every machine */
    }
    if ((flags & ASHLAR_MAP_USER) != 0 && (flags & ASHLAR_MAP_GLOBAL) != 0) {
        return ASHLAR_REFUSED;
    }
    return ASHLAR_OK;
}

/* Whose page it is goes with the space: a user page in the kernel half, or the reverse, is refused. */
ashlar_status ashlar_flags_status(const struct ashlar_space *space, unsigned flags)
{
    if ((flags & (space == NULL ? ASHLAR_MAP_USER : ASHLAR_MAP_GLOBAL)) != 0) {
        return ASHLAR_REFUSED;
    }
    if (space != NULL && (space->flags & ASHLAR_SPACE_WRITE_EXEC) != 0) {
        flags &= ~ASHLAR_MAP_EXEC;
    }
    return ashlar_map_flags_status(flags);
}

static bool frame_is_addressable(ashlar_pfn frame)
{
    return frame < ashlar_half.frame_limit;
}

/* Read once the range is known to be sane: there are so many of them then. */
static inline ashlar_status frames_status(const ashlar_pfn *frames, size_t pages)
{
    ashlar_status status = ASHLAR_OK;
    for (size_t i = 0; i < pages && status == ASHLAR_OK; i++) {
        status = frame_is_addressable(frames[i]) ? ASHLAR_OK : ASHLAR_BAD_ARGUMENT;
    }
    return status;
}

static ashlar_status map_kernel(ashlar_vpn first, size_t pages, const ashlar_pfn *frames, unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_cursor_open(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1);
    if (status == ASHLAR_OK) {
        status = frames_status(frames, pages);
        if (status == ASHLAR_OK) {
            ashlar_cursor_map(&cursor, frames, pages, flags);
        }
        ashlar_cursor_end(&cursor);
    }
    return status;
}

ashlar_status ashlar_space_map(struct ashlar_space *space, ashlar_vpn first, size_t pages, const ashlar_pfn *frames,
                               unsigned flags)
{
    CONTEXTS(yes, yes, less, no, no);
    ashlar_status status = ashlar_flags_status(space, flags);
    if (status == ASHLAR_OK && space == NULL) {
        return map_kernel(first, pages, frames, flags);
    }
    status = status == ASHLAR_OK ? ashlar_range_status(space, first, pages) : status;
    status = status == ASHLAR_OK ? frames_status(frames, pages) : status;
    if (status == ASHLAR_OK) {
        FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_user_map(space, first, pages, frames, flags));
    }
    return status;
}

COLD ashlar_status ashlar_linear_status(const struct ashlar_space *space, size_t pages, ashlar_pfn frame,
                                        unsigned flags)
{
    ashlar_status status = ashlar_flags_status(space, flags);
    if (status == ASHLAR_OK &&
        (pages == 0 || frame + (pages - 1u) < frame || !frame_is_addressable(frame + (pages - 1u)))) {
        status = ASHLAR_BAD_ARGUMENT;
    }
    return status;
}

COLD static ashlar_status map_kernel_linear(ashlar_vpn first, size_t pages, ashlar_pfn frame, unsigned flags)
{
    struct ashlar_cursor cursor;
    ashlar_status status =
        ashlar_cursor_open(&cursor, NULL, first, pages, ASHLAR_INTENT_MAP, ashlar_large_level(first, frame, flags));
    if (status == ASHLAR_OK) {
        ashlar_cursor_map_linear(&cursor, frame, pages, flags);
        ashlar_cursor_end(&cursor);
    }
    return status;
}

COLD ashlar_status ashlar_space_map_linear(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_pfn frame,
                                           unsigned flags)
{
    CONTEXTS(yes, yes, less, no, no);
    ashlar_status status = ashlar_linear_status(space, pages, frame, flags);
    if (status != ASHLAR_OK) {
        return status;
    }
    if (space == NULL) {
        return map_kernel_linear(first, pages, frame, flags);
    }
    FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_user_map_linear(space, first, pages, frame, flags));
    return status;
}

/* --- unmap --------------------------------------------------------------------- */

static inline ashlar_status withdraw_pages(ashlar_vpn first, size_t pages)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    (void)ashlar_alone_enter();
    ashlar_status status = ashlar_cursor_open(&cursor, NULL, first, pages, ASHLAR_INTENT_CHANGE, 1);
    if (status == ASHLAR_OK) {
        ashlar_gather_init(&gather, NULL);
        (void)ashlar_cursor_hide(&cursor, pages, &gather);
        ashlar_cursor_end(&cursor);
        ashlar_gather_finish(&gather);
    }
    ashlar_alone_exit();
    return status;
}

ashlar_status ashlar_pages_withdraw(ashlar_vpn first, size_t pages)
{
    return withdraw_pages(first, pages);
}

COLD size_t ashlar_pages_collect(ashlar_vpn first, size_t pages)
{
    struct ashlar_cursor cursor;
    size_t given = 0;
    ashlar_cursor_enter(&cursor, NULL, first, pages);
    while (cursor.pages != 0) {
        ashlar_pfn frames[COLLECT_BATCH];
        struct collected found;
        (void)ashlar_cursor_collect_step(&cursor, frames, COLLECT_BATCH, cursor.pages, &found);
        if (found.frames != 0) {
            ashlar_frames_give_bulk(ashlar_half.pool, frames, found.frames);
        }
        if (found.large_pages != 0) {
            ashlar_frames_give(ashlar_half.pool, found.large_first, word_log2(found.large_pages));
        }
        given += found.frames + found.large_pages;
    }
    ashlar_cursor_end(&cursor);
    return given;
}

COLD static void collect_kernel(ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    struct ashlar_cursor cursor;
    ashlar_cursor_enter(&cursor, NULL, first, pages);
    (void)ashlar_cursor_collect(&cursor, frames, pages);
    ashlar_cursor_end(&cursor);
}

static ashlar_status unmap_kernel(ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    ashlar_status status = withdraw_pages(first, pages);
    if (status != ASHLAR_OK) {
        return status;
    }
    if (frames != NULL) {
        collect_kernel(first, pages, frames);
    } else {
        (void)ashlar_pages_collect(first, pages);
    }
    return ASHLAR_OK;
}

ashlar_status ashlar_space_unmap(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_pfn *frames)
{
    CONTEXTS(yes, yes, less, no, no);
    ashlar_status status;
    if (space == NULL) {
        return unmap_kernel(first, pages, frames);
    }
    FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_user_unmap(space, first, pages, frames));
    return status;
}

COLD ashlar_status ashlar_space_clear(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                      ashlar_frames_visitor visit, void *context)
{
    CONTEXTS(yes, yes, less, no, no);
    ashlar_status status;
    if (space == NULL) {
        return ASHLAR_REFUSED;
    }
    FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_user_clear(space, first, pages, visit, context));
    return status;
}

COLD ashlar_status ashlar_space_empty(struct ashlar_space *space, ashlar_frames_visitor visit, void *context)
{
    CONTEXTS(yes, yes, less, no, no);
    return ashlar_space_clear(space, ashlar_half.layout.user_first, ashlar_half.layout.user_pages, visit, context);
}

/* --- protect and query ------------------------------------------------------------ */

COLD static ashlar_status protect_kernel(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    (void)ashlar_alone_enter();
    ashlar_status status =
        ashlar_cursor_open(&cursor, NULL, first, pages, ASHLAR_INTENT_CHANGE, (flags & ASHLAR_MAP_EXEC) == 0);
    if (status == ASHLAR_OK) {
        ashlar_gather_init(&gather, NULL);
        ashlar_cursor_protect(&cursor, pages, flags, &gather);
        ashlar_cursor_end(&cursor);
        ashlar_gather_finish(&gather);
    }
    ashlar_alone_exit();
    return status;
}

COLD ashlar_status ashlar_space_protect(struct ashlar_space *space, ashlar_vpn first, size_t pages, unsigned flags)
{
    CONTEXTS(yes, yes, less, no, no);
    ashlar_status status = ashlar_flags_status(space, flags);
    if (status != ASHLAR_OK) {
        return status;
    }
    if (space == NULL) {
        return protect_kernel(first, pages, flags);
    }
    FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_user_protect(space, first, pages, flags));
    return status;
}

/* A user half's tables may be taken away by another CPU, under the lock. */
COLD ashlar_status ashlar_space_query(struct ashlar_space *space, ashlar_vpn page, struct ashlar_mapping *mapping)
{
    CONTEXTS(yes, yes, yes, yes, kernel(space));
    struct ashlar_spot spot;
    if (!ashlar_paging_range_is_valid(ashlar_half.paging, page, 1)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uintptr_t interrupts = ashlar_half_enter(space);
    ashlar_spot_find(space, page, 1, &spot);
    ashlar_spot_close(&spot);
    ashlar_half_leave(space, interrupts);
    if (!ashlar_entry_is_present(spot.entry)) {
        return ASHLAR_ABSENT;
    }
    ashlar_spot_describe(&spot, page, mapping);
    return ASHLAR_OK;
}
