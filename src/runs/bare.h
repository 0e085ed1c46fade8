/* SPDX-License-Identifier: 0BSD */
/* bare.h - addresses with nothing behind them, and the memory behind their allocated bits. */
#ifndef ASHLAR_RUNS_BARE_H
#define ASHLAR_RUNS_BARE_H

#include "runs/parts.h"
#include <stdbool.h>

/* Pages of bits that change hands with a run. */
struct bit_zones {
    uint32_t first;
    uint32_t count;
};

/* With descriptors for what comes of it, and a map. By the holder of the token. NULL: no addresses, or no memory for
 * bookkeeping. */
struct run *ashlar_runs_take_bare(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes);

/* Those that are all bare if this run is. */
struct bit_zones ashlar_runs_zones_of(struct ashlar_runs *runs, const struct run *run);
bool ashlar_runs_back_zones(struct ashlar_runs *runs, struct bit_zones zones);
void ashlar_runs_unback_zones(struct ashlar_runs *runs, struct bit_zones zones);

#endif
