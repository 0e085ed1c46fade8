/* SPDX-License-Identifier: 0BSD */
/* lay.c - where everything lies in the kernel half, and building it before there is a frame pool.
 *
 * The image may lie anywhere in kernel space, or below 1 GiB, outside of it. Its
 * *home*, the addresses around it that are the kernel's as they are, cuts kernel
 * space in two. The fixed part lies above it where it fits, else below; the larger
 * piece of what is left is the arena:
 *
 *     kernel_first                                           home                           the last page
 *     | direct map | addresses for ranges ... | fixed part | image, windows | too little |    at the top
 *     | image, windows | fixed part | direct map | addresses for ranges ...              |    at the start
 *     | direct map | addresses for ranges ... | image, windows | fixed part | not used   |    in the middle
 *     | direct map | addresses for ranges ...                          | fixed part      |    below 1 GiB
 *       (64-bit)
 *
 * Floors above say as data which *areas* they want: so many pages, some of them
 * backed. All tables of the fixed part exist from here on, whatever the sharing
 * policy, so that what lies there is never brought in by a fault; an unmapped
 * page stands between its parts, and at the end of the address space:
 *
 *     fixed part:  areas ... | array, directory, root
 *
 * The linear array comes last: it shows each table of level 1 that the kernel
 * half has, and behind them those of level 2.
 *
 * The home's entries of level 2 are taken over from the root in use, with all that
 * is below them; the tables above are new. So what else the loader has mapped is
 * gone, however near it lies.
 *
 * The frames given are used from the first upward: the root, tables that lead to
 * the home, those that the policy makes ahead, those of the fixed part, what is
 * behind areas that bring no frames of their own.
 *
 * Cost: O(tables + pages mapped).
 */
#include "space/lay.h"

#include "arch/entry.h"
#include "arch/walk.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "space/build.h"
#include "space/direct.h"
#include "tables/flush.h"
#include "tables/half.h"
#include "tables/home.h"
#include "tables/policy.h"
#include "tables/reach.h"

#define FIRST_ALIGN_PAGES ((size_t)1024) /* a multiple of what one table of level 1 covers, in every format */
#define LOW_PAGES ((ashlar_vpn)1 << 18)  /* 1 GiB: an image below is none of kernel space's */
#define GAP_PAGES ((size_t)1)

/* --- the plan: pure functions of the options ---------------------------------- */

/* Tables of this level for all of these pages. */
COLD static __attribute__((noinline)) size_t tables_covering(const struct ashlar_paging *paging, unsigned level,
                                                             ashlar_vpn first, ashlar_vpn last)
{
    unsigned shift = ashlar_entry_shift(paging, level + 1u);
    return (last >> shift) - (first >> shift) + 1u;
}

/* What only formats of more than 32 bits have costs a 32-bit machine nothing: halves, ASIDs, pages
 * larger than level 2 has. */
#define MAY_BE_WIDE (sizeof(uintptr_t) > 4u)

COLD static unsigned first_kernel_slot(const struct ashlar_paging *paging)
{
    return MAY_BE_WIDE ? ashlar_paging_kernel_slot(paging) : 0;
}

COLD static bool home_is_low(const struct ashlar_space_options *options)
{
    return options->home_first < options->kernel_first;
}

/* Kernel space on both sides of the home; a low one leaves it in one piece. The last page is nobody's. */
struct pieces {
    size_t below; /* from kernel_first on */
    ashlar_vpn above_first;
    size_t above;
};

COLD static void find_pieces(const struct ashlar_space_options *options, struct pieces *pieces)
{
    ashlar_vpn last_page = ashlar_paging_last_page(options->paging);
    ashlar_vpn cut = options->home_first, end = cut + options->home_pages;
    if (home_is_low(options)) {
        cut = end = last_page;
    }
    pieces->below = cut - options->kernel_first;
    pieces->above_first = end;
    pieces->above = end < last_page ? last_page - end : 0;
}

static size_t larger_piece(const struct pieces *pieces)
{
    return pieces->below >= pieces->above ? pieces->below : pieces->above;
}

