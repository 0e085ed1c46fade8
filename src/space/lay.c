/* SPDX-License-Identifier: 0BSD */
/* lay.c - where everything lies in the kernel half, and building it before there is a frame pool.
 *
 *     kernel_first                                                            image
 *     | direct map | general arena ... | stacks | carve | strips | array, dir | ... |
 *       (64-bit)                       |<------------ fixed area ------------>|
 *
 * The fixed area lies just below the image, within the last 128 MiB (on 64-bit
 * machines within the last top-level slot), so that only the start of kernel
 * space moves with its size. All tables of the fixed area exist from here on,
 * whatever the sharing policy; an unmapped page stands between its parts.
 *
 * Nothing but the image is reachable when this runs, and nothing else need be:
 * tables are zeroed, linked and filled through the port's windows. What is
 * mapped goes through a cursor, which finds every table there and so takes no
 * frame. The linear array comes last: it shows each table of level 1 that the
 * kernel half has, and behind them those of level 2.
 *
 * The frames given are used from the first upward: the root, the tables that
 * the policy makes ahead, those of the fixed area, the first pages of the strips.
 *
 * Cost: O(tables + pages mapped).
 */
#include "space/internal.h"

#include "arch/entry.h"

#define FIXED_PAGES_MAX ((size_t)32768)  /* 128 MiB */
#define FIRST_ALIGN_PAGES ((size_t)1024) /* a multiple of what one table of level 1 covers, in every format */
#define GAP_PAGES ((size_t)1)
#define STRIPS ((size_t)2)

struct ashlar_half ashlar_half;

/* --- the plan: pure functions of the options ---------------------------------- */

COLD static size_t strip_pages(size_t arena_pages)
{
    size_t wanted = ashlar_ranges_strip_pages(arena_pages);
    return wanted < STRIP_PAGES_MAX ? wanted : STRIP_PAGES_MAX;
}

COLD static size_t covered(unsigned shift, ashlar_vpn first, ashlar_vpn last)
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
        pages += covered(ashlar_entry_shift(paging, level + 1u), options->kernel_first, last_page);
    }
    return pages;
}

/* Take a part off the top of what is left below *end. */
COLD static ashlar_vpn place(ashlar_vpn *end, size_t pages)
{
    *end -= pages + GAP_PAGES;
    return *end;
}

COLD static ashlar_status plan(const struct ashlar_space_options *options, struct ashlar_space_layout *layout)
{
    const struct ashlar_paging *paging = options->paging;
    ashlar_vpn first = options->kernel_first, end = options->image_first;
    ashlar_vpn last_page = ashlar_paging_last_page(paging);
    size_t slot_pages = (size_t)1 << ashlar_slot_shift(paging);
    size_t fixed_most = slot_pages > FIXED_PAGES_MAX ? slot_pages : FIXED_PAGES_MAX;
    size_t wanted;
    if (first % FIRST_ALIGN_PAGES != 0 || first >= end || end > last_page ||
        (first >> ashlar_slot_shift(paging)) < ashlar_paging_kernel_slot(paging)) {
        return ASHLAR_BAD_ARGUMENT;
    }
    memset(layout, 0, sizeof *layout);
    layout->kernel_first = first;
    layout->kernel_pages = last_page - first + 1u;
    layout->array_pages = array_pages(options, last_page);
    layout->strip_pages = strip_pages(end - first) + strip_pages(options->stack_pages);
    layout->carve_pages = options->carve_pages;
    layout->stacks_pages = options->stack_pages;
    wanted = layout->array_pages + layout->strip_pages + layout->carve_pages + layout->stacks_pages + 4u * GAP_PAGES;
    if (wanted >= end - first || wanted + (last_page - end) >= fixed_most) {
        return ASHLAR_BAD_ARGUMENT;
    }
    layout->array_first = place(&end, layout->array_pages);
    layout->strip_first = place(&end, layout->strip_pages);
    layout->carve_first = place(&end, layout->carve_pages);
    layout->stacks_first = place(&end, layout->stacks_pages);
    layout->direct_first = first;
    layout->direct_pages = ashlar_direct_is_wanted(options) ? ashlar_direct_pages(options) : 0;
    if (layout->direct_pages >= end - first) {
        return ASHLAR_BAD_ARGUMENT;
    }
    layout->arena_first = first + layout->direct_pages;
    layout->arena_pages = end - layout->arena_first;
    layout->strip_frames = STRIPS * ASHLAR_RANGES_FIRST_PAGES;
    return ASHLAR_OK;
}

/* Tables of a level that [first, image_first) needs, those left out on whose path the image's first page lies. */
COLD static size_t tables_between(const struct ashlar_space_options *options, unsigned level, ashlar_vpn first)
{
    unsigned shift = ashlar_entry_shift(options->paging, level + 1u);
    return (options->image_first >> shift) - (first >> shift);
}

