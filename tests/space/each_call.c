/* SPDX-License-Identifier: 0BSD */
/* each_call.c - each call that takes a range of pages, with each range that no page, or no page of this half, is in; and
 * with pages that are hidden, and neither there nor free. In threads, and with interrupts off by who is alone.
 */
#include "space/refused.h"

static ashlar_pfn run;
static struct ashlar_space *half; /* the user half, or NULL */
static bool alone;                /* one CPU takes part, and calls with interrupts off */

enum call { MAP, MAP_LINEAR, MAP_LARGE, UNMAP, UNMAP_TO_CALLER, PROTECT, CLEAR, BEGIN_MAP, BEGIN_CHANGE, CALLS };

static const char *const call_text[CALLS] = {"map",   "map linear", "map in large pages",   "unmap", "unmap", "protect",
                                             "clear", "a cursor",   "a cursor that changes"};

/* Frames only as many as can be read. */
static ashlar_pfn frames[8];

static ashlar_status begin_and_end(ashlar_vpn first, size_t pages, ashlar_intent intent)
{
    struct ashlar_cursor cursor;
    ashlar_status status = ashlar_cursor_begin(&cursor, half, first, pages, intent);
    if (status == ASHLAR_OK) {
        ashlar_cursor_end(&cursor);
    }
    return status;
}

static ashlar_status call_here(enum call call, ashlar_vpn first, size_t pages)
{
    const unsigned flags = half != NULL ? ASHLAR_MAP_USER | ASHLAR_MAP_WRITE : ASHLAR_MAP_WRITE;
    switch (call) {
    case MAP:
        return ashlar_space_map(half, first, pages, frames, flags);
    case MAP_LINEAR:
        return ashlar_space_map_linear(half, first, pages, 1, flags);
    case MAP_LARGE:
        return ashlar_space_map_linear(half, first, pages, first & 0x3ffu, flags | ASHLAR_MAP_LARGE);
    case UNMAP:
        return ashlar_space_unmap(half, first, pages, NULL);
    case UNMAP_TO_CALLER:
        return ashlar_space_unmap(half, first, pages, frames);
    case PROTECT:
        return ashlar_space_protect(half, first, pages, flags);
    case CLEAR:
        return ashlar_space_clear(half, first, pages, NULL, NULL);
    case BEGIN_MAP:
        return begin_and_end(first, pages, ASHLAR_INTENT_MAP);
    case BEGIN_CHANGE:
        return begin_and_end(first, pages, ASHLAR_INTENT_CHANGE);
    case CALLS:
        break;
    }
    return ASHLAR_OK;
}

static ashlar_status call_with(enum call call, ashlar_vpn first, size_t pages)
{
    uintptr_t interrupts = alone ? ashlar_port_irq_save() : 0;
    ashlar_status status = call_here(call, first, pages);
    if (alone) {
        ashlar_port_irq_restore(interrupts);
    }
    return status;
}

static void refuse_by_all(ashlar_vpn first, size_t pages, ashlar_status want, const char *title)
{
    char text[120];
    for (unsigned call = 0; call < CALLS; call++) {
        ashlar_status mine = call == CLEAR && half == NULL ? ASHLAR_REFUSED : want;
        if (half != NULL && call >= BEGIN_MAP && pages > ASHLAR_CURSOR_PAGES) {
            mine = ASHLAR_BAD_ARGUMENT;
        }
        snprintf(text, sizeof text, "%s: %s, %s", title, call_text[call], half != NULL ? "a user's" : "the kernel's");
        refused(call_with((enum call)call, first, pages), mine, text);
    }
}

static void test_ranges(void)
{
    const ashlar_vpn last = ashlar_paging_last_page(world.paging), none = ~(ashlar_vpn)0;
    const ashlar_vpn user = ashlar_user_end(), other = half != NULL ? user : 5u;
    const ashlar_vpn own = half != NULL ? 5u : world.layout.arena_first;
    const bool hole = ashlar_paging_kernel_slot(world.paging) != 0;
    refuse_by_all(own, 0, ASHLAR_BAD_ARGUMENT, "[fault 57] no pages");
    refuse_by_all(other, 0, ASHLAR_BAD_ARGUMENT, "[fault 57] no pages of the other half");
    refuse_by_all(own, none, ASHLAR_BAD_ARGUMENT, "[fault 37] a count that wraps");
    refuse_by_all(own, none - own + 1u, ASHLAR_BAD_ARGUMENT, "[fault 37] to the last number");
    refuse_by_all(none - 1u, 4, ASHLAR_BAD_ARGUMENT, "[fault 37] a range that wraps");
    refuse_by_all(last, 2, ASHLAR_BAD_ARGUMENT, "[fault 37] past the last page");
    refuse_by_all(last + 1u, 1, ASHLAR_BAD_ARGUMENT, "[fault 38] no such page");
    refuse_by_all(none, 1, ASHLAR_BAD_ARGUMENT, "[fault 38] the highest number");
    if (hole) {
        ashlar_vpn middle = (last >> 1) + 1u;
        refuse_by_all(middle - 1u, 2, ASHLAR_BAD_ARGUMENT, "[fault 39] across the hole");
        refuse_by_all(5, last - 5u, ASHLAR_BAD_ARGUMENT, "[fault 39] nearly everything");
    }
    refuse_by_all(user - 1u, 2, hole ? ASHLAR_BAD_ARGUMENT : ASHLAR_REFUSED, "[fault 40] pages of both halves");
    refuse_by_all(other, 1, ASHLAR_REFUSED, "[fault 40] a page of the other half");
    refuse_by_all(half != NULL ? last : user - 1u, 1, ASHLAR_REFUSED, "[fault 40] its last one");
}