COLD size_t ashlar_lay_room_pages(const struct ashlar_space_options *options)
{
    struct pieces pieces;
    find_pieces(options, &pieces);
    return larger_piece(&pieces);
}

/* Is kernel space where the format has it, and the home within it, or low and in slots that are not kernel space's? */
COLD static bool places_fit(const struct ashlar_space_options *options)
{
    unsigned shift = ashlar_slot_shift(options->paging);
    ashlar_vpn first = options->kernel_first, last_page = ashlar_paging_last_page(options->paging);
    ashlar_vpn home_last = options->home_first + options->home_pages - 1u;
    if ((first | options->home_first | options->home_pages) % FIRST_ALIGN_PAGES != 0 || first > last_page ||
        first >> shift < first_kernel_slot(options->paging) || home_last < options->home_first ||
        home_last > last_page) {
        return false;
    }
    return !home_is_low(options) || (home_last < LOW_PAGES && home_last >> shift < first >> shift);
}

/* Tables of level 1 from kernel_first to the end of the address space, those of level 2 above them, and the root. None
 * where all RAM is mapped: machines with more than 32 bits of address. */
COLD static size_t array_pages(const struct ashlar_space_options *options, ashlar_vpn last_page)
{
    const struct ashlar_paging *paging = options->paging;
    size_t pages = 1u; /* the root; on two-level paging that is the directory */
    if (MAY_BE_WIDE && ashlar_paging_virtual_bits(paging) > 32u) {
        return 0;
    }
    for (unsigned level = 1; level < ashlar_paging_levels(paging); level++) {
        pages += tables_covering(paging, level, options->kernel_first, last_page);
    }
    return pages;
}

/* Pages of all areas, with the gaps between them, and frames that lay puts behind them. False: they cannot be, side by side
 * in so many pages; else their sums are sane, too. */
COLD static bool add_areas(const struct ashlar_space_options *options, size_t room, struct ashlar_space_layout *layout)
{
    for (unsigned i = 0; i < options->area_count; i++) {
        const struct ashlar_area *area = &options->areas[i];
        if (area->backed_pages > area->pages || area->pages >= room) {
            return false;
        }
        room -= area->pages + GAP_PAGES;
        layout->fixed_pages += area->pages + GAP_PAGES;
        layout->area_frames += area->frame == ASHLAR_PFN_NONE ? area->backed_pages : 0;
    }
    return true;
}

/* The fixed part above the home, where it fits, else below; the arena in what is left. False: there is no room. */
COLD static bool place_parts(const struct ashlar_space_options *options, struct pieces pieces,
                             struct ashlar_space_layout *layout)
{
    if (layout->fixed_pages + GAP_PAGES < pieces.above) {
        layout->fixed_first = pieces.above_first + GAP_PAGES;
        pieces.above_first = layout->fixed_first + layout->fixed_pages;
        pieces.above -= layout->fixed_pages + GAP_PAGES;
    } else if (layout->fixed_pages < pieces.below) {
        pieces.below -= layout->fixed_pages;
        layout->fixed_first = options->kernel_first + pieces.below;
    } else {
        return false;
    }
    bool is_below = pieces.below >= pieces.above;
    layout->arena_first = layout->direct_first = is_below ? options->kernel_first : pieces.above_first;
    layout->arena_pages = is_below ? pieces.below : pieces.above;
    if (!ashlar_direct_is_wanted(options)) {
        return true;
    }
    layout->direct_pages = ashlar_direct_pages(options);
    if (!is_below) {
        layout->direct_first = round_up(layout->arena_first, GIB_PAGES); /* its pages can be as large as RAM's runs */
    }
    size_t taken = layout->direct_first - layout->arena_first + layout->direct_pages;
    bool fits = taken < layout->arena_pages;
    layout->arena_first += taken;
    layout->arena_pages -= taken;
    return fits;
}

