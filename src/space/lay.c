/* SPDX-License-Identifier: 0BSD */
/* lay.c - where everything lies in the kernel half, and building it before there is a frame pool.
 *
 *     kernel_first                                                              image
 *     | direct map | addresses for ranges ... | areas ... | array, directory, root | ... |
 *       (64-bit)                              |<----------- fixed part ----------->|
 *
 * Floors above say as data which *areas* they want: so many pages, some of them
 * backed. All tables of the fixed part exist from here on, whatever the sharing
 * policy, so that what lies there is never brought in by a fault; an unmapped
 * page stands between its parts. It lies just below the image, within the last
 * 128 MiB (on 64-bit machines within the last top-level slot), so that only the
 * start of kernel space moves with its size.
 *
 * The linear array comes last: it shows each table of level 1 that the kernel
 * half has, and behind them those of level 2.
 *
 * The frames given are used from the first upward: the root, the tables that
 * the policy makes ahead, those of the fixed part, what is behind areas that
 * bring no frames of their own.
 *
 * Cost: O(tables + pages mapped).
 */
#include "space/build.h"

#include "arch/entry.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "space/direct.h"
#include "tables/flush.h"
#include "tables/half.h"
#include "tables/policy.h"
#include "tables/reach.h"

#define FIXED_PAGES_MAX ((size_t)32768)  /* 128 MiB */
#define FIRST_ALIGN_PAGES ((size_t)1024) /* a multiple of what one table of level 1 covers, in every format */
#define GAP_PAGES ((size_t)1)

/* --- the plan: pure functions of the options ---------------------------------- */

COLD static size_t tables_covering(unsigned shift, ashlar_vpn first, ashlar_vpn last)
{
    return (last >> shift) - (first >> shift) + 1u;
}

/* Tables of level 1 from kernel_first to the end of the address space, those of level 2 above them, and the root. None
 * where all RAM is mapped: machines with more than 32 bits of address. */
COLD static size_t array_pages(const struct ashlar_space_options *options, ashlar_vpn last_page)
{
    const struct ashlar_paging *paging = options->paging;
    size_t pages = 1u; /* the root; on two-level paging that is the directory */
    if (ashlar_paging_virtual_bits(paging) > 32u) {
        return 0;
    }
    for (unsigned level = 1; level < ashlar_paging_levels(paging); level++) {
        pages += tables_covering(ashlar_entry_shift(paging, level + 1u), options->kernel_first, last_page);
    }
    return pages;
}

/* Can these be, side by side in so many pages? Then their sums are sane, too. */
COLD static bool areas_fit(const struct ashlar_space_options *options, size_t room)
{
    for (unsigned i = 0; i < options->area_count; i++) {
        const struct ashlar_area *area = &options->areas[i];
        if (area->backed_pages > area->pages || area->pages >= room) {
            return false;
        }
        room -= area->pages + GAP_PAGES;
    }
    return true;
}

/* Pages of all areas, with the gaps between them. */
COLD static size_t area_pages(const struct ashlar_space_options *options)
{
    size_t pages = 0;
    for (unsigned i = 0; i < options->area_count; i++) {
        pages += options->areas[i].pages + GAP_PAGES;
    }
    return pages;
}

/* Frames that lay puts behind areas. */
COLD static size_t area_frames(const struct ashlar_space_options *options)
{
    size_t frames = 0;
    for (unsigned i = 0; i < options->area_count; i++) {
        frames += options->areas[i].frame == ASHLAR_PFN_NONE ? options->areas[i].backed_pages : 0;
    }
    return frames;
}

