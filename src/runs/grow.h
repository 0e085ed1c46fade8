/* SPDX-License-Identifier: 0BSD */
/* grow.h - more memory from the source. */
#ifndef ASHLAR_RUNS_GROW_H
#define ASHLAR_RUNS_GROW_H

#include "runs/parts.h"
#include <stdbool.h>

/* Thread context, nothing held. False: no memory, no addresses. */
bool ashlar_runs_grow(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes);

#endif
