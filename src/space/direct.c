/* SPDX-License-Identifier: 0BSD */
/* direct.c - all RAM at one stretch of addresses, where there are enough of them.
 *
 * With 48 bits of address any frame can have one for good: reaching it is an
 * addition. Frame n is page direct_first + n; what is no usable RAM is left out,
 * so that devices are not mapped write-back and the kernel's text is not mapped
 * writable a second time. What boot has carved is RAM like any other here.
 *
 * Each run of RAM takes the largest pages that its alignment allows:
 *
 *     run      |..4K..|--2M--|--2M--|------- 1G -------|--2M--|..4K|
 *
 * Its tables are counted beforehand by the same steps that make them later. Runs
 * are in order of address, so a table is new exactly if its number is not that
 * of the last one of its level.
 *
 * Memory that comes later is mapped where it has an address: the stretch ends
 * with the GiB in which RAM ended at boot.
 *
 * Cost: O(runs + pages of the sizes used).
 */
#include "space/direct.h"

#include "base/bits.h"
#include "base/check.h"
#include "space/cursor.h"
#include "space/mapping.h"
#include "space/plan.h"
#include "tables/half.h"
#include "tables/policy.h"

struct ram_run {
    ashlar_pfn first;
    size_t frames;
};

COLD size_t ashlar_direct_pages(const struct ashlar_space_options *options)
{
    if (!ashlar_direct_is_wanted(options)) {
        return 0;
    }
    ashlar_pfn end = ashlar_memmap_end_pfn(options->map);
    for (size_t i = 0; i < options->map->count; i++) { /* what was carved may be the highest */
        const struct ashlar_memmap_entry *entry = &options->map->entries[i];
        ashlar_pfn last = (ashlar_pfn)((entry->base + entry->length) >> ASHLAR_PAGE_SHIFT);
        end = entry->type == ASHLAR_MEMMAP_KERNEL && last > end ? last : end;
    }
    return round_up(end, GIB_PAGES);
}

/* The part of a map's entry that is mapped; no frames: none is. */
COLD static struct ram_run mapped_part_of(const struct ashlar_memmap_entry *entry, const struct carved_frames *carved)
{
    struct ram_run run = {(ashlar_pfn)(entry->base >> ASHLAR_PAGE_SHIFT), (size_t)(entry->length >> ASHLAR_PAGE_SHIFT)};
    if (entry->type == ASHLAR_MEMMAP_USABLE) {
        return run;
    }
    ashlar_pfn end = run.first + run.frames, carve_end = carved->first + carved->frames;
    run.first = run.first > carved->first ? run.first : carved->first;
    end = end < carve_end ? end : carve_end;
    run.frames = entry->type == ASHLAR_MEMMAP_KERNEL && end > run.first ? end - run.first : 0;
    return run;
}

/* The next run from entry *index on, parts side by side joined; false at the end. */
COLD static bool next_ram_run(const struct ashlar_memmap *map, const struct carved_frames *carved, size_t *index,
                              struct ram_run *run)
{
    run->frames = 0;
    for (; *index < map->count; ++*index) {
        struct ram_run part = mapped_part_of(&map->entries[*index], carved);
        if (run->frames == 0) {
            *run = part;
        } else if (part.frames == 0 || part.first != run->first + run->frames) {
            break;
        } else {
            run->frames += part.frames;
        }
    }
    return run->frames != 0;
}

COLD static unsigned largest_level(const struct ashlar_space_options *options)
{
    return ashlar_paging_large_level(options->paging, options->features);
}

/* Pages that the next entry, or the next run of small ones within a table, takes from here. */
COLD static size_t direct_step_at(const struct ashlar_paging *paging, unsigned level, ashlar_vpn page, size_t left)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(paging, level == 1 ? 2 : level);
    size_t step = whole - (page & (whole - 1u));
    return step < left ? step : left;
}

