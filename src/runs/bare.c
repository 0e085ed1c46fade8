/* SPDX-License-Identifier: 0BSD */
/* bare.c - addresses with nothing behind them, and the bookkeeping that has to be there before there is something.
 *
 * A bare run is taken from those that are known, or the limit is extended: the
 * map is backed before the limit is published. What was backed for a run that did
 * not come stays, as a reserve: descriptors and map. Those two come in steps that
 * grow, and stay as well.
 *
 * A page of allocated bits serves a *zone* of 16384 granules (256 KiB). It is
 * backed if and only if some unit of the zone is not bare. As bare neighbours are
 * always merged, a zone is all bare if and only if it lies within one bare run;
 * so no count is kept for each zone. Beyond the limit all is bare. What the page
 * holds then is undefined: who makes a slab clears its bits.
 */
#include "runs/bare.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/relaxed.h"
#include "runs/run.h"
#include "runs/runs.h"
#include "runs/supply.h"

#define ZONE_SHIFT 6u /* units of 4 KiB to a zone: 4096 bytes * 8 bits / 2 * 16 bytes / 4096 */
#define ZONE_UNITS (1u << ZONE_SHIFT)
#define MAP_PAGE_UNITS (ASHLAR_PAGE_BYTES / 4u)
#define SPARES_WANTED 24u /* what one growth may need, and interrupts after it */
#define SPARES_NEEDED 4u
#define STEP_PAGES_MOST 64u

/* Pages of map or descriptors that are backed next: at least so many, where possible three for each that there is. They
 * stay, so their frames had better lie side by side: each that lies alone breaks a block of 2 MiB for ever. */
COLD static uint32_t back_next(struct ashlar_runs *runs, void *area, uint32_t backed, uint32_t least, uint32_t left)
{
    uint32_t pages = 3u * backed < STEP_PAGES_MOST ? 3u * backed : STEP_PAGES_MOST;
    pages = pages < left ? pages : left;
    if (pages > least && ashlar_runs_commit_metadata(runs, area, backed, pages)) {
        return pages;
    }
    return ashlar_runs_commit_metadata(runs, area, backed, least) ? least : 0;
}

COLD static uint32_t pages_of_array(size_t count, size_t bytes)
{
    return (uint32_t)((count * bytes + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT);
}

COLD static bool ensure_descriptors(struct ashlar_runs *runs)
{
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    uint32_t spares = spare_runs_locked(runs);
    ashlar_lock_give(&runs->lock, interrupts);
    if (spares >= SPARES_WANTED || runs->runs_backed == runs->runs_most) {
        return spares >= SPARES_NEEDED;
    }
    uint32_t left = pages_of_array(runs->runs_most, sizeof(struct run)) - runs->run_pages;
    uint32_t pages = back_next(runs, runs->descriptors, runs->run_pages, 1, left);
    if (pages == 0) {
        return spares >= SPARES_NEEDED;
    }
    size_t most = (size_t)(runs->run_pages + pages) * ASHLAR_PAGE_BYTES / sizeof(struct run);
    interrupts = ashlar_lock_take(&runs->lock);
    runs->run_pages += pages;
    runs->runs_backed = most < runs->runs_most ? (uint32_t)most : runs->runs_most;
    ashlar_lock_give(&runs->lock, interrupts);
    return true;
}

COLD static bool ensure_map_pages(struct ashlar_runs *runs, uint32_t limit)
{
    uint32_t wanted = pages_of_array(limit, sizeof(uint32_t));
    uint32_t pages = runs->map_pages;
    if (wanted > pages) {
        pages +=
            back_next(runs, runs->map, pages, wanted - pages, pages_of_array(runs->total, sizeof(uint32_t)) - pages);
        runs->map_pages = pages;
    }
    return wanted <= pages;
}

/* More addresses known to the map, as a bare run. */
COLD static bool extend_limit(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes)
{
    uint64_t wanted = (uint64_t)units + (align_bytes >> runs->unit_shift) + MAP_PAGE_UNITS - 1u;
    uint32_t left = runs->total - runs->limit;
    uint32_t more = wanted < left ? (uint32_t)wanted & ~(MAP_PAGE_UNITS - 1u) : left;
    if (more == 0 || !ensure_map_pages(runs, runs->limit + more)) {
        return false;
    }
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    bool described = spare_runs_locked(runs) != 0; /* others may have used them up meanwhile */
    if (described) {
        struct run *run = ashlar_runs_describe_locked(runs, runs->limit, more);
        runs->limit += more;
        ashlar_runs_file_locked(runs, run, RUN_BARE);
        atomic_store(&runs->granules, (uintptr_t)runs->limit << runs->unit_granule_shift);
    }
    ashlar_lock_give(&runs->lock, interrupts);
    return described;
}

COLD struct run *ashlar_runs_take_bare(struct ashlar_runs *runs, uint32_t units, uint32_t align_bytes)
{
    if (!ensure_descriptors(runs)) {
        return NULL;
    }
    struct run *run = ashlar_runs_take(runs, &runs->bare, units, align_bytes);
    if (run == NULL && extend_limit(runs, units, align_bytes)) {
        run = ashlar_runs_take(runs, &runs->bare, units, align_bytes);
    }
    return run;
}

/* --- allocated bits ------------------------------------------------------ */

COLD struct bit_zones ashlar_runs_zones_of(struct ashlar_runs *runs, const struct run *run)
{
    uint32_t low = run->first;
    uint32_t end = run->first + run->units;
    uint32_t high = end;
    uintptr_t interrupts = ashlar_lock_take(&runs->lock);
    const struct run *before = ashlar_runs_before_locked(runs, run);
    const struct run *after = ashlar_runs_after_locked(runs, run);
    if (load_relaxed(&before->state) == RUN_BARE) {
        low = before->first;
    }
    if (load_relaxed(&after->state) == RUN_BARE) {
        high = after->first + after->units;
    }
    if (high == runs->limit) {
        high = (uint32_t)round_up(high, ZONE_UNITS);
    }
    ashlar_lock_give(&runs->lock, interrupts);
    uint32_t first = (low + ZONE_UNITS - 1u) >> ZONE_SHIFT;
    uint32_t last = high >> ZONE_SHIFT;
    first = first > run->first >> ZONE_SHIFT ? first : run->first >> ZONE_SHIFT;
    uint32_t most = (end + ZONE_UNITS - 1u) >> ZONE_SHIFT;
    last = last < most ? last : most;
    struct bit_zones zones = {first, last > first ? last - first : 0};
    return zones;
}

COLD bool ashlar_runs_back_zones(struct ashlar_runs *runs, struct bit_zones zones)
{
    size_t page = ((uintptr_t)runs->bits - runs->range_base) >> ASHLAR_PAGE_SHIFT;
    if (zones.count != 0 && !ashlar_runs_commit(runs, page + zones.first, zones.count)) {
        return false;
    }
    runs->bit_pages += zones.count;
    return true;
}

COLD void ashlar_runs_unback_zones(struct ashlar_runs *runs, struct bit_zones zones)
{
    if (zones.count != 0) {
        ashlar_runs_decommit_metadata(runs, runs->bits, zones.first, zones.count);
        runs->bit_pages -= zones.count;
    }
}
