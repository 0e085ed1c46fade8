/* SPDX-License-Identifier: 0BSD */
/* peek.c - reading what another CPU may be taking away.
 *
 * Whoever explains an address has no lock, and may be in a fault handler: between a
 * look at the map and one at the object another CPU may give the page back. So what
 * is read is copied out by the source's *peek*, which may say no, and what was copied
 * is believed as far as it does no harm: a descriptor may be half of one run and half
 * of the next. A plain range never goes away.
 */
#include "runs/peek.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/mem.h"
#include "runs/run.h"

COLD bool ashlar_runs_peek(const struct ashlar_runs *runs, const void *from, void *to, size_t bytes)
{
    if (runs->source.peek != NULL) {
        return runs->source.peek(runs->source.context, (uintptr_t)from, to, bytes) != 0;
    }
    memcpy(to, from, bytes);
    return true;
}

COLD bool ashlar_runs_peek_run(const struct ashlar_runs *runs, uintptr_t address, struct run *run)
{
    uintptr_t granule = (address - runs->base) >> GRANULE_SHIFT;
    if (address < runs->base || granule >= atomic_load(&runs->granules)) {
        return false;
    }
    uint32_t unit = (uint32_t)(granule >> runs->unit_granule_shift);
    uint32_t entry;
    return ashlar_runs_peek(runs, &runs->map[unit], &entry, sizeof entry) &&
           ashlar_runs_peek(runs, run_in_map(runs, entry), run, sizeof *run) && unit - run->first < run->units;
}