/* --- hidden pages -------------------------------------------------------------------------------------- */

static void hide(ashlar_vpn first, size_t pages, struct ashlar_gather *gather)
{
    struct ashlar_cursor cursor;
    ashlar_gather_init(gather, half);
    is_u(ashlar_cursor_begin(&cursor, half, first, pages, ASHLAR_INTENT_CHANGE), ASHLAR_OK, "%s: hide", world.name);
    is_u(ashlar_cursor_hide(&cursor, pages, gather), pages, "%s: all of it", world.name);
    ashlar_cursor_end(&cursor);
}

static void collect(ashlar_vpn first, size_t pages, struct ashlar_gather *gather)
{
    static ashlar_pfn out[1024];
    struct ashlar_cursor cursor;
    ashlar_gather_finish(gather);
    size_t most = half != NULL ? ASHLAR_CURSOR_PAGES : pages, wrong = 0, count = 0;
    for (size_t done = 0; done < pages; done += most) {
        size_t step = pages - done < most ? pages - done : most;
        is_u(ashlar_cursor_begin(&cursor, half, first + done, step, ASHLAR_INTENT_COLLECT), ASHLAR_OK, "%s: collect",
             world.name);
        count += ashlar_cursor_collect(&cursor, out + done, step);
        ashlar_cursor_end(&cursor);
    }
    for (size_t i = 0; i < pages; i++) {
        wrong += out[i] != run + i;
    }
    ok(count == pages && wrong == 0, "%s: each frame comes back as it was", world.name);
}

static void test_hidden(ashlar_vpn first, size_t pages, unsigned flags)
{
    struct ashlar_gather gather;
    flags |= half != NULL ? ASHLAR_MAP_USER | ASHLAR_MAP_WRITE : ASHLAR_MAP_WRITE;
    is_u(ashlar_space_map_linear(half, first, pages, run, flags), ASHLAR_OK, "%s: %zu pages", world.name, pages);
    hide(first, pages, &gather);
    for (size_t page = 0; page < pages; page += pages - 1u) {
        struct ashlar_mapping m;
        is_u(ashlar_space_query(half, first + page, &m), ASHLAR_ABSENT, "%s: it is not there", world.name);
        for (unsigned call = 0; call < CALLS; call++) {
            ashlar_status want = call == BEGIN_MAP || call < UNMAP ? ASHLAR_EXISTS : ASHLAR_ABSENT;
            if (call != CLEAR) {
                refused(call_with((enum call)call, first + page, 1), want,
                        want == ASHLAR_EXISTS ? "[fault 34] a hidden page is not free" : "[fault 35] nor is it there");
            }
        }
    }
    collect(first, pages, &gather);
    is_u(ashlar_space_map_linear(half, first, pages, run, flags), ASHLAR_OK, "%s: then it is free", world.name);
    hide(first, pages, &gather);
    collect(first, pages, &gather);
    world_ok("hidden pages");
}

static void test_half(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_vpn first = half != NULL ? 4u * whole : world_addresses(whole, 1024);
    test_ranges();
    test_hidden(first + 5u, 3, 0);
    if (half == NULL || whole <= ASHLAR_CURSOR_PAGES) {
        first = half != NULL ? 8u * whole : world_addresses(whole, 1024);
        test_hidden(first, whole, ASHLAR_MAP_LARGE);
    }
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
        run = world_frames(1024, 1024);
        for (unsigned i = 0; i < 8; i++) {
            frames[i] = run + i;
        }
        for (unsigned with = 0; with < 2; with++) {
            alone = with != 0;
            if (alone) {
                world_leave();
            }
            half = &space;
            test_half();
            half = NULL;
            test_half();
        }
    }
    return done_testing();
}