COLD static size_t count_tables(const struct ashlar_space_options *options, const struct ashlar_space_layout *layout)
{
    unsigned top = ashlar_paging_levels(options->paging);
    size_t tables = 1u; /* the root */
    for (unsigned level = 1; level < top; level++) {
        bool ahead = level == top - 1u && ashlar_sharing_rows[options->policy].step == SHARING_ALL;
        tables += tables_between(options, level, ahead ? options->kernel_first : layout->stacks_first);
    }
    return ashlar_direct_is_wanted(options) ? tables + ashlar_direct_count_tables(options, layout->direct_first)
                                            : tables;
}

COLD ashlar_status ashlar_space_footprint_frames(const struct ashlar_space_options *options, size_t *frames)
{
    struct ashlar_space_layout layout;
    ashlar_status status = ashlar_sharing_is_built(options->policy) ? plan(options, &layout) : ASHLAR_REFUSED;
    if (status == ASHLAR_OK) {
        *frames = count_tables(options, &layout) + layout.strip_frames;
    }
    return status;
}

/* All tables that PREALLOCATE makes are weighed: its own, and those of the fixed area, which every policy has. */
COLD ashlar_sharing_policy ashlar_sharing_choose(const struct ashlar_space_options *options, size_t ram_frames)
{
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

COLD static ashlar_pfn take_frame(struct ashlar_builder *builder)
{
    ASHLAR_CHECK(builder->left != 0, "space: the kernel half needs more frames than its footprint");
    builder->left--;
    return builder->next++;
}

COLD static ashlar_pfn take_zeroed(struct ashlar_builder *builder)
{
    ashlar_pfn frame = take_frame(builder);
    void *memory = ashlar_port_open_frame(frame);
    memset(memory, 0, ASHLAR_PAGE_BYTES);
    ashlar_port_close_frame(memory);
    return frame;
}

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

COLD void ashlar_build_tables(struct ashlar_builder *builder, ashlar_vpn first, size_t pages, unsigned level)
{
    ashlar_vpn end = first + pages;
    while (first < end) {
        struct ashlar_spot spot;
        ashlar_spot_find(NULL, first, level, &spot);
        if (spot.level > level) {
            ASHLAR_CHECK(spot.entry == 0, "space: a large page at %p is where the kernel's tables go",
                         (void *)ashlar_page_address(first));
            ashlar_entry_set_link(ashlar_half.paging, spot.table, spot.index, spot.level, take_zeroed(builder), 0);
            ashlar_half.layout.table_frames++;
        } else {
            first += ashlar_spot_pages(&spot, first, end - first);
        }
        ashlar_spot_close(&spot);
    }
}

COLD static void build_tables(struct ashlar_builder *builder)
{
    const struct ashlar_space_options *options = &ashlar_half.options;
    unsigned top = ashlar_paging_levels(options->paging);
    ashlar_half.root = (ashlar_phys)take_zeroed(builder) << ASHLAR_PAGE_SHIFT;
    ashlar_half.layout.table_frames = 1;
    adopt_image();
    if (ashlar_half.sharing->step == SHARING_ALL) {
        ashlar_build_tables(builder, options->kernel_first, options->image_first - options->kernel_first, top - 1u);
    }
    ashlar_build_tables(builder, ashlar_half.layout.stacks_first,
                        options->image_first - ashlar_half.layout.stacks_first, 1);
}

/* A cursor over pages whose tables all exist. */
COLD static void open_fixed(struct ashlar_cursor *cursor, ashlar_vpn first, size_t pages)
{
    ashlar_status status = ashlar_cursor_begin(cursor, NULL, first, pages, ASHLAR_INTENT_MAP);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: fixed area at %p: %s", (void *)ashlar_page_address(first),
                 ashlar_status_text(status));
}

COLD static void map_fixed(ashlar_vpn first, size_t pages, ashlar_pfn frame)
{
    struct ashlar_cursor cursor;
    if (pages != 0) {
        open_fixed(&cursor, first, pages);
        ashlar_cursor_map_linear(&cursor, frame, pages, ASHLAR_MAP_WRITE);
        ashlar_cursor_end(&cursor);
    }
}

/* Show the tables of `level` that cover the kernel half from page on, one behind the other from `to` on; holes where
 * there are none. Returns the pages of array used. */
COLD static size_t show_tables(ashlar_vpn page, unsigned level, ashlar_vpn to)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    size_t step = (size_t)1 << ashlar_entry_shift(paging, level + 1u);
    size_t count = covered(ashlar_entry_shift(paging, level + 1u), page, ashlar_paging_last_page(paging));
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

COLD static void build_strip(struct ashlar_builder *builder, struct arena *arena, ashlar_vpn first, size_t pages)
{
    arena->strip_first = first;
    arena->strip_pages = pages;
    for (size_t i = 0; i < ASHLAR_RANGES_FIRST_PAGES; i++) {
        map_fixed(first + i, 1, take_frame(builder));
    }
}

