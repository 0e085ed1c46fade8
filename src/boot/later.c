/* SPDX-License-Identifier: 0BSD */
/* later.c - memory that comes after boot: from the loader, or plugged in.
 *
 * Whoever could be given one of its frames must be able to open it. So all that
 * knows of frames is told before the pool is, which is the last step, and the one
 * that nothing follows:
 *
 *     bookkeeping    from the heap, for good
 *     direct map     where there is one: its part of these frames is mapped
 *     the pool       from here on they are handed out
 *
 * The direct map has addresses for the GiB in which RAM ended at boot, and none
 * beyond: frames up there are opened by the port's windows, as on machines that
 * map no RAM directly.
 *
 * Cost: O(frames / 32), and the direct map's entries.
 */
#include <ashlar/boot.h>

#include "base/alone.h"
#include "base/check.h"
#include "base/contexts.h"
#include "memmap/map.h"
#include "space/direct.h"
#include "tables/half.h"
#include <ashlar/kmalloc.h>

#define STORAGE_ALIGN 64u

COLD static ashlar_status plug_in(ashlar_pfn first, size_t frames, unsigned node)
{
    if (frames == 0 || first >= ashlar_half.frame_limit || frames > ashlar_half.frame_limit - first) {
        return ASHLAR_BAD_ARGUMENT;
    }
    size_t bytes = ashlar_frames_add_footprint_bytes(first, frames);
    void *storage = ashlar_kmemalign(STORAGE_ALIGN, bytes);
    if (storage == NULL) {
        return ASHLAR_NO_FRAMES;
    }
    ashlar_status status = ashlar_direct_add(first, frames);
    if (status == ASHLAR_OK) {
        status = ashlar_frames_add_memory(ashlar_half.pool, first, frames, node, storage, bytes);
        if (status != ASHLAR_OK) {
            ashlar_direct_remove(first, frames);
        }
    }
    if (status != ASHLAR_OK) {
        ashlar_kfree(storage);
    }
    return status;
}

/* A failure takes mappings back: so whoever is alone stays so until the end. */
COLD ashlar_status ashlar_memory_add(ashlar_pfn first, size_t frames, unsigned node)
{
    CONTEXTS(no, yes, less, less, less);
    (void)ashlar_alone_enter();
    ashlar_status status = ashlar_may_change() ? plug_in(first, frames, node) : ASHLAR_MAY_NOT_WAIT;
    ashlar_alone_exit();
    return status;
}

/* The lowest run of this type from an address on, which may lie within it; no length: there is none. */
COLD static struct ashlar_memmap_entry next_of(const struct ashlar_memmap *map, ashlar_memmap_type type,
                                               ashlar_phys from)
{
    struct ashlar_memmap_entry next = {.length = 0};
    for (size_t i = 0; i < map->count && next.length == 0; i++) {
        const struct ashlar_memmap_entry *entry = &map->entries[i];
        if (entry->type == (uint32_t)type && entry->base + entry->length > from) {
            next = *entry;
            next.base = next.base > from ? next.base : from;
            next.length -= next.base - entry->base;
        }
    }
    return next;
}

/* In the map first, which says whether any of it is still in use. */
COLD static ashlar_status reclaim_run(struct ashlar_memmap *map, const struct ashlar_memmap_entry *old,
                                      const struct ashlar_memmap_entry *live, size_t live_count)
{
    ashlar_status status =
        ashlar_memmap_reclaim(map, old->base, old->length, (ashlar_memmap_type)old->type, live, live_count);
    if (status == ASHLAR_OK) {
        status = ashlar_memory_add((ashlar_pfn)(old->base >> ASHLAR_PAGE_SHIFT),
                                   (size_t)(old->length >> ASHLAR_PAGE_SHIFT), 0);
        if (status != ASHLAR_OK) {
            ashlar_memmap_unreclaim(map, old);
        }
    }
    return status;
}

COLD ashlar_status ashlar_memory_reclaim(struct ashlar_memmap *map, ashlar_memmap_type type,
                                         const struct ashlar_memmap_entry *live, size_t live_count, size_t *frames)
{
    CONTEXTS(no, yes, less, less, less);
    struct ashlar_memmap_entry run = next_of(map, type, ASHLAR_PAGE_BYTES); /* frame 0 stays what it is */
    ashlar_status status = ashlar_may_change() ? ASHLAR_OK : ASHLAR_MAY_NOT_WAIT;
    *frames = 0;
    while (run.length != 0 && status == ASHLAR_OK) {
        status = reclaim_run(map, &run, live, live_count);
        *frames += status == ASHLAR_OK ? (size_t)(run.length >> ASHLAR_PAGE_SHIFT) : 0;
        run = next_of(map, type, run.base + run.length);
    }
    return status;
}
