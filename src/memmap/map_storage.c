/* SPDX-License-Identifier: 0BSD */
/* map_storage.c - where a map's own storage may lie, when there is no map yet to ask.
 *
 * How many entries a loader gives is known once they were counted, and what is
 * free once they are kept: but where? So they are given again and again, to a map
 * that keeps none of them and only compares each with one place:
 *
 *     usable    |-----------------------------|      |--------------|
 *     reserved          |-----|   |---|
 *     tried          |---|                             blocked: go on where the reservation ends
 *                             |-----|                  blocked again
 *                                     |-----|          in RAM, touched by nothing: found
 *
 * A place that is blocked is left behind with all that blocks it, one that no
 * usable entry has wholly for the next place where one begins. So places only
 * move up, at most one for each end of an entry.
 */
#include "base/bits.h"
#include "base/contexts.h"
#include "memmap/map.h"
#include "memmap/tries.h"

#define SHARE 4u        /* of entries given: what suffices whatever overlaps (ashlar_memmap_init) */
#define OTHERS_MOST 24u /* what boot reserves: image, stack, runs of tables; its carve; this storage */

static ashlar_status try_place(ashlar_memmap_filler fill, void *context, struct memmap_try *a_try, ashlar_phys base)
{
    struct ashlar_memmap map;
    ashlar_memmap_init(&map, NULL, 0, 0, NULL, NULL);
    ashlar_memmap_try_at(a_try, base);
    map.a_try = a_try;
    return fill(context, &map);
}

/* The next place that could be: on a frame, not frame 0, and not where a PC has no RAM. */
static ashlar_phys place_from(ashlar_phys base, ashlar_phys bytes)
{
    base = base > ASHLAR_PAGE_BYTES ? phys_round_up(base, ASHLAR_PAGE_BYTES) : ASHLAR_PAGE_BYTES;
    return base < PC_HOLE_END && base + bytes > PC_HOLE_BASE ? PC_HOLE_END : base;
}

ashlar_status ashlar_memmap_find_storage(ashlar_memmap_filler fill, void *context, ashlar_phys from, ashlar_phys below,
                                         ashlar_phys *base, size_t *entries)
{
    CONTEXTS(yes, yes, yes, no, no);
    struct memmap_try a_try = {.bytes = 1};
    ashlar_status status = try_place(fill, context, &a_try, from);
    if (status != ASHLAR_OK) {
        return status;
    }
    *entries = SHARE * (a_try.entries + OTHERS_MOST);
    a_try.bytes = *entries * sizeof(struct ashlar_memmap_entry);
    below = phys_round_down(below, ASHLAR_PAGE_BYTES);
    while (from < below) {
        from = place_from(from, a_try.bytes);
        if (from >= below || below - from < a_try.bytes) {
            break;
        }
        status = try_place(fill, context, &a_try, from);
        if (status != ASHLAR_OK) {
            return status;
        }
        if (a_try.is_ram && !a_try.is_blocked) {
            *base = from;
            return ASHLAR_OK;
        }
        from = a_try.is_ram ? a_try.blocked + 1u : a_try.next;
        if (from == 0) {
            break; /* blocked up to 2^64 */
        }
    }
    return ASHLAR_NO_FRAMES;
}
