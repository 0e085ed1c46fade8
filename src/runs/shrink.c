/* SPDX-License-Identifier: 0BSD */
/* shrink.c - giving empty memory back to the source, above a watermark.
 *
 * As growth backwards: the map says "nobody" before the memory goes, and the
 * bits go last. What another CPU is giving back already is not waited for.
 */
#include "runs/shrink.h"

#include "base/alone.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "base/token.h"
#include "runs/bare.h"
#include "runs/run.h"
#include "runs/runs.h"
#include "runs/supply.h"

/* Units of the run that are kept, if at least so many have to be: what is given back begins where the source likes it. */
COLD static uint32_t units_to_keep(const struct ashlar_runs *runs, const struct run *run, uint32_t least)
{
    uintptr_t address = runs->base + ((uintptr_t)(run->first + least) << runs->unit_shift);
    return least + (uint32_t)((round_up(address, runs->grow_align_bytes) - address) >> runs->unit_shift);
}

/* An empty run, or the end of one, that is more than is to be kept; the map says nobody. */
COLD static struct run *take_excess(struct ashlar_runs *runs, size_t keep_units)
{
    struct run *run = NULL;
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    size_t empty = runs->empty_units;
    if (empty > keep_units) {
        run = ashlar_runs_largest_locked(runs);
        if (run->units > empty - keep_units && spare_runs_locked(runs) != 0) {
            struct run *kept = run;
            uint32_t units = units_to_keep(runs, run, run->units - (uint32_t)(empty - keep_units));
            run = units < run->units ? ashlar_runs_split_locked(runs, run, units) : NULL;
            ashlar_runs_file_locked(runs, kept, RUN_EMPTY);
        }
    }
    ashlar_lock_give(&runs->lock, interrupts);
    if (run != NULL) {
        ashlar_runs_map(runs, run, 0); /* a long one takes its time: not under the lock */
    }
    return run;
}

COLD static void unback_run(struct ashlar_runs *runs, struct run *run)
{
    struct bit_zones zones = ashlar_runs_zones_of(runs, run);
    decommit_units(runs, run->first, run->units);
    ashlar_runs_unback_zones(runs, zones);
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    runs->backed_units -= run->units;
    runs->shrinks++;
    run->clean = 0;
    ashlar_runs_file_locked(runs, run, RUN_BARE);
    ashlar_lock_give(&runs->lock, interrupts);
}

COLD size_t ashlar_runs_purge(struct ashlar_runs *runs, size_t keep_units)
{
    size_t given = 0;
    (void)ashlar_alone_enter();
    if (!ashlar_runs_may_change(runs) || !ashlar_token_try(&runs->growing)) {
        ashlar_alone_exit();
        return 0;
    }
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        struct run *run = take_excess(runs, keep_units);
        if (run == NULL) {
            break;
        }
        given += run->units;
        unback_run(runs, run);
    }
    ashlar_runs_token_give(runs);
    return given;
}

COLD void ashlar_runs_settle(struct ashlar_runs *runs)
{
    if (load_relaxed(&runs->empty_units) > runs->keep_units + runs->keep_units / 4u) {
        ashlar_runs_purge(runs, runs->keep_units);
    }
}
