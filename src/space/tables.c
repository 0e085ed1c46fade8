/* SPDX-License-Identifier: 0BSD */
/* tables.c - page tables: reserved, linked, split, pruned.
 *
 * A cursor reserves tables before it changes anything: zeroed frames, chained
 * through their first word. None of them is known to an MMU until it is linked,
 * and then the chain's word is zero again; so one that is left over goes back
 * to the pool at once.
 *
 * Tables of the kernel half are never freed: every root may share them, and
 * other CPUs' paging-structure caches may hold them. One that is empty stays
 * as a reserve. Two cursors may both bring a table for one place; the second
 * finds it there and keeps its own as a spare.
 *
 * A large page of the kernel that the pool backs has a *deposit*: the table that
 * its pages would have needed, kept in a chain of the kernel half for the day
 * it is split. So taking a part of it away never fails. Deposits are alike and
 * nobody's in particular; there are as many as large pages with the mark.
 *
 * Tables of a user half go when they are empty: unlinked under the lock, a
 * batch at a time, flushed without it, and only then given back. An entry that
 * names a table is flushed even if the table is empty, since the CPU may cache
 * the path to it (Intel SDM vol. 3, 4.10.4.1).
 */
#include "space/tables.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/mem.h"
#include "space/gather.h"
#include "space/reach.h"

/* --- spares ------------------------------------------------------------------ */

COLD static ashlar_status add_spare_table(struct ashlar_cursor *cursor)
{
    ashlar_pfn frame;
    struct ashlar_frames_request request = {0, ashlar_paging_table_limit(ashlar_half.paging), ASHLAR_FRAMES_ANY_NODE,
                                            ASHLAR_FRAMES_MAY_USE_RESERVE};
    ashlar_status status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    if (status != ASHLAR_OK) {
        return status;
    }
    uintptr_t *words = ashlar_port_open_frame(frame);
    memset(words, 0, ASHLAR_PAGE_BYTES);
    words[0] = cursor->spares;
    ashlar_port_close_frame(words);
    cursor->spares = frame;
    cursor->spare_count++;
    return ASHLAR_OK;
}

COLD static ashlar_pfn pop_table(ashlar_pfn *chain, size_t *count)
{
    ASHLAR_ASSERT(*count != 0);
    ashlar_pfn frame = *chain;
    uintptr_t *words = ashlar_port_open_frame(frame);
    *chain = words[0];
    words[0] = 0;
    ashlar_port_close_frame(words);
    --*count;
    return frame;
}

COLD static ashlar_pfn pop_spare_table(struct ashlar_cursor *cursor)
{
    return pop_table(&cursor->spares, &cursor->spare_count);
}

COLD void ashlar_tables_give_spares(struct ashlar_cursor *cursor)
{
    while (cursor->spare_count != 0) {
        ashlar_frames_give(ashlar_half.pool, pop_spare_table(cursor), 0);
    }
}

COLD ashlar_status ashlar_tables_reserve(struct ashlar_cursor *cursor, size_t tables)
{
    while (cursor->spare_count < tables) {
        ashlar_status status = add_spare_table(cursor);
        if (status != ASHLAR_OK) {
            ashlar_tables_release(cursor);
            return status;
        }
    }
    return ASHLAR_OK;
}

/* --- deposits ---------------------------------------------------------------- */

/* One of the cursor's spares. */
COLD void ashlar_tables_deposit(struct ashlar_cursor *cursor)
{
    ashlar_pfn frame = pop_spare_table(cursor);
    uintptr_t *words = ashlar_port_open_frame(frame);
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    words[0] = ashlar_half.deposits;
    ashlar_half.deposits = frame;
    ashlar_half.deposit_count++;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    ashlar_port_close_frame(words);
}

/* There is one for each large page that is marked. */
COLD static ashlar_pfn draw_deposit(void)
{
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    ashlar_pfn frame = pop_table(&ashlar_half.deposits, &ashlar_half.deposit_count);
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    return frame;
}

COLD void ashlar_tables_give_deposit(void)
{
    ashlar_frames_give(ashlar_half.pool, draw_deposit(), 0);
}

/* --- linking ----------------------------------------------------------------- */

