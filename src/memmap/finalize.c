/* SPDX-License-Identifier: 0BSD */
/* finalize.c - one sweep over all boundaries, from address 0 upward.
 *
 *     given       usable  |--------------------------|      |-----------|
 *                 reserved          |---------|
 *     runs                |usable---|reserved-|usable|      |usable-----|
 *     frames      |       |       |       |       |       |       |       |
 *     result              |usable-|reserved-------|                       (the last usable frames are partial)
 *
 * Between two boundaries nothing changes; there the most restrictive of the types
 * that are open wins. Stretches with one winner make a *run*, in bytes, so that
 * neighbours of one type are joined before anything is rounded.
 *
 * Runs are then cut into frames. Whole frames of a run go out at once. What shares
 * a frame is gathered until the frame is complete, and the most restrictive type
 * takes all of it; usable bytes that have to share a frame are lost. Each frame is
 * decided once, and entries leave in order: no second pass.
 *
 * What lies between 640 KiB and 1 MiB of a PC is cut out of usable runs, and of
 * those that a reclaim would make usable, before anything else: both ends are
 * on frames.
 *
 * A run of loader, ACPI or module bytes may become usable later, by a reclaim. So
 * it has to lie in something that the firmware lists as RAM; where it does not, and
 * in frames that it shares with no RAM, it becomes reserved.
 *
 * Storage: boundaries (two to an entry) are moved to the end of the storage, the
 * result grows from its start and must not overtake them. What it would have
 * needed is known exactly in the end, for the result is counted even where it is
 * not stored. Cost O(n log n) for the sort, O(n) for the sweep.
 */
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/mem.h"
#include "memmap/boundaries.h"
#include "memmap/map.h"

/* A frame that runs share, while it is gathered. */
struct shared_frame {
    ashlar_phys base;
    uint32_t type;   /* the most restrictive so far; 0: nothing gathered */
    uint32_t origin; /* of that type */
    uint32_t own_bytes;
    uint32_t ram_bytes;
};

struct sweep {
    struct ashlar_memmap *map;
    struct ashlar_memmap_entry *boundaries; /* the end of the storage */
    size_t total;                           /* boundaries */
    size_t next;                            /* the first that is not yet read */
    /* For each type: entries that are open here, those of them that we reserved, and the first of what was joined. */
    size_t open[MEMMAP_TYPES];
    size_t ours[MEMMAP_TYPES];
    size_t joined[MEMMAP_TYPES];
    ashlar_phys joined_from[MEMMAP_TYPES];
    /* Which type it loses to, and since where; 0: to none. */
    uint32_t loses_to[MEMMAP_TYPES];
    ashlar_phys loses_from[MEMMAP_TYPES];
    ashlar_phys run_from;
    uint32_t run_type; /* 0: a hole */
    uint32_t run_origin;
    bool run_in_ram; /* or of a type that need not be */
    struct shared_frame frame;
    struct ashlar_memmap_entry pending; /* the last of the result, which may still grow; type 0: none yet */
    size_t count;
    size_t wanted;
    bool saw_usable;
    bool lost_usable; /* to another type */
};

static void report_decision(struct sweep *s, ashlar_memmap_decision decision, ashlar_phys base, ashlar_phys end,
                            uint32_t type)
{
    ashlar_memmap_report(s->map, &(struct ashlar_memmap_event){
                                     .decision = decision,
                                     .base = base,
                                     .length = end - base,
                                     .type = type,
                                     .winner = decision == ASHLAR_MEMMAP_OVERRIDDEN ? s->loses_to[type] : 0,
                                     .entries = decision == ASHLAR_MEMMAP_MERGED ? s->joined[type] : 0,
                                 });
}

/* --- the result ---------------------------------------------------------- */

static void push_pending(struct sweep *s)
{
    if (s->pending.length == 0) {
        return;
    }
    size_t unread = (s->total >> 1) - (s->next >> 1);
    s->count++;
    s->wanted = s->count + unread > s->wanted ? s->count + unread : s->wanted;
    if (s->wanted <= s->map->capacity) {
        s->map->entries[s->count - 1] = s->pending;
    }
}

static void put_frames(struct sweep *s, uint32_t type, uint32_t origin, ashlar_phys base, ashlar_phys end)
{
    struct ashlar_memmap_entry *pending = &s->pending;
    if (type == ASHLAR_MEMMAP_USABLE && base == 0) {
        report_decision(s, ASHLAR_MEMMAP_PAGE_ZERO, 0, ASHLAR_PAGE_BYTES, type);
        base = ASHLAR_PAGE_BYTES;
    }
    if (pending->type == type && pending->base + pending->length == base) {
        pending->length += end - base;
        pending->origin |= origin;
        return;
    }
    push_pending(s);
    *pending = (struct ashlar_memmap_entry){.base = base, .length = end - base, .type = type, .origin = origin};
}

