/* SPDX-License-Identifier: 0BSD */
/* entry.h - reading and writing single entries of page tables: nothing but this and entry_runs.h touches one.
 *
 * The MMU and other CPUs look at entries at any time. So each access is one
 * access of the entry's width (64-bit entries on a 32-bit machine: a
 * compare-and-swap, or halves in an order in which no half-written entry is
 * present), a store is a release, and each is a yield point of the simulated
 * machine. Where the MMU may write an entry itself (a user leaf that is not
 * yet accessed or dirty), changes are atomic and lose no bit.
 *
 * The caller has checked what it does (tables of its own, under its lock);
 * nothing here fails.
 *
 * table: an open table, from its first entry on. Context: any. Locks: none.
 */
#ifndef ASHLAR_ARCH_ENTRY_H
#define ASHLAR_ARCH_ENTRY_H

#include "arch/access.h"
#include "arch/formats.h"

uint64_t ashlar_entry_load(const struct ashlar_paging *paging, const void *table, unsigned index);

/* The same inline, for paths that are walked with every call. */
static inline uint64_t ashlar_entry_peek(const struct ashlar_paging *paging, const void *table, unsigned index)
{
    if (paging_fold(paging)->entry_bytes == 4) {
        return entry_load_32((const volatile uint32_t *)table + index);
    }
    return entry_load_64((const volatile uint64_t *)table + index);
}

/* For an entry that is absent, or becomes empty, or keeps its frame. Does not see what the MMU writes meanwhile. */
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
    ashlar_entry_store(paging, table, index, ashlar_entry_encode_note(paging, note));
}

/* Link the table in this frame, all of it written before. flags: 0 or ASHLAR_MAP_USER. Under PAE the root has to be
 * loaded again. */
void ashlar_entry_set_link(const struct ashlar_paging *paging, void *table, unsigned index, unsigned level,
                           ashlar_pfn frame, unsigned flags);

/* The same in place of what is present: no moment in which nothing is. Returns what was there. */
uint64_t ashlar_entry_exchange_link(const struct ashlar_paging *paging, void *table, unsigned index, unsigned level,
                                    ashlar_pfn frame, unsigned flags);

#endif
