/* SPDX-License-Identifier: 0BSD */
/* gather.c - what changed, and who may still remember the old.
 *
 * A translation that was taken away may live on in a TLB. So nothing of it (a
 * frame, a table, an address) is used again before a gather that names it has
 * been finished. A gather is four runs in its owner's hands: a fifth makes it
 * "everything", so that filling it never waits and never fails; neighbours
 * merge, and the usual change, one contiguous range, stays one run.
 *
 * Long changes drop the whole TLB instead of single pages: from
 * ASHLAR_FLUSH_THRESHOLD_PAGES on a reload is the cheaper of the two.
 *
 * Not-present to present needs no flush (Intel SDM vol. 3, 4.10.4.3): mapping
 * never gathers.
 */
#include "space/internal.h"

void ashlar_gather_init(struct ashlar_gather *gather, struct ashlar_space *space)
{
    gather->space = space;
    gather->pages = 0;
    gather->runs = 0;
}

void ashlar_gather_add(struct ashlar_gather *gather, ashlar_vpn first, size_t pages)
{
    unsigned runs = gather->runs;
    gather->pages += pages;
    if (runs > ASHLAR_GATHER_RUNS) {
        return;
    }
    if (runs != 0 && gather->run[runs - 1u].first + gather->run[runs - 1u].pages == first) {
        gather->run[runs - 1u].pages += pages;
        return;
    }
    if (runs < ASHLAR_GATHER_RUNS) {
        gather->run[runs].first = first;
        gather->run[runs].pages = pages;
    }
    gather->runs = runs + 1u;
}

void ashlar_gather_merge(struct ashlar_gather *gather, const struct ashlar_gather *more)
{
    if (more->runs > ASHLAR_GATHER_RUNS) {
        ashlar_gather_add_all(gather);
        return;
    }
    for (unsigned i = 0; i < more->runs; i++) {
        ashlar_gather_add(gather, more->run[i].first, more->run[i].pages);
    }
}

static void flush_runs(const struct ashlar_gather *gather)
{
    for (unsigned i = 0; i < gather->runs; i++) {
        for (size_t page = 0; page < gather->run[i].pages; page++) {
            ashlar_port_flush_page(ashlar_page_address(gather->run[i].first + page));
        }
    }
}

void ashlar_gather_flush(const struct ashlar_gather *gather)
{
    if (gather->runs > ASHLAR_GATHER_RUNS || gather->pages >= ASHLAR_FLUSH_THRESHOLD_PAGES) {
        ashlar_port_flush_all();
        ashlar_half.flush_alls++;
    } else {
        flush_runs(gather);
        ashlar_half.flush_pages += gather->pages;
    }
}

void ashlar_gather_finish(struct ashlar_gather *gather)
{
    if (gather->runs != 0) {
        ashlar_shootdown(gather, ASHLAR_CALLER());
    }
    gather->runs = 0;
    gather->pages = 0;
}
