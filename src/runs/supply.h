/* SPDX-License-Identifier: 0BSD */
/* supply.h - the source: who may ask it, one at a time, and what for. */
#ifndef ASHLAR_RUNS_SUPPLY_H
#define ASHLAR_RUNS_SUPPLY_H

#include "runs/parts.h"
#include <stdbool.h>

/* May pages be asked for, or given back, in this context? Fatal where the source itself asks. */
bool ashlar_runs_may_change(const struct ashlar_runs *runs);

/* The growth token, with what there is now noted as a peak. */
void ashlar_runs_token_give(struct ashlar_runs *runs);

/* Who was relieved so far is counted, as far as the source knows. */
uintptr_t ashlar_runs_reliefs(const struct ashlar_runs *runs);
/* A commit has found no frames, and the token was given back: may it be tried again? seen: the count before it. */
bool ashlar_runs_relieve(struct ashlar_runs *runs, uintptr_t seen);

/* By the holder of the token, as all that follows. These pages of bookkeeping read as zeroes. */
bool ashlar_runs_commit_metadata(struct ashlar_runs *runs, void *area, size_t first, size_t pages);
void ashlar_runs_decommit_metadata(struct ashlar_runs *runs, const void *area, size_t first, size_t pages);

/* By pages of the source; runs->refused tells whether frames were what it lacked. */
bool ashlar_runs_commit(struct ashlar_runs *runs, size_t page, size_t pages);

void ashlar_runs_decommit(struct ashlar_runs *runs, size_t page, size_t pages);

/* Units. Inline, since the call would be longer. */
static inline bool commit_units(struct ashlar_runs *runs, uint32_t first, uint32_t units)
{
    return ashlar_runs_commit(runs, (size_t)runs->payload_page + first, units);
}

static inline void decommit_units(struct ashlar_runs *runs, uint32_t first, uint32_t units)
{
    ashlar_runs_decommit(runs, (size_t)runs->payload_page + first, units);
}

/* False: the source cannot; nothing was changed. */
bool ashlar_runs_move_units(struct ashlar_runs *runs, uint32_t to, uint32_t from, uint32_t units);

#endif
