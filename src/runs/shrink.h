/* SPDX-License-Identifier: 0BSD */
/* shrink.h - empty memory back to the source. */
#ifndef ASHLAR_RUNS_SHRINK_H
#define ASHLAR_RUNS_SHRINK_H

#include "runs/parts.h"

/* Until at most keep_units are empty, or 32 runs went back. Returns units given back. */
size_t ashlar_runs_purge(struct ashlar_runs *runs, size_t keep_units);
/* After something went back to the runs: not more than the watermark and a quarter. Nothing is held. */
void ashlar_runs_settle(struct ashlar_runs *runs);

#endif
