/* SPDX-License-Identifier: 0BSD */
/* absent.c - [fault 156] whatever an absent entry says, a CPU that goes by its address finds no RAM there.
 *
 * Each kind of absent entry is made, and stays while all tables are looked through, and while both CPUs touch the page: the
 * simulated ones have L1TF wherever the format bears it. Two-level paging, and PAE as it is without, show that there is
 * something to be found.
 */
#include "kva/world.h"

#include "space/cursor.h"
#include "space/leaves.h"

#define RANGES 700u /* their descriptors have numbers that are addresses of RAM, in notes */

static struct {
    unsigned absent; /* entries, but empty ones */
    unsigned named;  /* of them, those that name RAM */
} found;

static struct ashlar_space space;

static bool names_ram(uint64_t entry)
{
    uint64_t bits = ((uint64_t)1 << world.format->physical_bits) - 1u;
    uint64_t frame = (entry & bits & UINT64_C(0xffffffffff000)) >> 12;
    return frame != 0 && sim_ram_has(frame);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most five levels, on the host. */
static void look_through(ashlar_pfn table, unsigned level)
{
    for (unsigned i = 0; i < ashlar_table_entries(world.paging, level); i++) {
        uint64_t entry = ashlar_entry_load(world.paging, sim_ram_frame(table), i);
        if (ashlar_entry_is_link(world.paging, level, entry)) {
            look_through(ashlar_entry_frame(world.paging, entry), level - 1u);
        } else if (!ashlar_entry_is_present(entry) && entry != 0) {
            found.absent++;
            found.named += names_ram(entry);
        }
    }
}

/* Of entries that have come, at least so many, one for `page`. */
static void check_absent(const struct ashlar_space *root, ashlar_vpn page, unsigned least, const char *what)
{
    unsigned before = found.absent;
    memset(&found, 0, sizeof found);
    look_through((ashlar_pfn)(ashlar_space_root(root) >> ASHLAR_PAGE_SHIFT), ashlar_paging_levels(world.paging));
    ok(found.absent >= before + least, "%s: %s: %u absent entries", world.name, what, found.absent);
    if (world.format->has_l1tf) {
        is_u(found.named, 0, "%s: [fault 156] %s: none names RAM", world.name, what);
    } else {
        ok(found.named != 0, "%s: %s: some name RAM, which this format cannot help", world.name, what);
    }
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        is_u(world_read(cpu, page, 0) >> 16, 0xdead, "%s: %s: CPU %u finds no page", world.name, what, cpu);
    }
    is_u(sim_violations_all(), 0, "%s: %s: nor RAM by its entry (%s)", world.name, what, sim_violation_text());
    found.absent = found.named = 0;
}

static void test_guards(void)
{
    static ashlar_vpn first[RANGES];
    uintptr_t top[64];
    bool good = true;
    for (unsigned i = 0; i < RANGES; i++) {
        good = ashlar_kva_take(1, ASHLAR_MAP_WRITE, "one", &first[i]) == ASHLAR_OK && good;
    }
    for (unsigned i = 0; i < 64; i++) {
        good = ashlar_kva_take_stack(1, "thread", &top[i]) == ASHLAR_OK && good;
    }
    ok(good, "%s: ranges and stacks", world.name);
    check_absent(NULL, first[RANGES - 1u] + 1u, RANGES + 64u, "guards of ranges");
    check_absent(NULL, world_page(top[63]) - 2u, RANGES + 64u, "guards of stacks");
    for (unsigned i = 0; i < RANGES; i += 2u) {
        ashlar_kva_give(first[i]);
    }
    for (unsigned i = 0; i < 64; i++) {
        ashlar_kva_give_stack(top[i]);
    }
    check_absent(NULL, first[0], RANGES, "ranges that wait for a purge");
    for (unsigned i = 1; i < RANGES; i += 2u) {
        ashlar_kva_give(first[i]);
    }
    world_ok("guards");
}