/* User addresses end with the kernel's first slot, or the lower half; they begin behind a low image. */
COLD static void place_user(const struct ashlar_space_options *options, struct ashlar_space_layout *layout)
{
    unsigned shift = ashlar_slot_shift(options->paging);
    ashlar_vpn slot = first_kernel_slot(options->paging);
    ashlar_vpn end = (slot != 0 ? slot : options->kernel_first >> shift) << shift;
    layout->user_first = home_is_low(options) ? options->home_first + options->home_pages : 0;
    layout->user_pages = end - layout->user_first;
}

COLD static ashlar_status plan_layout(const struct ashlar_space_options *options, struct ashlar_space_layout *layout)
{
    ashlar_vpn last_page = ashlar_paging_last_page(options->paging);
    struct pieces pieces;
    memset(layout, 0, sizeof *layout);
    find_pieces(options, &pieces);
    if (!places_fit(options) || !add_areas(options, larger_piece(&pieces), layout)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    layout->kernel_first = options->kernel_first;
    layout->kernel_pages = last_page - options->kernel_first + 1u;
    layout->array_pages = array_pages(options, last_page);
    layout->areas = options->areas;
    layout->area_count = options->area_count;
    layout->fixed_pages += layout->array_pages + GAP_PAGES;
    place_user(options, layout);
    if (!place_parts(options, pieces, layout)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    layout->array_first = layout->fixed_first + layout->fixed_pages - layout->array_pages - GAP_PAGES;
    return ASHLAR_OK;
}

COLD size_t ashlar_lay_arena_pages(const struct ashlar_space_options *options)
{
    struct ashlar_space_layout layout;
    return plan_layout(options, &layout) == ASHLAR_OK ? layout.arena_pages : 0;
}

/* Those that lead to the home, those of the fixed part beside it, and those that the policy makes ahead. What is below the
 * home's entries of level 2 is there already. */
COLD static size_t count_layout_tables(const struct ashlar_space_options *options,
                                       const struct ashlar_space_layout *layout, struct carved_frames carved)
{
    unsigned top = ashlar_paging_levels(options->paging);
    ashlar_vpn first = layout->fixed_first, last = first + layout->fixed_pages - 1u;
    ashlar_vpn home_last = options->home_first + options->home_pages - 1u;
    size_t tables = top - 1u; /* the root, and those that lead to a low home: one of each level from 2 on */
    if (!home_is_low(options)) {
        tables = 1u - (options->home_pages >> ashlar_entry_shift(options->paging, HOME_LEVEL));
        first = options->home_first < first ? options->home_first : first;
        last = home_last > last ? home_last : last;
    }
    for (unsigned level = 1; level < top; level++) {
        if (level == top - 1u && ashlar_sharing_rows[options->policy].step == SHARING_ALL) {
            first = layout->kernel_first;
            last = first + layout->kernel_pages - 1u;
        }
        tables += tables_covering(options->paging, level, first, last);
    }
    return ashlar_direct_is_wanted(options) ? tables + ashlar_direct_count_tables(options, layout->direct_first, carved)
                                            : tables;
}

/* The same before and after the carve. */
COLD static ashlar_status count_lay_frames(const struct ashlar_space_options *options, struct carved_frames carved,
                                           size_t *frames)
{
    struct ashlar_space_layout layout;
    ashlar_status status = ashlar_sharing_is_built(options->policy) ? plan_layout(options, &layout) : ASHLAR_REFUSED;
    if (status == ASHLAR_OK) {
        *frames = count_layout_tables(options, &layout, carved) + layout.area_frames;
    }
    return status;
}

COLD ashlar_status ashlar_space_footprint_frames(const struct ashlar_space_options *options, size_t *frames)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    const struct carved_frames none = {0, 0};
    return count_lay_frames(options, none, frames);
}

/* All tables that PREALLOCATE makes are weighed: its own, and those of the fixed area, which every policy has. */
COLD ashlar_sharing_policy ashlar_sharing_choose(const struct ashlar_space_options *options, size_t ram_frames)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    struct ashlar_space_options all = *options;
    size_t frames = 0;
    if (options->policy != ASHLAR_SHARING_AUTO) {
        return options->policy;
    }
    all.policy = ASHLAR_SHARING_PREALLOCATE;
    bool fits = ashlar_space_footprint_frames(&all, &frames) == ASHLAR_OK && frames <= ram_frames / 100u;
    return fits || !ashlar_sharing_is_built(ASHLAR_SHARING_HYBRID) ? ASHLAR_SHARING_PREALLOCATE : ASHLAR_SHARING_HYBRID;
}