/* --- from runs to frames ------------------------------------------------- */

static void close_frame(struct sweep *s)
{
    struct shared_frame *frame = &s->frame;
    if (frame->type > ASHLAR_MEMMAP_USABLE) {
        ashlar_phys end = frame->base + ASHLAR_PAGE_BYTES;
        if (memmap_is_reclaimable(frame->type) && frame->ram_bytes < ASHLAR_PAGE_BYTES) {
            report_decision(s, ASHLAR_MEMMAP_NOT_RAM, frame->base, end, frame->type);
            frame->type = ASHLAR_MEMMAP_RESERVED;
        } else if (frame->own_bytes < ASHLAR_PAGE_BYTES) {
            report_decision(s, ASHLAR_MEMMAP_ROUNDED, frame->base, end, frame->type);
        }
        put_frames(s, frame->type, frame->origin, frame->base, end);
    }
    frame->type = 0;
}

/* A part of one frame, to be gathered. */
static void share_frame(struct sweep *s, uint32_t type, uint32_t origin, ashlar_phys base, ashlar_phys end)
{
    struct shared_frame *frame = &s->frame;
    uint32_t bytes = (uint32_t)(end - base);
    if (frame->type == 0) {
        *frame = (struct shared_frame){.base = phys_round_down(base, ASHLAR_PAGE_BYTES)};
    }
    if (type > frame->type) {
        frame->type = type;
        frame->origin = 0;
        frame->own_bytes = 0;
    }
    if (type == frame->type) {
        frame->origin |= origin;
        frame->own_bytes += bytes;
    }
    if (type <= ASHLAR_MEMMAP_KERNEL) {
        frame->ram_bytes += bytes;
    }
    if (type == ASHLAR_MEMMAP_USABLE) {
        report_decision(s, ASHLAR_MEMMAP_ROUNDED, base, end, type);
    }
}

/* Runs come in order of address and do not overlap. */
static void cut_run(struct sweep *s, uint32_t type, uint32_t origin, ashlar_phys base, ashlar_phys end)
{
    while (base < end) {
        ashlar_phys frame = phys_round_down(base, ASHLAR_PAGE_BYTES);
        ashlar_phys stop = phys_round_down(end, ASHLAR_PAGE_BYTES);
        if (frame != s->frame.base) {
            close_frame(s);
        }
        if (base == frame && stop > base) {
            put_frames(s, type, origin, base, stop);
        } else {
            stop = frame + ASHLAR_PAGE_BYTES < end ? frame + ASHLAR_PAGE_BYTES : end;
            share_frame(s, type, origin, base, stop);
        }
        base = stop;
    }
}

/* Nobody is to have, now or after a reclaim, what a PC has at 640 KiB to 1 MiB. */
static void put_run(struct sweep *s, uint32_t type, uint32_t origin, ashlar_phys base, ashlar_phys end)
{
    ashlar_phys from = base > PC_HOLE_BASE ? base : PC_HOLE_BASE;
    ashlar_phys to = end < PC_HOLE_END ? end : PC_HOLE_END;
    bool is_usable = type == ASHLAR_MEMMAP_USABLE;
    if (s->map->is_pc && from < to && (is_usable || memmap_is_reclaimable(type))) {
        report_decision(s, ASHLAR_MEMMAP_PC_HOLE, from, to, type);
        cut_run(s, type, origin, base, from);
        if (!is_usable) {
            cut_run(s, ASHLAR_MEMMAP_RESERVED, origin, from, to);
        }
        base = to;
    }
    cut_run(s, type, origin, base, end);
}

/* --- from boundaries to runs --------------------------------------------- */

static void pass_boundary(struct sweep *s, uint64_t boundary)
{
    ashlar_phys address = boundary >> BOUNDARY_SHIFT;
    uint32_t type = (uint32_t)boundary & BOUNDARY_TYPE;
    size_t ours = (boundary & BOUNDARY_OURS) != 0 ? 1 : 0;
    if ((boundary & BOUNDARY_END) == 0) {
        if (s->open[type] == 0) {
            s->joined[type] = 0;
            s->joined_from[type] = address;
        }
        s->open[type]++;
        s->joined[type]++;
        s->ours[type] += ours;
        return;
    }
    s->open[type]--;
    s->ours[type] -= ours;
    if (s->open[type] == 0 && s->joined[type] > 1) {
        report_decision(s, ASHLAR_MEMMAP_MERGED, s->joined_from[type], address, type);
    }
}

static void note_losers(struct sweep *s, ashlar_phys address, uint32_t winner)
{
    for (uint32_t type = ASHLAR_MEMMAP_USABLE; type < MEMMAP_TYPES; type++) {
        uint32_t loses_to = s->open[type] != 0 && type < winner ? winner : 0;
        if (loses_to != s->loses_to[type]) {
            if (s->loses_to[type] != 0) {
                report_decision(s, ASHLAR_MEMMAP_OVERRIDDEN, s->loses_from[type], address, type);
                s->lost_usable |= type == ASHLAR_MEMMAP_USABLE;
            }
            s->loses_to[type] = loses_to;
            s->loses_from[type] = address;
        }
    }
    s->saw_usable |= s->open[ASHLAR_MEMMAP_USABLE] != 0;
}

