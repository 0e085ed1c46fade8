/* SPDX-License-Identifier: 0BSD */
/* carve.c - changing the type of parts of a finished map: carve and reclaim.
 *
 * Both come down to one step: within a range, all frames of one type become
 * another. The range's two ends may each split an entry; for that the room is
 * checked first, so that nothing fails once the first entry has changed. Then
 * neighbours that have become alike are joined. O(n).
 */
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "memmap/map.h"

static ashlar_phys end_of(const struct ashlar_memmap_entry *entry)
{
    return entry->base + entry->length;
}

/* Index of the entry of this type that has the address strictly within, or count. */
static size_t find_within(const struct ashlar_memmap *map, ashlar_phys address, uint32_t type)
{
    size_t i = 0;
    while (i < map->count &&
           !(map->entries[i].type == type && map->entries[i].base < address && address < end_of(&map->entries[i]))) {
        i++;
    }
    return i;
}

static void split_at(struct ashlar_memmap *map, ashlar_phys address, uint32_t type)
{
    size_t at = find_within(map, address, type);
    if (at == map->count) {
        return;
    }
    for (size_t i = map->count; i > at; i--) {
        map->entries[i] = map->entries[i - 1];
    }
    map->count++;
    map->entries[at].length = address - map->entries[at].base;
    map->entries[at + 1].length -= map->entries[at].length;
    map->entries[at + 1].base = address;
}

static void join_neighbours(struct ashlar_memmap *map)
{
    size_t kept = 0;
    for (size_t i = 1; i < map->count; i++) {
        struct ashlar_memmap_entry *last = &map->entries[kept];
        if (map->entries[i].type == last->type && map->entries[i].base == end_of(last)) {
            last->length += map->entries[i].length;
            last->origin |= map->entries[i].origin;
        } else {
            map->entries[++kept] = map->entries[i];
        }
    }
    map->count = kept + 1;
}

/* All of one type in [base, end) becomes another. Both are on frame boundaries. */
static ashlar_status retype(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys end, uint32_t from,
                            const struct ashlar_memmap_entry *to)
{
    size_t splits = (size_t)(find_within(map, base, from) != map->count) + (find_within(map, end, from) != map->count);
    if (map->capacity - map->count < splits) {
        return ashlar_memmap_fail(map, ASHLAR_NO_STORAGE,
                                  "the memory map's storage of %zu entries has no room to split one", map->capacity);
    }
    split_at(map, base, from);
    split_at(map, end, from);
    for (size_t i = 0; i < map->count; i++) {
        struct ashlar_memmap_entry *entry = &map->entries[i];
        if (entry->type == from && entry->base >= base && end_of(entry) <= end) {
            entry->type = to->type;
            entry->origin = to->origin;
        }
    }
    join_neighbours(map);
    return ASHLAR_OK;
}

/* The highest place for frames in an entry, or ASHLAR_PFN_NONE. */
static ashlar_pfn highest_fit(const struct ashlar_memmap_entry *entry, size_t frames, size_t align_frames,
                              ashlar_pfn limit_pfn)
{
    ashlar_pfn first = (ashlar_pfn)(entry->base >> ASHLAR_PAGE_SHIFT);
    ashlar_pfn end = (ashlar_pfn)(end_of(entry) >> ASHLAR_PAGE_SHIFT);
    if (limit_pfn != 0 && limit_pfn < end) {
        end = limit_pfn;
    }
    if (end < first || end - first < frames) {
        return ASHLAR_PFN_NONE;
    }
    ashlar_pfn place = round_down(end - frames, align_frames);
    return place >= first ? place : ASHLAR_PFN_NONE;
}