/* --- building ------------------------------------------------------------------ */

/* The home's entries of level 2 as the root in use has them, for the kernel alone; a larger page is taken in pieces. */
COLD static void adopt_home(void)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    const uint64_t user = paging_fold(paging)->user;
    ashlar_vpn page = ashlar_half.options.home_first, end = page + ashlar_half.options.home_pages;
    for (; page < end; page += (size_t)1 << ashlar_entry_shift(paging, HOME_LEVEL)) {
        struct ashlar_spot spot;
        struct ashlar_walk found;
        ashlar_walk_to(paging, ashlar_port_get_root(), page, HOME_LEVEL, &found);
        uint64_t entry = ashlar_entry_is_present(found.entry) ? found.entry & ~user : 0;
        if (MAY_BE_WIDE && found.level > HOME_LEVEL && entry != 0) {
            entry += (uint64_t)(page & (found.page_pages - 1u)) << ASHLAR_PAGE_SHIFT;
        }
        ashlar_spot_find(NULL, page, HOME_LEVEL, &spot);
        ashlar_entry_store(paging, spot.table, spot.index, entry);
        ashlar_spot_close(&spot);
    }
}

COLD static void build_all_tables(struct ashlar_builder *builder)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    ashlar_half.root = (ashlar_phys)ashlar_build_take_zeroed(builder) << ASHLAR_PAGE_SHIFT;
    ashlar_half.layout.table_frames = 1;
    ashlar_build_tables(builder, options->home_first, options->home_pages, HOME_LEVEL);
    adopt_home();
    if (ashlar_half.sharing->step == SHARING_ALL) {
        unsigned level = ashlar_paging_levels(options->paging) - 1u;
        ashlar_vpn end = layout->kernel_first + layout->kernel_pages;
        struct pieces pieces;
        find_pieces(options, &pieces);
        ashlar_build_tables(builder, layout->kernel_first, pieces.below, level);
        ashlar_build_tables(builder, pieces.above_first, end - pieces.above_first, level);
    }
    ashlar_build_tables(builder, layout->fixed_first, layout->fixed_pages, 1);
}

/* Below the array, one below the other; what lay backs itself takes frames of its own. */
COLD static void build_areas(struct ashlar_builder *builder)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    ashlar_vpn end = ashlar_half.layout.array_first;
    for (unsigned i = 0; i < options->area_count; i++) {
        struct ashlar_area *area = &options->areas[i];
        end -= area->pages + GAP_PAGES;
        area->first = end;
        if (area->frame != ASHLAR_PFN_NONE) {
            ashlar_build_map(end, area->backed_pages, area->frame);
            continue;
        }
        for (size_t page = 0; page < area->backed_pages; page++) {
            ashlar_build_map(end + page, 1, ashlar_build_take(builder));
        }
    }
}

/* Show the tables of `level` that cover the kernel half from page on, one behind the other from `to` on; holes where
 * there are none. Returns the pages of array used. */
COLD static size_t show_tables(ashlar_vpn page, unsigned level, ashlar_vpn to)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    size_t step = (size_t)1 << ashlar_entry_shift(paging, level + 1u);
    size_t count = tables_covering(paging, level, page, ashlar_paging_last_page(paging));
    for (size_t i = 0; i < count; i++, page += step) {
        struct ashlar_spot spot;
        ashlar_spot_find(NULL, page, level + 1u, &spot);
        ashlar_spot_close(&spot);
        if (ashlar_entry_is_link(paging, spot.level, spot.entry)) {
            ashlar_kernel_set_page(to + i, ashlar_entry_frame(paging, spot.entry));
        }
    }
    return count;
}

