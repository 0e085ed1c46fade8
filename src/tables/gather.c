/* SPDX-License-Identifier: 0BSD */
/* gather.c - what changed, and who may still remember the old.
 *
 * A translation that was taken away may live on in a TLB. So nothing of it (a
 * frame, a table, an address) is used again before a gather that names it has
 * been finished. A gather is four runs in its owner's hands: a fifth makes it
 * "everything", so that filling it never waits and never fails; neighbours
 * merge, and the usual change, one contiguous range, stays one run.
 *
 * Not-present to present needs no flush (Intel SDM vol. 3, 4.10.4.3): mapping
 * never gathers.
 */
#include "tables/gather.h"

#include "base/check.h"
#include "base/contexts.h"

void ashlar_gather_init(struct ashlar_gather *gather, struct ashlar_space *space)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    gather->space = space;
    gather->pages = 0;
    gather->runs = 0;
}

void ashlar_gather_add(struct ashlar_gather *gather, ashlar_vpn first, size_t pages)
{
    CONTEXTS(yes, yes, yes, yes, yes);
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

COLD void ashlar_gather_merge(struct ashlar_gather *gather, const struct ashlar_gather *more)
{
    if (more->runs > ASHLAR_GATHER_RUNS) {
        ashlar_gather_add_all(gather);
        return;
    }
    for (unsigned i = 0; i < more->runs; i++) {
        ashlar_gather_add(gather, more->run[i].first, more->run[i].pages);
    }
}