COLD static ashlar_status plan_layout(const struct ashlar_space_options *options, struct ashlar_space_layout *layout)
{
    const struct ashlar_paging *paging = options->paging;
    ashlar_vpn first = options->kernel_first, end = options->image_first;
    ashlar_vpn last_page = ashlar_paging_last_page(paging);
    size_t slot_pages = (size_t)1 << ashlar_slot_shift(paging);
    size_t fixed_most = slot_pages > FIXED_PAGES_MAX ? slot_pages : FIXED_PAGES_MAX;
    if (first % FIRST_ALIGN_PAGES != 0 || first >= end || end > last_page ||
        (first >> ashlar_slot_shift(paging)) < ashlar_paging_kernel_slot(paging) || !areas_fit(options, end - first)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    memset(layout, 0, sizeof *layout);
    layout->kernel_first = first;
    layout->kernel_pages = last_page - first + 1u;
    layout->array_pages = array_pages(options, last_page);
    layout->area_frames = area_frames(options);
    layout->areas = options->areas;
    layout->area_count = options->area_count;
    layout->fixed_pages = layout->array_pages + GAP_PAGES + area_pages(options);
    if (layout->fixed_pages >= end - first || layout->fixed_pages + (last_page - end) >= fixed_most) {
        return ASHLAR_BAD_ARGUMENT;
    }
    layout->fixed_first = end - layout->fixed_pages;
    layout->array_first = end - layout->array_pages - GAP_PAGES;
    layout->direct_first = first;
    layout->direct_pages = ashlar_direct_is_wanted(options) ? ashlar_direct_pages(options) : 0;
    if (layout->direct_pages >= layout->fixed_first - first) {
        return ASHLAR_BAD_ARGUMENT;
    }
    layout->arena_first = first + layout->direct_pages;
    layout->arena_pages = layout->fixed_first - layout->arena_first;
    return ASHLAR_OK;
}

/* Tables of a level that [first, image_first) needs, those left out on whose path the image's first page lies. */
COLD static size_t tables_up_to_image(const struct ashlar_space_options *options, unsigned level, ashlar_vpn first)
{
    unsigned shift = ashlar_entry_shift(options->paging, level + 1u);
    return (options->image_first >> shift) - (first >> shift);
}

COLD static size_t count_layout_tables(const struct ashlar_space_options *options,
                                       const struct ashlar_space_layout *layout, struct carved_frames carved)
{
    unsigned top = ashlar_paging_levels(options->paging);
    size_t tables = 1u; /* the root */
    for (unsigned level = 1; level < top; level++) {
        bool ahead = level == top - 1u && ashlar_sharing_rows[options->policy].step == SHARING_ALL;
        tables += tables_up_to_image(options, level, ahead ? options->kernel_first : layout->fixed_first);
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

/* The top-level entries from the image's first page on, as the root in use has them. */
COLD static void adopt_image(void)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned top = ashlar_paging_levels(paging);
    ashlar_phys used = ashlar_port_get_root();
    char *from = ashlar_port_open_frame((ashlar_pfn)(used >> ASHLAR_PAGE_SHIFT));
    void *to = ashlar_port_open_frame((ashlar_pfn)(ashlar_half.root >> ASHLAR_PAGE_SHIFT));
    const void *table = from + (used & (ASHLAR_PAGE_BYTES - 1u));
    for (unsigned slot = ashlar_entry_index(paging, top, ashlar_half.options.image_first);
         slot < ashlar_table_entries(paging, top); slot++) {
        ashlar_entry_store(paging, to, slot, ashlar_entry_load(paging, table, slot));
    }
    ashlar_port_close_frame(to);
    ashlar_port_close_frame(from);
}

COLD static void build_all_tables(struct ashlar_builder *builder)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    unsigned top = ashlar_paging_levels(options->paging);
    ashlar_half.root = (ashlar_phys)ashlar_build_take_zeroed(builder) << ASHLAR_PAGE_SHIFT;
    ashlar_half.layout.table_frames = 1;
    adopt_image();
    if (ashlar_half.sharing->step == SHARING_ALL) {
        ashlar_build_tables(builder, options->kernel_first, options->image_first - options->kernel_first, top - 1u);
    }
    ashlar_build_tables(builder, ashlar_half.layout.fixed_first, options->image_first - ashlar_half.layout.fixed_first,
                        1);
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
    size_t count = tables_covering(ashlar_entry_shift(paging, level + 1u), page, ashlar_paging_last_page(paging));
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
        ashlar_half.directory_first = ashlar_user_pages();
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
    ashlar_half.root_keep = ashlar_paging_root_keep(options->paging, options->features);
    ashlar_half.flushes_globals_whole =
        ashlar_half.root_keep != 0 && (options->features & ASHLAR_FEATURE_INVLPG_LEAVES_GLOBAL) != 0;
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
    ashlar_port_unpin();
    if (ashlar_half.layout.array_pages != 0) {
        ashlar_half.array = ashlar_port_pointer(ashlar_page_address(ashlar_half.layout.array_first));
    }
    *layout = ashlar_half.layout;
    return ASHLAR_OK;
}
