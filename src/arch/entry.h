/* SPDX-License-Identifier: 0BSD */
/* entry.h - reading and writing entries of page tables: nothing else touches one.
 *
 * The MMU and other CPUs look at entries at any time. So each access is one
 * access of the entry's width (64-bit entries on a 32-bit machine: a
 * compare-and-swap, or halves in an order in which no half-written entry is
 * present), a store is a release, and each is a yield point of the simulated
 * machine. Where the MMU may write an entry itself (a user leaf that is not
 * yet accessed or dirty), changes are atomic and lose no bit.
 *
 * A *run* is a stretch of entries of one table: format and width are decided
 * once a run. The caller has checked what it does (tables of its own, under its
 * lock); nothing here fails.
 *
 * table: an open table, from its first entry on. Context: any. Locks: none.
 */
#ifndef ASHLAR_ARCH_ENTRY_H
#define ASHLAR_ARCH_ENTRY_H

#include "arch/access.h"
#include "arch/formats.h"

/* --- single entries --------------------------------------------------------------- */

uint64_t ashlar_entry_load(const struct ashlar_paging *paging, const void *table, unsigned index);

/* The same inline, for paths that are walked with every call. */
static inline uint64_t ashlar_entry_peek(const struct ashlar_paging *paging, const void *table, unsigned index)
{
    if (paging_fold(paging)->entry_bytes == 4) {
        return entry_load_32((const volatile uint32_t *)table + index);
    }
    return entry_load_64((const volatile uint64_t *)table + index);
}

/* For an entry that is absent, or becomes so, or keeps its frame. Does not see what the MMU writes meanwhile. */
void ashlar_entry_store(const struct ashlar_paging *paging, void *table, unsigned index, uint64_t entry);

/* Returns what was there. */
uint64_t ashlar_entry_exchange(const struct ashlar_paging *paging, void *table, unsigned index, uint64_t entry);

/* False if the entry is not (or no longer) the expected one: nothing is changed then. */
bool ashlar_entry_cas(const struct ashlar_paging *paging, void *table, unsigned index, uint64_t expected,
                      uint64_t desired);

static inline void ashlar_entry_clear(const struct ashlar_paging *paging, void *table, unsigned index)
{
    ashlar_entry_store(paging, table, index, 0);
}

/* A number that stays in an absent entry, up to ASHLAR_ENTRY_NOTE_MAX; 0 empties it. */
static inline void ashlar_entry_note(const struct ashlar_paging *paging, void *table, unsigned index, uintptr_t note)
{
    ashlar_entry_store(paging, table, index, ashlar_entry_encode_note(note));
}

/* Link the table in this frame, all of it written before. flags: 0 or ASHLAR_MAP_USER. Under PAE the root has to be
 * loaded again. */
void ashlar_entry_set_link(const struct ashlar_paging *paging, void *table, unsigned index, unsigned level,
                           ashlar_pfn frame, unsigned flags);

/* The same in place of what is present: no moment in which nothing is. Returns what was there. */
uint64_t ashlar_entry_exchange_link(const struct ashlar_paging *paging, void *table, unsigned index, unsigned level,
                                    ashlar_pfn frame, unsigned flags);

/* --- runs ------------------------------------------------------------------------- */

/* Absent to present. bits: ashlar_entry_leaf_bits. */
void ashlar_run_set(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                    const ashlar_pfn *frames, uint64_t bits);
/* Consecutive frames at level 1; a large page is a run of one. */
void ashlar_run_set_linear(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                           ashlar_pfn first, uint64_t bits);

/* Present to hidden; others stay as they are. Returns how many were present. */
unsigned ashlar_run_hide(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count);

/* Hidden to empty, their frames to frames[], in order; others stay as they are. Returns how many. */
unsigned ashlar_run_collect(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                            ashlar_pfn *frames);

/* Clear and set bits in leaves that are present. Returns how many. */
unsigned ashlar_run_change(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                           uint64_t clear, uint64_t set);

/* How many entries come before the first that is not empty, is absent, is present; count if none is. */
unsigned ashlar_run_first_nonempty(const struct ashlar_paging *paging, const void *table, unsigned index,
                                   unsigned count);
unsigned ashlar_run_first_absent(const struct ashlar_paging *paging, const void *table, unsigned index, unsigned count);
unsigned ashlar_run_first_present(const struct ashlar_paging *paging, const void *table, unsigned index,
                                  unsigned count);

/* --- tables ------------------------------------------------------------------------ */

/* Fill a table of the level below with the same translations as this large page, each accessed and dirty: whoever uses
 * either sees no difference. The table is not linked yet. */
void ashlar_split_fill(const struct ashlar_paging *paging, unsigned level, uint64_t large, void *table);

struct ashlar_walk {
    unsigned level;    /* of the table in which the walk ended */
    unsigned index;    /* in it */
    uint64_t entry;    /* raw: a leaf, or what there was instead */
    ashlar_pfn frame;  /* of this very page, within a large one too; ASHLAR_PFN_NONE: not present */
    size_t page_pages; /* covered by the entry */
    unsigned flags;    /* ASHLAR_MAP_... allowed by all levels together; 0: not present */
};

/* What do the tables under this root say of a page? Two frames are open at most; the caller is pinned. O(levels). */
void ashlar_walk(const struct ashlar_paging *paging, ashlar_phys root, ashlar_vpn page, struct ashlar_walk *found);

/* Physical address behind a virtual one; false if there is none, or the address is not canonical. */
bool ashlar_walk_translate(const struct ashlar_paging *paging, ashlar_phys root, uintptr_t address,
                           ashlar_phys *physical);

#endif
