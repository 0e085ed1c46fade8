/* SPDX-License-Identifier: 0BSD */
/* grow.c - asking the source for memory.
 *
 * Growth: take a bare run, with descriptors and map; back its zones' bits, then
 * the run itself; file it as empty. Each step that fails undoes the bits.
 *
 * Cost: one commit of at least grow_bytes; rarely one each for bits, descriptors, map.
 */
#include "runs/grow.h"

#include "base/alone.h"
#include "base/check.h"
#include "base/lock.h"
#include "runs/bare.h"
#include "runs/runs.h"
#include "runs/supply.h"

COLD static bool grow_heap_by(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes)
{
    struct run *run = ashlar_runs_take_bare(runs, units, align_bytes);
    if (run == NULL) {
        return false;
    }
    struct bit_zones zones = ashlar_runs_zones_of(runs, run);
    bool backed = ashlar_runs_back_zones(runs, zones);
    if (backed && !commit_units(runs, run->first, run->units)) {
        ashlar_runs_unback_zones(runs, zones);
        backed = false;
    }
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    if (backed) {
        run->clean = (runs->source.flags & ASHLAR_HEAP_SOURCE_ZEROED) != 0;
        runs->backed_units += run->units;
        runs->grows++;
    }
    ashlar_runs_file_locked(runs, run, backed ? RUN_EMPTY : RUN_BARE);
    ashlar_lock_give(&runs->lock, interrupts);
    return backed;
}

/* While this thread waited for the token, somebody may have grown the heap. */
COLD static bool is_run_there(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes)
{
    struct run *run = ashlar_runs_take(runs, &runs->empty, units, align_bytes);
    if (run != NULL) {
        ashlar_runs_file(runs, run, RUN_EMPTY);
    }
    return run != NULL;
}

COLD bool ashlar_runs_grow(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes)
{
    uint32_t chunk = units > runs->grow_units ? units : (uint32_t)runs->grow_units;
    uint32_t well = align_bytes > runs->grow_align_bytes ? align_bytes : runs->grow_align_bytes;
    bool grown, again;
    uintptr_t seen;
    do {
        seen = ashlar_runs_reliefs(runs);
        if (!ashlar_alone_take(&runs->growing)) {
            return false;
        }
        runs->refused = false;
        grown = is_run_there(runs, units, align_bytes) || grow_heap_by(runs, chunk, well) ||
                ((units < chunk || align_bytes < well) && grow_heap_by(runs, units, align_bytes));
        again = !grown && runs->refused;
        ashlar_runs_token_give(runs);
    } while (again && ashlar_port_context() == ASHLAR_CONTEXT_THREAD && ashlar_runs_relieve(runs, seen));
    return grown;
}