ashlar_status ashlar_memmap_carve(struct ashlar_memmap *map, size_t frames, size_t align_frames, ashlar_pfn limit_pfn,
                                  ashlar_pfn *first)
{
    CONTEXTS(yes, yes, yes, no, no);
    static const struct ashlar_memmap_entry kernel = {.type = ASHLAR_MEMMAP_KERNEL, .origin = 1};
    ASHLAR_CHECK(map->finalized, "memmap: carve of %zu frames from a map that is not finalized, by %p", frames,
                 ASHLAR_CALLER());
    align_frames = align_frames != 0 ? align_frames : 1;
    if (frames == 0 || !is_power_of_two(align_frames)) {
        return ashlar_memmap_fail(map, ASHLAR_BAD_ARGUMENT, "carve: %zu frames aligned to %zu make no sense", frames,
                                  align_frames);
    }
    ashlar_pfn place = ASHLAR_PFN_NONE;
    for (size_t i = map->count; i != 0 && place == ASHLAR_PFN_NONE; i--) {
        if (map->entries[i - 1].type == ASHLAR_MEMMAP_USABLE) {
            place = highest_fit(&map->entries[i - 1], frames, align_frames, limit_pfn);
        }
    }
    if (place == ASHLAR_PFN_NONE) {
        return ashlar_memmap_fail(map, ASHLAR_NO_FRAMES, "carve: %zu frames (%llu KiB), aligned to %zu, fit nowhere",
                                  frames, (unsigned long long)frames << (ASHLAR_PAGE_SHIFT - 10), align_frames);
    }
    ashlar_phys base = (ashlar_phys)place << ASHLAR_PAGE_SHIFT;
    ashlar_status status =
        retype(map, base, base + ((ashlar_phys)frames << ASHLAR_PAGE_SHIFT), ASHLAR_MEMMAP_USABLE, &kernel);
    if (status == ASHLAR_OK) {
        *first = place;
    }
    return status;
}

static bool meets_live(ashlar_phys base, ashlar_phys end, const struct ashlar_memmap_entry *live)
{
    /* Of something live that passes 2^64 the part before counts. */
    return live->length != 0 && live->base < end && (live->base >= base || live->length > base - live->base);
}

/* The first live thing in a part of [base, end) of this type, or NULL. */
static const struct ashlar_memmap_entry *find_live(const struct ashlar_memmap *map, ashlar_phys base, ashlar_phys end,
                                                   uint32_t type, const struct ashlar_memmap_entry *live, size_t count)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct ashlar_memmap_entry *entry = &map->entries[i];
        ashlar_phys from = entry->base > base ? entry->base : base;
        ashlar_phys to = end_of(entry) < end ? end_of(entry) : end;
        for (size_t j = 0; j < count && entry->type == type && from < to; j++) {
            if (meets_live(from, to, &live[j])) {
                return &live[j];
            }
        }
    }
    return NULL;
}

ashlar_status ashlar_memmap_reclaim(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length,
                                    ashlar_memmap_type type, const struct ashlar_memmap_entry *live, size_t live_count)
{
    CONTEXTS(yes, yes, yes, no, no);
    static const struct ashlar_memmap_entry usable = {.type = ASHLAR_MEMMAP_USABLE, .origin = 0};
    ASHLAR_CHECK(map->finalized, "memmap: reclaim in a map that is not finalized, by %p", ASHLAR_CALLER());
    if (!memmap_is_reclaimable(type) || length == 0 || length - 1 > ~base) {
        return ashlar_memmap_fail(map, ASHLAR_BAD_ARGUMENT, "reclaim: 0x%llx + 0x%llx, type %s, makes no sense",
                                  (unsigned long long)base, (unsigned long long)length, ashlar_memmap_type_text(type));
    }
    /* Whole frames only, and never frame 0. Nothing of a map lies above its limit, so no end passes 2^64. */
    ashlar_phys last = base + (length - 1);
    ashlar_phys end = last < map->limit ? phys_round_down(last + 1, ASHLAR_PAGE_BYTES) : map->limit;
    base = base < map->limit ? phys_round_up(base, ASHLAR_PAGE_BYTES) : map->limit;
    base = base != 0 ? base : ASHLAR_PAGE_BYTES;
    if (base >= end) {
        return ASHLAR_OK;
    }
    const struct ashlar_memmap_entry *found = find_live(map, base, end, type, live, live_count);
    if (found != NULL) {
        return ashlar_memmap_fail(map, ASHLAR_REFUSED, "reclaim: 0x%llx + 0x%llx is still in use",
                                  (unsigned long long)found->base, (unsigned long long)found->length);
    }
    return retype(map, base, end, type, &usable);
}

/* As many entries as there were before. */
COLD void ashlar_memmap_unreclaim(struct ashlar_memmap *map, const struct ashlar_memmap_entry *old)
{
    ashlar_status status = retype(map, old->base, end_of(old), ASHLAR_MEMMAP_USABLE, old);
    ASHLAR_ASSERT(status == ASHLAR_OK);
    (void)status;
}