COLD size_t ashlar_direct_count_tables(const struct ashlar_space_options *options, ashlar_vpn direct_first,
                                       struct carved_frames carved)
{
    const struct ashlar_paging *paging = options->paging;
    unsigned top = ashlar_paging_levels(paging);
    bool ahead = ashlar_sharing_rows[options->policy].step == SHARING_ALL;
    ashlar_vpn last[PAGING_LEVELS_MAX + 1u] = {0};
    size_t tables = 0, index = 0;
    struct ram_run run;
    while (ashlar_direct_is_wanted(options) && next_ram_run(options->map, &carved, &index, &run)) {
        for (size_t step; run.frames != 0; run.first += step, run.frames -= step) {
            ashlar_vpn page = direct_first + run.first;
            unsigned level = ashlar_level_for(paging, page, run.first, run.frames, largest_level(options));
            for (unsigned table = level; table < top - (ahead ? 1u : 0u); table++) {
                ashlar_vpn number = (page >> ashlar_entry_shift(paging, table + 1u)) + 1u;
                tables += number != last[table];
                last[table] = number;
            }
            step = direct_step_at(paging, level, page, run.frames);
        }
    }
    return tables;
}

COLD static void map_ram_run(struct ashlar_builder *builder, struct ram_run run)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    ashlar_vpn first = ashlar_half.layout.direct_first + run.first;
    struct ashlar_cursor cursor;
    size_t step;
    for (size_t done = 0; done < run.frames; done += step) {
        unsigned level = ashlar_level_for(options->paging, first + done, run.first + done, run.frames - done,
                                          largest_level(options));
        ashlar_build_tables(builder, first + done, 1, level);
        step = direct_step_at(options->paging, level, first + done, run.frames - done);
    }
    ashlar_status status =
        ashlar_cursor_try(&cursor, NULL, first, run.frames, ASHLAR_INTENT_MAP, largest_level(options));
    ASHLAR_CHECK(status == ASHLAR_OK, "space: direct map at %p: %s", (void *)ashlar_page_address(first),
                 ashlar_status_text(status));
    ashlar_cursor_map_linear(&cursor, run.first, run.frames, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE);
    ashlar_cursor_end(&cursor);
}

COLD void ashlar_direct_build(struct ashlar_builder *builder, struct carved_frames carved)
{
    size_t index = 0;
    struct ram_run run;
    while (ashlar_half.layout.direct_pages != 0 && next_ram_run(ashlar_half.options.map, &carved, &index, &run)) {
        map_ram_run(builder, run);
    }
}

/* --- memory that comes later ------------------------------------------------------ */

/* Frames of it that have an address here: those that begin it. */
COLD static size_t addressed_frames(ashlar_pfn first, size_t frames)
{
    size_t pages = ashlar_half.layout.direct_pages;
    size_t most = first < pages ? pages - first : 0;
    return frames < most ? frames : most;
}

COLD ashlar_status ashlar_direct_add(ashlar_pfn first, size_t frames)
{
    size_t pages = addressed_frames(first, frames);
    return pages == 0 ? ASHLAR_OK
                      : ashlar_space_map_linear(NULL, ashlar_half.layout.direct_first + first, pages, first,
                                                ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE);
}

COLD void ashlar_direct_remove(ashlar_pfn first, size_t frames)
{
    ashlar_vpn page = ashlar_half.layout.direct_first + first;
    size_t pages = addressed_frames(first, frames);
    struct ashlar_cursor cursor;
    if (pages == 0) {
        return;
    }
    ashlar_status status = ashlar_pages_withdraw(page, pages);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: direct map at %p, given back: %s", (void *)ashlar_page_address(page),
                 ashlar_status_text(status));
    ashlar_cursor_enter(&cursor, NULL, page, pages);
    while (cursor.pages != 0) {
        ashlar_pfn nobody[16];
        struct collected found;
        (void)ashlar_cursor_collect_step(&cursor, nobody, sizeof nobody / sizeof nobody[0], cursor.pages, &found);
    }
    ashlar_cursor_end(&cursor);
}
