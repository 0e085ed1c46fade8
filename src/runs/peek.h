/* SPDX-License-Identifier: 0BSD */
/* peek.h - reading what another CPU may be taking away. */
#ifndef ASHLAR_RUNS_PEEK_H
#define ASHLAR_RUNS_PEEK_H

#include "runs/parts.h"

/* False: nothing was read. Where the source has no peek it is read as it comes: by whoever ends in a fatal report, or knows
 * that nobody gives back meanwhile. Any context. */
bool ashlar_runs_peek(const struct ashlar_runs *runs, const void *from, void *to, size_t bytes);

/* A copy of the descriptor of the run that the address lies in; false if there is none, or it cannot be read. */
bool ashlar_runs_peek_run(const struct ashlar_runs *runs, uintptr_t address, struct run *run);

#endif