/* Show the kernel's new table of level 1 in the linear array, then link it: whoever sees the link can use the array. */
COLD static void link_kernel(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    if (ashlar_entry_load(paging, spot->table, spot->index) == 0) {
        ashlar_pfn frame = pop_spare_table(cursor);
        ASHLAR_ASSERT(spot->level != ashlar_paging_levels(paging));
        ashlar_array_show(spot->level - 1u, page, frame);
        ashlar_entry_set_link(paging, spot->table, spot->index, spot->level, frame, 0);
        ashlar_half.table_frames++;
    }
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

COLD void ashlar_tables_link(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot)
{
    if (cursor->space == NULL) {
        link_kernel(cursor, page, spot);
        return;
    }
    ashlar_entry_set_link(ashlar_half.paging, spot->table, spot->index, spot->level, pop_spare_table(cursor),
                          ASHLAR_MAP_USER);
    cursor->space->table_frames++;
}

/* --- splitting ---------------------------------------------------------------- */

COLD static void count_kernel_table(void)
{
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    ashlar_half.table_frames++;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

/* Exchange a large page for a table of identical translations, accessed and dirty set in each: no other CPU can tell,
 * and no bit is lost, whenever its TLB forgets the large one. It must be flushed before a part of it is changed. */
COLD void ashlar_tables_split(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot,
                              struct ashlar_gather *gather)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned shift = ashlar_entry_shift(paging, spot->level);
    ashlar_pfn frame = ashlar_spot_is_deposited(spot) ? draw_deposit() : pop_spare_table(cursor);
    void *table = ashlar_port_open_frame(frame);
    ashlar_split_fill(paging, spot->level, spot->entry & ~(uint64_t)ashlar_entry_deposit_bit(paging), table);
    ashlar_port_close_frame(table);
    if (cursor->space == NULL) {
        ashlar_array_show(spot->level - 1u, page, frame);
    }
    ashlar_entry_exchange_link(paging, spot->table, spot->index, spot->level, frame,
                               cursor->space != NULL ? ASHLAR_MAP_USER : 0);
    if (cursor->space != NULL) {
        cursor->space->table_frames++;
    } else {
        count_kernel_table();
    }
    ashlar_gather_add(gather, round_down(page, (size_t)1 << shift), 1);
}

/* --- pruning ------------------------------------------------------------------- */

#define PRUNE_BATCH 16u

struct prune {
    struct ashlar_space *space;
    unsigned level;  /* of the tables looked for */
    ashlar_vpn next; /* first page not yet looked at */
    size_t pages;    /* left */
    unsigned count;  /* unlinked, not yet flushed */
    ashlar_pfn frames[PRUNE_BATCH];
};

COLD static bool table_is_empty(const struct ashlar_paging *paging, unsigned level, ashlar_pfn frame)
{
    unsigned entries = ashlar_table_entries(paging, level);
    void *table = ashlar_port_open_frame(frame);
    bool empty = ashlar_run_first_nonempty(paging, table, 0, entries) == entries;
    ashlar_port_close_frame(table);
    return empty;
}

COLD static void unlink_if_empty(struct prune *prune, struct ashlar_spot *spot, struct ashlar_gather *gather)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    if (spot->level == prune->level + 1u && ashlar_entry_is_link(paging, spot->level, spot->entry) &&
        table_is_empty(paging, prune->level, ashlar_entry_frame(paging, spot->entry))) {
        ashlar_entry_clear(paging, spot->table, spot->index);
        prune->frames[prune->count++] = ashlar_entry_frame(paging, spot->entry);
        ashlar_gather_add(gather, prune->next, 1);
        if (ashlar_paging_root_needs_reload(paging) && spot->level == ashlar_paging_levels(paging)) {
            ashlar_gather_add_all(gather); /* a flush of a page leaves what the CPU keeps of the root */
        }
        prune->space->table_frames--;
    }
}

/* Unlink up to a batch of empty tables; the lock is not held while they are flushed. */
COLD static void prune_batch(struct prune *prune)
{
    struct ashlar_gather gather;
    ashlar_gather_init(&gather, prune->space);
    prune->count = 0;
    uintptr_t interrupts = ashlar_lock_take(&prune->space->lock);
    while (prune->pages != 0 && prune->count < PRUNE_BATCH) {
        struct ashlar_spot spot;
        ashlar_spot_find(prune->space, prune->next, prune->level + 1u, &spot);
        size_t step = ashlar_spot_pages(&spot, prune->next, prune->pages);
        unlink_if_empty(prune, &spot, &gather);
        ashlar_spot_close(&spot);
        prune->next += step;
        prune->pages -= step;
    }
    ashlar_lock_give(&prune->space->lock, interrupts);
    ashlar_gather_finish(&gather);
    ashlar_frames_give_bulk(ashlar_half.pool, prune->frames, prune->count);
}

COLD void ashlar_tables_prune(struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    unsigned levels = ashlar_paging_levels(ashlar_half.paging);
    for (unsigned level = 1; level < levels; level++) {
        struct prune prune = {.space = space, .level = level, .next = first, .pages = pages};
        while (prune.pages != 0) {
            prune_batch(&prune);
        }
    }
}