/* On two-level paging the directory is the root itself. */
COLD static void build_array(void)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    if (layout->array_pages == 0) {
        return;
    }
    ashlar_vpn to = layout->array_first + show_tables(layout->kernel_first, 1, layout->array_first);
    ashlar_half.directory_page = to;
    if (ashlar_paging_levels(ashlar_half.paging) > 2u) {
        ashlar_half.directory_first = ashlar_user_end();
        to += show_tables(ashlar_half.directory_first, 2, to);
    }
    ashlar_kernel_set_page(to, (ashlar_pfn)(ashlar_half.root >> ASHLAR_PAGE_SHIFT));
    ashlar_half.directory = ashlar_port_pointer(ashlar_page_address(ashlar_half.directory_page));
    ashlar_half.root_page = to != ashlar_half.directory_page ? ashlar_port_pointer(ashlar_page_address(to)) : NULL;
}

/* All of it, seen through windows; the root is not in use yet. */
COLD static void build_half(struct ashlar_builder *builder, struct carved_frames carved)
{
    build_all_tables(builder);
    build_areas(builder);
    build_array();
    if (ashlar_direct_is_wanted(&ashlar_half.options)) {
        ashlar_direct_build(builder, carved);
    }
}

/* READ makes a difference only to a user's page that allows nothing else. */
COLD static void fill_leaf_bits(const struct ashlar_space_options *options)
{
    const unsigned others = ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL;
    for (unsigned flags = 0; flags <= LEAF_FLAGS; flags++) {
        bool same = (flags & ASHLAR_MAP_READ) != 0 && (flags & others) != ASHLAR_MAP_USER;
        ashlar_half.leaf_bits[flags] = same ? ashlar_half.leaf_bits[flags & ~ASHLAR_MAP_READ]
                                            : ashlar_entry_page_bits(options->paging, options->features, 1, flags);
    }
}

/* What follows from the options alone. */
COLD static void begin_half(const struct ashlar_space_options *options)
{
    if (ashlar_half.paging != NULL) { /* of a boot before this one */
        memset(&ashlar_half, 0, sizeof ashlar_half);
    }
    ashlar_half.paging = options->paging;
    ashlar_half.sharing = &ashlar_sharing_rows[options->policy];
    ashlar_half.options = *options;
    ashlar_half.frame_limit = ashlar_paging_frame_limit(options->paging, options->features);
    ashlar_half.root_keep = !MAY_BE_WIDE ? 0 : ashlar_paging_root_keep(options->paging, options->features);
    ashlar_half.flushes_globals_whole =
        MAY_BE_WIDE && ashlar_half.root_keep != 0 && (options->features & ASHLAR_FEATURE_INVLPG_LEAVES_GLOBAL) != 0;
    fill_leaf_bits(options);
    (void)plan_layout(options, &ashlar_half.layout);
    ashlar_lock_init(&ashlar_half.lock, ASHLAR_RANK_KERNEL, "kernel half");
    list_init(&ashlar_half.spaces);
    ashlar_shootdown_init();
}

COLD ashlar_status ashlar_space_lay(const struct ashlar_space_options *options, ashlar_pfn carve_first,
                                    size_t carve_frames, struct ashlar_space_layout *layout)
{
    CONTEXTS(yes, no, no, no, no);
    const struct carved_frames carved = {carve_first, carve_frames};
    struct ashlar_builder builder = {carve_first, 0};
    ashlar_status status = count_lay_frames(options, carved, &builder.left);
    if (status != ASHLAR_OK) {
        return status;
    }
    ASHLAR_CHECK(builder.left <= carve_frames, "space: lay is given %zu frames, and needs %zu", carve_frames,
                 builder.left);
    begin_half(options);
    ashlar_port_pin();
    build_half(&builder, carved);
    ashlar_port_set_root(ashlar_half.root);
    ashlar_port_flush_all(); /* what the loader had mapped may have been global */
    ashlar_port_unpin();
    if (ashlar_half.layout.array_pages != 0) {
        ashlar_half.array = ashlar_port_pointer(ashlar_page_address(ashlar_half.layout.array_first));
    }
    *layout = ashlar_half.layout;
    return ASHLAR_OK;
}
