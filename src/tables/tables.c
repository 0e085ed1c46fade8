/* SPDX-License-Identifier: 0BSD */
/* tables.c - page tables: reserved, linked, split, pruned.
 *
 * A cursor reserves tables before it changes anything: zeroed frames, chained
 * through their first word. Those of a user half leave the pool's reserve alone,
 * which is kept for the way out of a shortage. None of them is known to an MMU until it is linked,
 * and then the chain's word is zero again; so one that is left over goes back
 * to the pool at once.
 *
 * Tables of the kernel half are never freed: every root may share them, and
 * other CPUs' paging-structure caches may hold them. One that is empty stays
 * as a reserve. As they stay, they lie together: each that lay alone would break
 * a block of 2 MiB for ever. So their frames come in blocks, larger as there are
 * more of them, and wait in a chain of the half. Two cursors may both bring a table for one place; the second
 * finds it there and keeps its own as a spare.
 *
 * A large page of the kernel that the pool backs has a *deposit*: the table that
 * its pages would have needed, kept in a chain of the kernel half for the day
 * it is split. So taking a part of it away never fails. Deposits are alike and
 * nobody's in particular; there are as many as large pages with the mark.
 *
 * A split exchanges the large leaf for the table in one store, and flushes after
 * it: no CPU ever finds the page absent, so none faults in the middle. Meanwhile
 * one CPU may hold translations of both sizes. That is right where they agree
 * (they do, accessed and dirty set in both) on all CPUs but these:
 *
 *     AMD family 10h and 12h, erratum 383: two sizes in one TLB may end in a
 *         machine check. The kernel sets ASHLAR_FEATURE_ONE_PAGE_SIZE: there is
 *         no large page that could be split (the direct map is never split).
 *     Intel, Nehalem to Comet Lake (CVE-2018-12207): an instruction fetch that
 *         finds its page in two sizes may be a machine check. So no executable
 *         page is large, anywhere: EXEC is mapped small, and a large page is not
 *         made executable (REFUSED). Where there is no NX, nothing is fetched
 *         from a page that was not meant to be executed.
 *
 * Nothing is left that would have to be cleared, flushed and set, with faults in
 * between. Sources: AMD revision guide 41322; Intel SDM vol. 3, 4.10.2.3 (a
 * translation of either size may be used) and the guidance on machine check
 * errors on page size change, 2019.
 *
 * Tables of a user half go when they are empty, by whoever has the changer's
 * token: unlinked under the lock, a few at a time, flushed without it, a batch at
 * a time, and only then given back. An entry that
 * names a table is flushed even if the table is empty, since the CPU may cache
 * the path to it (Intel SDM vol. 3, 4.10.4.1).
 */
#include "tables/tables.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"
#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/mem.h"
#include "tables/gather.h"
#include "tables/reach.h"

#define BATCH_MOST 64u
#define BATCH_SHARE 512u /* of what is free, a batch is no more than this part */

/* --- chains of frames ---------------------------------------------------------- */

COLD static ashlar_pfn pop_table(ashlar_pfn *chain, size_t *count)
{
    ASHLAR_ASSERT(*count != 0);
    ashlar_pfn frame = *chain;
    uintptr_t *words = ashlar_port_open_frame(frame);
    *chain = words[0];
    words[0] = 0;
    ashlar_port_close_frame(words);
    store_relaxed(count, *count - 1u);
    return frame;
}

COLD static void push_table(ashlar_pfn *chain, size_t *count, ashlar_pfn frame, bool clear)
{
    uintptr_t *words = ashlar_port_open_frame(frame);
    if (clear) {
        memset(words, 0, ASHLAR_PAGE_BYTES);
    }
    words[0] = *chain;
    ashlar_port_close_frame(words);
    *chain = frame;
    store_relaxed(count, *count + 1u);
}

/* The first of one chain becomes the first of another. */
COLD static void move_table(ashlar_pfn *from, size_t *from_count, ashlar_pfn *to, size_t *to_count)
{
    ASHLAR_ASSERT(*from_count != 0);
    ashlar_pfn frame = *from;
    uintptr_t *words = ashlar_port_open_frame(frame);
    *from = words[0];
    words[0] = *to;
    ashlar_port_close_frame(words);
    *to = frame;
    --*from_count;
    ++*to_count;
}

/* --- the kernel half's reserve --------------------------------------------------- */

/* What is taken at once: about three for each that there is, as many as do not matter to the pool. */
COLD static unsigned batch_order(void)
{
    struct ashlar_frames_stats stats;
    size_t batch = 3u * ashlar_half.table_frames;
    if (batch == 0) {
        return 0;
    }
    ashlar_frames_stats(ashlar_half.pool, &stats);
    batch = batch < stats.free_frames / BATCH_SHARE ? batch : stats.free_frames / BATCH_SHARE;
    batch = batch < BATCH_MOST ? batch : BATCH_MOST;
    return batch != 0 ? word_log2(batch) : 0;
}

COLD static bool draw_from_reserve(ashlar_pfn *frame)
{
    if (load_relaxed(&ashlar_half.table_reserve_count) == 0) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    bool found = ashlar_half.table_reserve_count != 0;
    if (found) {
        *frame = pop_table(&ashlar_half.table_reserve, &ashlar_half.table_reserve_count);
    }
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    return found;
}

