/* SPDX-License-Identifier: 0BSD */
/* build.c - tables and mappings before there is a frame pool.
 *
 * Nothing but the image is reachable when this runs, and nothing else need be:
 * tables are zeroed, linked and filled through the port's windows. What is
 * mapped goes through a cursor, which finds every table there and so takes no
 * frame.
 *
 * Cost: O(tables + pages mapped).
 */
#include "space/build.h"

#include "arch/entry.h"
#include "base/check.h"
#include "base/mem.h"
#include "space/cursor.h"
#include "tables/half.h"
#include "tables/reach.h"

COLD ashlar_pfn ashlar_build_take(struct ashlar_builder *builder)
{
    ASHLAR_CHECK(builder->left != 0, "space: the kernel half needs more frames than its footprint");
    builder->left--;
    return builder->next++;
}

COLD ashlar_pfn ashlar_build_take_zeroed(struct ashlar_builder *builder)
{
    ashlar_pfn frame = ashlar_build_take(builder);
    void *memory = ashlar_port_open_frame(frame);
    memset(memory, 0, ASHLAR_PAGE_BYTES);
    ashlar_port_close_frame(memory);
    return frame;
}

COLD void ashlar_build_tables(struct ashlar_builder *builder, ashlar_vpn first, size_t pages, unsigned level)
{
    ashlar_vpn end = first + pages;
    while (first < end) {
        struct ashlar_spot spot;
        ashlar_spot_find(NULL, first, level, &spot);
        if (spot.level > level) {
            ashlar_entry_set_link(ashlar_half.paging, spot.table, spot.index, spot.level,
                                  ashlar_build_take_zeroed(builder), 0);
            ashlar_half.layout.table_frames++;
        } else {
            first += ashlar_spot_pages(&spot, first, end - first);
        }
        ashlar_spot_close(&spot);
    }
}

/* A cursor over pages whose tables all exist. */
COLD static void open_built(struct ashlar_cursor *cursor, ashlar_vpn first, size_t pages)
{
    ashlar_status status = ashlar_cursor_try(cursor, NULL, first, pages, ASHLAR_INTENT_MAP, 1);
    ASHLAR_CHECK(status == ASHLAR_OK, "space: fixed area at %p: %s", (void *)ashlar_page_address(first),
                 ashlar_status_text(status));
}

COLD void ashlar_build_map(ashlar_vpn first, size_t pages, ashlar_pfn frame)
{
    struct ashlar_cursor cursor;
    if (pages != 0) {
        open_built(&cursor, first, pages);
        ashlar_cursor_map_linear(&cursor, frame, pages, ASHLAR_MAP_WRITE);
        ashlar_cursor_end(&cursor);
    }
}
