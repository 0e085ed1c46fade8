/* SPDX-License-Identifier: 0BSD */
/* changes.c - long changes of a user half, holes and all: what is left of them, and who may come in between. */
#include "space/refused.h"

#include "base/token.h"
#include "tables/changer.h"

#define MOST 3000u

static struct told {
    size_t count; /* visits */
    size_t pages; /* in all of them */
    size_t large; /* visits for large pages */
    unsigned locked;
    bool order, right;
    ashlar_vpn last;
} told;

static ashlar_pfn run;
static ashlar_vpn base; /* page base is frame run */

static void visit(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    struct ashlar_mapping m;
    (void)context;
    told.order = told.order && (told.count == 0 || page > told.last);
    told.right = told.right && frame - run == page - base;
    told.last = page;
    told.count++;
    told.pages += pages;
    told.large += pages != 1;
    told.locked += ashlar_lock_held_name() != NULL || sim_interrupts_are_off() || sim_pins() != 0;
    told.right = told.right && ashlar_space_query(&space, page, &m) == ASHLAR_ABSENT; /* it may look */
}

static void begin_visits(void)
{
    told = (struct told){.order = true, .right = true};
}

static ashlar_status linear(size_t first, size_t pages, unsigned flags)
{
    return ashlar_space_map_linear(&space, base + first, pages, run + first,
                                   flags | ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
}

/* Some pages, a hole, a large page, a hole, some pages. */
static void test_clear(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    size_t before = world_free_frames();
    is_u(linear(1, 3, 0) | linear(whole, whole, ASHLAR_MAP_LARGE) | linear(2u * whole + 9u, 20, 0), ASHLAR_OK,
         "%s: pages with holes", world.name);
    refused(ashlar_space_unmap(&space, base, 3u * whole, NULL), ASHLAR_ABSENT, "[fault 123] unmap wants no holes");
    begin_visits();
    is_u(ashlar_space_clear(&space, base, 3u * whole, visit, NULL), ASHLAR_OK, "%s: [fault 123] clear", world.name);
    ok(told.pages == 23u + whole && told.large == 1 && told.count == 24u, "%s: [fault 123] all frames are told of",
       world.name);
    ok(told.order && told.right && told.locked == 0, "%s: in order, each once, without a lock", world.name);
    is_u(space.mapped_pages + space.table_frames, 0, "%s: nothing is left", world.name);
    is_u(world_free_frames(), before, "%s: nor a table", world.name);
    world_ok("clear");
    is_u(ashlar_space_clear(&space, base, 3u * whole, visit, NULL), ASHLAR_OK, "%s: clear what is empty", world.name);
    refused(ashlar_space_clear(&space, base, 0, NULL, NULL), ASHLAR_BAD_ARGUMENT, "[fault 57] clear no pages");
    refused(ashlar_space_clear(NULL, world.layout.arena_first, 1, NULL, NULL), ASHLAR_REFUSED,
            "the kernel half is not cleared");
    refused(ashlar_space_clear(&space, ashlar_user_end(), 1, NULL, NULL), ASHLAR_REFUSED,
            "[fault 40] nor pages of it in a user's name");
}

/* The edges lie in large pages, which are split: with memory for it, or not at all. */
static void test_clear_edges(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    is_u(linear(0, 3u * whole, ASHLAR_MAP_LARGE), ASHLAR_OK, "%s: three large pages", world.name);
    ashlar_frames_fail_nth(world.pool, 1, 1);
    refused(ashlar_space_clear(&space, base + 5u, 2u * whole, visit, NULL), ASHLAR_NO_FRAMES,
            "[fault 123] no table for a split");
    ashlar_frames_fail_nth(world.pool, 0, 0);
    begin_visits();
    is_u(ashlar_space_clear(&space, base + 5u, 2u * whole, visit, NULL), ASHLAR_OK, "%s: clear a part", world.name);
    ok(told.pages == 2u * whole && told.large == 1 && told.order && told.right, "%s: its frames alone", world.name);
    is_u(space.mapped_pages, whole, "%s: the rest stays", world.name);
    begin_visits();
    is_u(ashlar_space_empty(&space, visit, NULL), ASHLAR_OK, "%s: [fault 123] empty", world.name);
    ok(told.pages == whole && told.order && told.right, "%s: the rest is told of", world.name);
    is_u(space.mapped_pages + space.table_frames, 0, "%s: nothing is left", world.name);
    world_ok("edges");
}

/* To the pool, from both ends of the half. */
static void test_empty_to_pool(void)
{
    ashlar_pfn frames[64];
    size_t before = world_free_frames();
    ashlar_status status = ashlar_frames_take_bulk(world.pool, frames, 64, 0);
    for (size_t i = 0; i < 64 && status == ASHLAR_OK; i++) {
        status = ashlar_space_map(&space, i % 2u == 0 ? i : ashlar_user_end() - i * 700u, 1, &frames[i],
                                  ASHLAR_MAP_USER | ASHLAR_MAP_READ);
    }
    is_u(status, ASHLAR_OK, "%s: far pages", world.name);
    is_u(ashlar_space_empty(&space, NULL, NULL), ASHLAR_OK, "%s: empty", world.name);
    is_u(world_free_frames(), before, "%s: [fault 123] frames and tables are the pool's again", world.name);
    struct ashlar_space_stats stats = world_stats();
    is_u(ashlar_space_empty(&space, NULL, NULL), ASHLAR_OK, "%s: empty what is empty", world.name);
    is_u(world_stats().flush_alls + world_stats().flush_pages, stats.flush_alls + stats.flush_pages,
         "%s: flushes nothing", world.name);
    world_ok("empty");
}

/* What was hidden and not collected yet is taken, too; a gather names it. */
static void test_hidden(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    is_u(linear(0, 6, 0), ASHLAR_OK, "%s: six pages", world.name);
    is_u(ashlar_cursor_begin(&cursor, &space, base + 2u, 2, ASHLAR_INTENT_CHANGE), ASHLAR_OK, "%s: two", world.name);
    ashlar_gather_init(&gather, &space);
    is_u(ashlar_cursor_hide(&cursor, 2, &gather), 2, "%s: hidden", world.name);
    ashlar_cursor_end(&cursor);
    begin_visits();
    is_u(ashlar_space_clear(&space, base, 6, visit, NULL), ASHLAR_OK, "%s: clear", world.name);
    is_u(told.pages, 6, "%s: all six", world.name);
    world_ok("hidden by somebody else");
    ashlar_gather_finish(&gather);
}

/* [fault 128] A change that fails at its last page has changed nothing at its first. */
static void test_long_failure(void)
{
    is_u(linear(MOST - 1u, 1, 0), ASHLAR_OK, "%s: the last page", world.name);
    refused(linear(0, MOST, 0), ASHLAR_EXISTS, "[fault 128] a long map of which the last page is mapped");
    is_u(linear(0, MOST - 2u, 0), ASHLAR_OK, "%s: all but one", world.name);
    refused(ashlar_space_unmap(&space, base, MOST, NULL), ASHLAR_ABSENT, "[fault 128] a long unmap with a hole");
    refused(ashlar_space_protect(&space, base, MOST, ASHLAR_MAP_USER), ASHLAR_ABSENT, "[fault 128] a long protect");
    begin_visits();
    is_u(ashlar_space_empty(&space, visit, NULL), ASHLAR_OK, "%s: empty", world.name);
    is_u(told.pages, MOST - 1u, "%s: all were there", world.name);
}

/* [fault 128] While somebody changes it, others wait, or are told that they would have to. */
static void test_busy(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_mapping m;
    is_u(linear(0, 1, 0), ASHLAR_OK, "%s: a page", world.name);
    is_u(ashlar_changer_take(&space), ASHLAR_OK, "%s: somebody changes the space", world.name);
    uintptr_t interrupts = ashlar_port_irq_save();
    is_u(linear(1, 1, 0), ASHLAR_MAY_NOT_WAIT, "%s: [fault 128] map, with interrupts off", world.name);
    is_u(ashlar_space_unmap(&space, base, 1, NULL), ASHLAR_MAY_NOT_WAIT, "%s: [fault 128] unmap", world.name);
    is_u(ashlar_space_protect(&space, base, 1, 0), ASHLAR_MAY_NOT_WAIT, "%s: [fault 128] protect", world.name);
    is_u(ashlar_space_empty(&space, NULL, NULL), ASHLAR_MAY_NOT_WAIT, "%s: [fault 128] empty", world.name);
    is_u(ashlar_cursor_begin(&cursor, &space, base, 1, ASHLAR_INTENT_CHANGE), ASHLAR_MAY_NOT_WAIT,
         "%s: [fault 128] a cursor", world.name);
    is_u(ashlar_space_query(&space, base, &m), ASHLAR_OK, "%s: queries do not wait", world.name);
    ashlar_port_irq_restore(interrupts);
    const char *broken = ashlar_space_audit();
    ok(broken != NULL && strstr(broken, "busy") != NULL, "%s: an audit says busy", world.name);
    ashlar_changer_give(&space);
    is_u(ashlar_space_unmap(&space, base, 1, NULL) == ASHLAR_OK, 1, "%s: then it goes on", world.name);
    is_u(ashlar_frames_take(world.pool, 0, &run), ASHLAR_OK, "%s: take the frame", world.name);
    world_ok("busy");
}

/* [fault 127] The reserve is for the way out of a shortage, not for user tables. */
static void test_reserve(const struct world_format *format)
{
    const struct world_options options = {.kept_frames = 64};
    struct ashlar_frames_stats stats;
    ashlar_pfn device = 0x3000;
    ashlar_status status = ASHLAR_OK;
    world_start(format, &options);
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
    do {
        ashlar_pfn frame;
        status = ashlar_frames_take(world.pool, 0, &frame);
    } while (status == ASHLAR_OK);
    refused(ashlar_space_map(&space, 5, 1, &device, ASHLAR_MAP_USER | ASHLAR_MAP_READ), ASHLAR_NO_FRAMES,
            "[fault 127] user tables leave the reserve alone");
    ashlar_frames_stats(world.pool, &stats);
    is_u(stats.free_frames, 64, "%s: all of it is there", world.name);
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        if (ashlar_space_create(&space) != ASHLAR_OK) {
            world_bail("create", ASHLAR_NO_FRAMES);
        }
        ashlar_space_switch(&space);
        run = world_frames(4096, 1024);
        base = 8192;
        test_clear();
        test_clear_edges();
        test_empty_to_pool();
        test_hidden();
        test_long_failure();
        test_busy();
        test_reserve(format);
    }
    return done_testing();
}