static void test_demand(void)
{
    static ashlar_vpn filler[RANGES];
    ashlar_vpn first = 0;
    struct ashlar_spot spot;
    bool good = true;
    for (unsigned i = 0; i < RANGES; i++) {
        good = ashlar_kva_reserve(1, 1, "filler", &filler[i]) == ASHLAR_OK && good;
    }
    good = ashlar_kva_take_demand(8, ASHLAR_MAP_WRITE, "demand", &first) == ASHLAR_OK && good;
    ok(good, "%s: a demand region", world.name);
    check_absent(NULL, first + 8u, 9, "pages on demand");
    ashlar_port_pin();
    ashlar_leaf_open(first + 2u, &spot);
    uintptr_t note = ashlar_leaf_note(&spot);
    ok(ashlar_leaf_renote(&spot, note | (uintptr_t)1 << 28), "%s: one is busy", world.name);
    check_absent(NULL, first + 8u, 9, "a page that is being brought");
    ok(ashlar_leaf_renote(&spot, note), "%s: and is not", world.name);
    ashlar_leaf_close(&spot);
    ashlar_port_unpin();
    ok(ashlar_kva_fault(world_address(first + 1u), 2), "%s: one comes", world.name);
    is_u(world_write(0, first + 1u, 77, 0), 0, "%s: and is there", world.name);
    ashlar_kva_give(first);
    for (unsigned i = 0; i < RANGES; i++) {
        ashlar_kva_unreserve(filler[i]);
    }
    world_ok("demand");
}

/* Hidden pages, of one size or both, until they are collected: the frames come back. */
static void hide(struct ashlar_space *owner, ashlar_vpn first, size_t pages, const char *what)
{
    static ashlar_pfn frames[4096];
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    struct ashlar_mapping m;
    bool same = true;
    is_u(ashlar_space_query(owner, first, &m), ASHLAR_OK, "%s: %s", world.name, what);
    ashlar_gather_init(&gather, owner);
    ashlar_cursor_enter(&cursor, owner, first, pages);
    is_u(ashlar_cursor_hide(&cursor, pages, &gather), pages, "%s: %s: hidden", world.name, what);
    ashlar_cursor_end(&cursor);
    ashlar_gather_finish(&gather);
    check_absent(owner, first, 1, what);
    ashlar_cursor_enter(&cursor, owner, first, pages);
    is_u(ashlar_cursor_collect(&cursor, frames, pages), pages, "%s: %s: collected", world.name, what);
    ashlar_cursor_end(&cursor);
    for (size_t i = 0; i < pages; i++) {
        same = same && frames[i] == m.frame + i;
    }
    ok(same, "%s: %s: the frames that were there", world.name, what);
}

static void test_hidden(void)
{
    const unsigned flags = ASHLAR_MAP_USER | ASHLAR_MAP_WRITE;
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_pfn frames = world_frames(whole, whole);
    ashlar_vpn kernel = world_addresses(2u * whole, whole);
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
    ashlar_space_switch(&space);
    is_u(ashlar_space_map_linear(&space, 0x400, 9, frames, flags), ASHLAR_OK, "%s: pages", world.name);
    hide(&space, 0x400, 9, "a user's pages");
    is_u(ashlar_space_map_linear(&space, whole, whole, frames, flags | ASHLAR_MAP_LARGE | ASHLAR_MAP_CACHE_WC),
         ASHLAR_OK, "%s: a large page", world.name);
    is_u(world_read(0, whole, SIM_USER) >> 16 == 0xdead, 0, "%s: it is there", world.name);
    hide(&space, whole, whole, "a user's large page");
    is_u(ashlar_space_map_linear(&space, 0x400, 9, frames, ASHLAR_MAP_USER), ASHLAR_OK, "%s: no access", world.name);
    hide(&space, 0x400, 9, "a user's pages without access");
    is_u(ashlar_space_map_linear(NULL, kernel, 9, frames, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: the kernel's", world.name);
    hide(NULL, kernel, 9, "the kernel's pages");
    is_u(ashlar_space_map_linear(NULL, kernel + whole, whole, frames, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE), ASHLAR_OK,
         "%s: a large one", world.name);
    hide(NULL, kernel + whole, whole, "the kernel's large page");
    ashlar_space_switch(NULL);
    is_u(ashlar_space_clear(&space, 0, ashlar_user_end(), NULL, NULL), ASHLAR_OK, "%s: emptied", world.name);
    ashlar_space_destroy(&space);
    world_ok("hidden");
}

/* Large pages with a table kept for each, given back. */
static void test_large(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    ashlar_vpn first;
    if (ashlar_paging_levels(world.paging) == 2) {
        return; /* it takes single frames */
    }
    is_u(ashlar_kva_take(2u * whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &first), ASHLAR_OK, "%s: large",
         world.name);
    ashlar_kva_give(first);
    check_absent(NULL, first, 2, "large pages that wait for a purge");
    world_ok("large");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_guards();
        test_demand();
        test_hidden();
        test_large();
    }
    return done_testing();
}