/* A block: one for the caller, the others for the reserve. */
COLD static bool take_batch(ashlar_pfn *frame)
{
    struct ashlar_frames_request request = {batch_order(), ashlar_paging_table_limit(ashlar_half.paging),
                                            ASHLAR_FRAMES_ANY_NODE, 0};
    if (request.order == 0 || ashlar_frames_take_request(ashlar_half.pool, &request, frame) != ASHLAR_OK) {
        return false;
    }
    ashlar_frames_note_range(ashlar_half.pool, *frame, (size_t)1 << request.order);
    for (size_t i = ((size_t)1 << request.order) - 1u; i != 0; i--) {
        uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
        push_table(&ashlar_half.table_reserve, &ashlar_half.table_reserve_count, *frame + i, false);
        ashlar_lock_give(&ashlar_half.lock, interrupts);
    }
    return true;
}

COLD static ashlar_status take_table(const struct ashlar_cursor *cursor, ashlar_pfn *frame)
{
    const struct ashlar_frames_request request = {0, ashlar_paging_table_limit(ashlar_half.paging),
                                                  ASHLAR_FRAMES_ANY_NODE,
                                                  cursor->space == NULL ? ASHLAR_FRAMES_MAY_USE_RESERVE : 0u};
    if (cursor->space == NULL && (draw_from_reserve(frame) || take_batch(frame))) {
        return ASHLAR_OK;
    }
    return ashlar_frames_take_request(ashlar_half.pool, &request, frame);
}

/* --- spares ------------------------------------------------------------------ */

COLD static ashlar_status add_spare_table(struct ashlar_cursor *cursor)
{
    ashlar_pfn frame;
    ashlar_status status = take_table(cursor, &frame);
    if (status == ASHLAR_OK) {
        push_table(&cursor->spares, &cursor->spare_count, frame, true);
    }
    return status;
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
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    move_table(&cursor->spares, &cursor->spare_count, &ashlar_half.deposits, &ashlar_half.deposit_count);
    ashlar_lock_give(&ashlar_half.lock, interrupts);
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
    bool is_deposited = ashlar_spot_is_deposited(spot);
    ashlar_pfn frame = is_deposited ? draw_deposit() : pop_spare_table(cursor);
    void *table = ashlar_port_open_frame(frame);
    uint64_t mark = is_deposited ? ashlar_entry_deposit_bit(paging) : 0;
    ashlar_split_fill(paging, spot->level, spot->entry & ~mark, table);
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
/* With the lock held: so many entries are looked at, and for a table that is looked through as many as it counts for. */
#define PRUNE_LOOKS 32u
#define TABLE_LOOKS 16u

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

/* Returns what it counts for. */
COLD static unsigned unlink_if_empty(struct prune *prune, struct ashlar_spot *spot, struct ashlar_gather *gather)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    if (spot->level != prune->level + 1u || !ashlar_entry_is_link(paging, spot->level, spot->entry)) {
        return 1;
    }
    if (table_is_empty(paging, prune->level, ashlar_entry_frame(paging, spot->entry))) {
        ashlar_entry_clear(paging, spot->table, spot->index);
        prune->frames[prune->count++] = ashlar_entry_frame(paging, spot->entry);
        ashlar_gather_add(gather, prune->next, 1);
        if (ashlar_paging_root_needs_reload(paging) && spot->level == ashlar_paging_levels(paging)) {
            ashlar_gather_add_all(gather); /* a flush of a page leaves what the CPU keeps of the root */
        }
        prune->space->table_frames--;
    }
    return TABLE_LOOKS;
}

COLD static void prune_piece(struct prune *prune, struct ashlar_gather *gather)
{
    unsigned looks = 0;
    uintptr_t interrupts = ashlar_lock_take(&prune->space->lock);
    while (prune->pages != 0 && prune->count < PRUNE_BATCH && looks < PRUNE_LOOKS) {
        struct ashlar_spot spot;
        ashlar_spot_find(prune->space, prune->next, prune->level + 1u, &spot);
        size_t step = ashlar_spot_pages(&spot, prune->next, prune->pages);
        looks += unlink_if_empty(prune, &spot, gather);
        ashlar_spot_close(&spot);
        prune->next += step;
        prune->pages -= step;
    }
    ashlar_lock_give(&prune->space->lock, interrupts);
}

/* Unlink up to a batch of empty tables; the lock is not held while they are flushed. */
COLD static void prune_batch(struct prune *prune)
{
    struct ashlar_gather gather;
    ashlar_gather_init(&gather, prune->space);
    prune->count = 0;
    while (prune->pages != 0 && prune->count < PRUNE_BATCH) {
        prune_piece(prune, &gather);
    }
    ashlar_gather_finish(&gather);
    ashlar_frames_give_bulk(ashlar_half.pool, prune->frames, prune->count);
}

COLD void ashlar_tables_prune(struct ashlar_space *space, ashlar_vpn first, size_t pages)
{
    unsigned levels = ashlar_paging_levels(ashlar_half.paging);
    (void)ashlar_alone_enter();
    for (unsigned level = 1; level < levels; level++) {
        struct prune prune = {.space = space, .level = level, .next = first, .pages = pages};
        while (prune.pages != 0) {
            prune_batch(&prune);
        }
    }
    ashlar_alone_exit();
}