/* All of it, seen through windows; the root is not in use yet. */
COLD static void build(struct ashlar_builder *builder, ashlar_pfn carve)
{
    ashlar_pfn first = builder->next;
    size_t frames = builder->left + ashlar_half.layout.carve_pages;
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    size_t stacks_strip = strip_pages(layout->stacks_pages);
    size_t general_strip = layout->strip_pages - stacks_strip;
    build_tables(builder);
    map_fixed(layout->carve_first, layout->carve_pages, carve);
    build_strip(builder, &ashlar_half.general, layout->strip_first, general_strip);
    build_strip(builder, &ashlar_half.stacks, layout->strip_first + general_strip, stacks_strip);
    build_array();
    if (ashlar_direct_is_wanted(&ashlar_half.options)) {
        ashlar_direct_build(builder, first, frames);
    }
}

COLD ashlar_status ashlar_space_lay(const struct ashlar_space_options *options, ashlar_pfn first, ashlar_pfn carve,
                                    struct ashlar_space_layout *layout)
{
    struct ashlar_builder builder = {first, 0};
    ashlar_status status = ashlar_space_footprint_frames(options, &builder.left);
    if (status != ASHLAR_OK) {
        return status;
    }
    memset(&ashlar_half, 0, sizeof ashlar_half);
    ashlar_half.paging = options->paging;
    ashlar_half.sharing = &ashlar_sharing_rows[options->policy];
    ashlar_half.options = *options;
    ashlar_half.frame_limit = ashlar_paging_frame_limit(options->paging, options->features);
    ashlar_half.root_keep = ashlar_paging_root_keep(options->paging, options->features);
    for (unsigned flags = 0; flags <= LEAF_FLAGS; flags++) {
        ashlar_half.leaf_bits[flags] = ashlar_entry_leaf_bits(options->paging, options->features, 1, flags);
    }
    (void)plan(options, &ashlar_half.layout);
    ashlar_lock_init(&ashlar_half.lock, ASHLAR_RANK_KERNEL, "kernel half");
    list_init(&ashlar_half.spaces);
    ashlar_shootdown_init();
    ashlar_port_pin();
    build(&builder, carve);
    ashlar_port_set_root(ashlar_half.root);
    ashlar_port_unpin();
    if (ashlar_half.layout.array_pages != 0) {
        ashlar_half.array = ashlar_port_pointer(ashlar_page_address(ashlar_half.layout.array_first));
    }
    ashlar_arena_init(&ashlar_half.general, "kernel ranges", ashlar_half.layout.arena_first,
                      ashlar_half.layout.arena_pages);
    ashlar_arena_init(&ashlar_half.stacks, "kernel stacks", ashlar_half.layout.stacks_first,
                      ashlar_half.layout.stacks_pages);
    *layout = ashlar_half.layout;
    return ASHLAR_OK;
}

COLD void ashlar_space_init(struct ashlar_frames *pool)
{
    struct ashlar_frames_stats stats;
    ashlar_half.pool = pool;
    ashlar_frames_stats(pool, &stats);
    ashlar_purge_init(stats.total_frames);
}

COLD const struct ashlar_space_layout *ashlar_space_layout(void)
{
    return &ashlar_half.layout;
}

COLD uintptr_t ashlar_space_address(ashlar_vpn page)
{
    return ashlar_page_address(page);
}

COLD unsigned ashlar_space_slot_shift(void)
{
    return ashlar_slot_shift(ashlar_half.paging);
}

COLD void ashlar_space_stats(struct ashlar_space_stats *stats)
{
    struct ashlar_ranges_stats general, stacks;
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    stats->spaces = ashlar_half.space_count;
    stats->kernel_table_frames = ashlar_half.layout.table_frames + ashlar_half.table_frames;
    stats->large_pages = ashlar_half.deposit_count;
    stats->root_writes = ashlar_half.root_writes;
    stats->root_keeps = ashlar_half.root_keeps;
    stats->growths = ashlar_half.generation;
    stats->pulls = ashlar_half.pulls;
    stats->purges = ashlar_half.purges;
    stats->purge_pages = ashlar_half.general.given_pages + ashlar_half.stacks.given_pages;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    interrupts = ashlar_lock_take(&ashlar_half.general.lock);
    ashlar_ranges_stats_locked(&ashlar_half.general.ranges, &general);
    ashlar_lock_give(&ashlar_half.general.lock, interrupts);
    interrupts = ashlar_lock_take(&ashlar_half.stacks.lock);
    ashlar_ranges_stats_locked(&ashlar_half.stacks.ranges, &stacks);
    ashlar_lock_give(&ashlar_half.stacks.lock, interrupts);
    stats->arena_free_pages = general.free_pages;
    stats->arena_largest_pages = general.largest_free_pages;
    stats->ranges = general.live - ashlar_half.general.kept_count;
    stats->stacks = stacks.live - ashlar_half.stacks.kept_count;
    stats->strip_frames = general.strip_pages + stacks.strip_pages;
    stats->flush_pages = ashlar_half.flush_pages;
    stats->flush_alls = ashlar_half.flush_alls;
    stats->kicks = ashlar_half.kicks;
}
