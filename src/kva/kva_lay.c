/* SPDX-License-Identifier: 0BSD */
/* kva_lay.c - which areas the floor wants from boot on, as data; and its start.
 *
 *     strip of the general arena | strip of the arena of stacks | stacks
 *
 * Descriptors of ranges lie in strips, whose first pages are backed before there
 * is a pool. Stacks lie in an area so that their tables exist from boot,
 * whatever the sharing policy. The general arena is what the areas leave.
 */
#include "base/check.h"
#include "base/contexts.h"
#include "base/mem.h"
#include "kva/arena.h"
#include "kva/kinds.h"
#include "kva/purge.h"

enum { AREA_STRIP, AREA_STACK_STRIP, AREA_STACKS };

_Static_assert(AREA_STACKS + 1 == ASHLAR_KVA_AREAS, "areas are as many as boot has room for");

/* With a few pages backed, and the rest as ranges come. */
COLD static struct ashlar_area strip_area(const char *name, size_t arena_pages)
{
    size_t wanted = ashlar_ranges_strip_pages(arena_pages);
    size_t pages = wanted < ASHLAR_STRIP_PAGES_MAX ? wanted : ASHLAR_STRIP_PAGES_MAX;
    return (struct ashlar_area){name, pages, ASHLAR_RANGES_FIRST_PAGES, ASHLAR_PFN_NONE, 0};
}

COLD void ashlar_kva_areas(size_t kernel_pages, size_t stack_pages, struct ashlar_area *areas)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    areas[AREA_STRIP] = strip_area("range descriptors", kernel_pages);
    areas[AREA_STACK_STRIP] = strip_area("stack descriptors", stack_pages);
    areas[AREA_STACKS] = (struct ashlar_area){"kernel stacks", stack_pages, 0, ASHLAR_PFN_NONE, 0};
}

COLD static void init_arena(struct arena *arena, const char *name, const struct ashlar_area *strip, ashlar_vpn first,
                            size_t pages)
{
    arena->strip_first = strip->first;
    arena->strip_pages = strip->pages;
    ashlar_arena_init(arena, name, first, pages);
}

COLD void ashlar_kva_init(const struct ashlar_paging *paging, struct ashlar_frames *pool,
                          const struct ashlar_area *areas)
{
    CONTEXTS(yes, no, no, no, no);
    const struct ashlar_space_layout *space = ashlar_space_layout();
    struct ashlar_frames_stats stats;
    memset(&ashlar_kva, 0, sizeof ashlar_kva);
    ashlar_kva.paging = paging;
    ashlar_kva.pool = pool;
    ashlar_range_low_names = (uintptr_t)space->user_first << ASHLAR_PAGE_SHIFT;
    ashlar_kva.layout = (struct ashlar_kva_layout){.kernel_first = space->kernel_first,
                                                   .kernel_pages = space->kernel_pages,
                                                   .arena_first = space->arena_first,
                                                   .arena_pages = space->arena_pages,
                                                   .stacks_first = areas[AREA_STACKS].first,
                                                   .stacks_pages = areas[AREA_STACKS].pages,
                                                   .strip_first = areas[AREA_STRIP].first,
                                                   .strip_pages = areas[AREA_STRIP].pages};
    init_arena(&ashlar_kva.general, "kernel ranges", &areas[AREA_STRIP], space->arena_first, space->arena_pages);
    init_arena(&ashlar_kva.stacks, "kernel stacks", &areas[AREA_STACK_STRIP], areas[AREA_STACKS].first,
               areas[AREA_STACKS].pages);
    ashlar_frames_stats(pool, &stats);
    ashlar_purge_init(stats.total_frames);
}

COLD const struct ashlar_kva_layout *ashlar_kva_layout(void)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return &ashlar_kva.layout;
}
