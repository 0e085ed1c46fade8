/* SPDX-License-Identifier: 0BSD */
/* entry_runs.h - a *run* is a stretch of entries of one table: format and width are decided once a run.
 *
 * What entry.h says of single entries holds for each entry of a run. The caller
 * has checked what it does (tables of its own, under its lock); nothing here
 * fails.
 *
 * table: an open table, from its first entry on. Context: any. Locks: none.
 */
#ifndef ASHLAR_ARCH_ENTRY_RUNS_H
#define ASHLAR_ARCH_ENTRY_RUNS_H

#include <ashlar/paging.h>

/* Absent to present. bits: ashlar_entry_leaf_bits. */
void ashlar_run_set(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                    const ashlar_pfn *frames, uint64_t bits);
/* Consecutive frames at level 1; a large page is a run of one. */
void ashlar_run_set_linear(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                           ashlar_pfn first, uint64_t bits);

/* Present to hidden; others stay as they are. Returns how many were present. */
unsigned ashlar_run_hide(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count);

/* Hidden to empty, their frames to frames[], in order; others stay as they are. Returns how many. Above level 1 the lowest
 * bit of a frame may be the caching type's: the caller rounds down. */
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

/* Fill a table of the level below with the same translations as this large page, each accessed and dirty: whoever uses
 * either sees no difference. The table is not linked yet. */
void ashlar_split_fill(const struct ashlar_paging *paging, unsigned level, uint64_t large, void *table);

#endif