/* Does the firmware list RAM here? */
static bool is_in_ram(const struct sweep *s)
{
    bool found = false;
    for (uint32_t type = ASHLAR_MEMMAP_USABLE; type <= ASHLAR_MEMMAP_KERNEL; type++) {
        found |= s->open[type] != s->ours[type];
    }
    return found;
}

static void change_run(struct sweep *s, ashlar_phys address, uint32_t type)
{
    bool in_ram = !memmap_is_reclaimable(type) || is_in_ram(s);
    uint32_t origin = s->ours[type] != 0 ? 1 : 0;
    if (type == s->run_type && in_ram == s->run_in_ram) {
        s->run_origin |= origin;
        return;
    }
    if (s->run_type != 0) {
        uint32_t became = s->run_in_ram ? s->run_type : ASHLAR_MEMMAP_RESERVED;
        if (!s->run_in_ram) {
            report_decision(s, ASHLAR_MEMMAP_NOT_RAM, s->run_from, address, s->run_type);
        }
        put_run(s, became, s->run_origin, s->run_from, address);
    }
    s->run_from = address;
    s->run_type = type;
    s->run_origin = origin;
    s->run_in_ram = in_ram;
}

static void run_sweep(struct sweep *s)
{
    while (s->next < s->total) {
        ashlar_phys address = *memmap_boundary(s->boundaries, s->next) >> BOUNDARY_SHIFT;
        do {
            pass_boundary(s, *memmap_boundary(s->boundaries, s->next));
            s->next++;
        } while (s->next < s->total && *memmap_boundary(s->boundaries, s->next) >> BOUNDARY_SHIFT == address);
        uint32_t winner = ASHLAR_MEMMAP_BAD;
        while (winner != 0 && s->open[winner] == 0) {
            winner--;
        }
        note_losers(s, address, winner);
        change_run(s, address, winner);
    }
    close_frame(s);
    push_pending(s);
}

/* --- the verdict --------------------------------------------------------- */

static bool has_usable(const struct ashlar_memmap *map)
{
    bool found = false;
    for (size_t i = 0; i < map->count; i++) {
        found |= map->entries[i].type == ASHLAR_MEMMAP_USABLE;
    }
    return found;
}

static ashlar_status judge(const struct sweep *s)
{
    struct ashlar_memmap *map = s->map;
    if (s->total == 0) {
        return ashlar_memmap_fail(map, ASHLAR_BAD_MAP, "the memory map is empty: no entry with bytes below 0x%llx",
                                  (unsigned long long)map->limit);
    }
    if (!s->saw_usable) {
        return ashlar_memmap_fail(map, ASHLAR_BAD_MAP,
                                  "the memory map lists no usable RAM: all of its %zu entries are of other types",
                                  s->total >> 1);
    }
    if (!has_usable(map)) {
        return ashlar_memmap_fail(
            map, ASHLAR_BAD_MAP,
            s->lost_usable ? "the memory map has all of its usable RAM reserved by other entries"
                           : "the memory map has no whole usable frame but, at most, frame 0, and 640 KiB to 1 MiB");
    }
    return ASHLAR_OK;
}

ashlar_status ashlar_memmap_finalize(struct ashlar_memmap *map)
{
    CONTEXTS(yes, yes, yes, no, no);
    ASHLAR_CHECK(!map->finalized, "memmap: a second finalize of map %p, by %p", (void *)map, ASHLAR_CALLER());
    size_t given = map->wanted;
    if (given > map->capacity) {
        map->wanted = 2 * given;
        return ashlar_memmap_fail(map, ASHLAR_NO_STORAGE,
                                  "the memory map has %zu entries and storage for %zu: give it %zu", given,
                                  map->capacity, map->wanted);
    }
    size_t kept = ashlar_memmap_make_boundaries(map);
    struct sweep s = {.map = map,
                      .boundaries = map->entries + (map->capacity - kept),
                      .total = 2 * kept,
                      .wanted = given};
    memmove(s.boundaries, map->entries, kept * sizeof map->entries[0]);
    run_sweep(&s);
    map->count = s.count;
    map->wanted = s.wanted;
    if (s.wanted > map->capacity) {
        map->count = 0;
        return ashlar_memmap_fail(map, ASHLAR_NO_STORAGE,
                                  "the memory map splits into more entries than its storage of %zu holds: give it %zu",
                                  map->capacity, s.wanted);
    }
    ashlar_status status = judge(&s);
    map->finalized = status == ASHLAR_OK;
    return status;
}
