/* SPDX-License-Identifier: 0BSD */
/* faults.c - what callers ask for and must not get: each is refused, and nothing has changed. */
#include "space/refused.h"

#include <sys/mman.h>

static ashlar_pfn run;
static ashlar_vpn range; /* of the kernel's, with nothing behind it */

static void start(const struct world_format *format)
{
    world_start_usual(format);
    range = world_addresses(3000, 1024);
    if (ashlar_space_create(&space) != ASHLAR_OK || range == ASHLAR_PFN_NONE) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    run = world_frames(2048, 1024);
    ashlar_space_switch(&space);
}

static ashlar_status map(ashlar_vpn first, size_t pages, unsigned flags)
{
    ashlar_pfn frames[8];
    for (size_t i = 0; i < 8; i++) {
        frames[i] = run + i;
    }
    return ashlar_space_map(&space, first, pages, frames, flags);
}

static ashlar_status linear(ashlar_vpn first, size_t pages, unsigned flags)
{
    return ashlar_space_map_linear(&space, first, pages, run, flags);
}

static ashlar_status kernel(ashlar_vpn first, size_t pages, unsigned flags)
{
    return ashlar_space_map_linear(NULL, first, pages, run, flags);
}

static void test_exists(void)
{
    ashlar_pfn out[8] = {0};
    is_u(map(100, 3, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: three pages", world.name);
    refused(map(102, 1, 0), ASHLAR_EXISTS, "[fault 34] map over a mapping");
    refused(map(97, 4, 0), ASHLAR_EXISTS, "[fault 34] map of which only the last page is mapped");
    refused(linear(101, 1024, ASHLAR_MAP_LARGE), ASHLAR_EXISTS, "[fault 34] map linear over a mapping");
    refused(ashlar_space_unmap(&space, 103, 1, out), ASHLAR_ABSENT, "[fault 35] unmap a hole");
    refused(ashlar_space_unmap(&space, 100, 4, out), ASHLAR_ABSENT,
            "[fault 35] unmap of which the last page is a hole");
    refused(ashlar_space_unmap(&space, 99, 2, NULL), ASHLAR_ABSENT, "[fault 35] unmap of which the first page is one");
    refused(ashlar_space_unmap(&space, 99u + 2048u, 2, NULL), ASHLAR_ABSENT, "[fault 35] unmap where no table is");
    refused(ashlar_space_protect(&space, 101, 3, 0), ASHLAR_ABSENT, "[fault 35] protect a hole");
    is_u(out[0] | out[1], 0, "%s: no output was touched", world.name);
    is_u(ashlar_space_unmap(&space, 100, 3, out), ASHLAR_OK, "%s: unmap the three", world.name);
}

static void test_large_exists(void)
{
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    is_u(linear(whole, whole, ASHLAR_MAP_LARGE | ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: a large page", world.name);
    refused(map(whole + 5u, 1, 0), ASHLAR_EXISTS, "[fault 45] 4 KiB over a large page");
    refused(map(whole - 2u, 3, 0), ASHLAR_EXISTS, "[fault 45] three pages that reach into it");
    refused(linear(whole, whole, ASHLAR_MAP_LARGE), ASHLAR_EXISTS, "[fault 45] a large page over it");
    static ashlar_pfn out[1024];
    is_u(ashlar_space_unmap(&space, whole, whole, out), ASHLAR_OK, "%s: unmap it", world.name);
    is_u(out[whole - 1u], run + whole - 1u, "%s: all of it comes back", world.name);
}

static void test_ranges(void)
{
    const ashlar_vpn last = ashlar_paging_last_page(world.paging), none = ~(ashlar_vpn)0;
    const size_t user = ashlar_user_end();
    struct ashlar_mapping m;
    refused(map(5, 0, 0), ASHLAR_BAD_ARGUMENT, "[fault 57] zero length");
    refused(linear(5, 0, ASHLAR_MAP_LARGE), ASHLAR_BAD_ARGUMENT, "[fault 57] zero length, linear");
    refused(ashlar_space_unmap(&space, 5, 0, NULL), ASHLAR_BAD_ARGUMENT, "[fault 57] unmap of zero length");
    refused(ashlar_space_protect(&space, 5, 0, 0), ASHLAR_BAD_ARGUMENT, "[fault 57] protect of zero length");
    refused(map(none, 1, 0), ASHLAR_BAD_ARGUMENT, "[fault 38] the highest number is no page");
    refused(map(last + 1u, 1, 0), ASHLAR_BAD_ARGUMENT, "[fault 38] one past the last page");
    refused(map(last, 2, 0), ASHLAR_BAD_ARGUMENT, "[fault 37] a range past the last page");
    refused(linear(none - 3u, 8, 0), ASHLAR_BAD_ARGUMENT, "[fault 37] a range that wraps");
    refused(ashlar_space_unmap(&space, 5, none, NULL), ASHLAR_BAD_ARGUMENT, "[fault 37] a length that wraps");
    refused(ashlar_space_protect(&space, none, none, 0), ASHLAR_BAD_ARGUMENT, "[fault 37] both");
    refused(kernel(last, 2, 0), ASHLAR_BAD_ARGUMENT, "[fault 37] the kernel's past the last page");
    is_u(ashlar_space_query(&space, last + 1u, &m), ASHLAR_BAD_ARGUMENT, "%s: [fault 38] query", world.name);
    if (world_is_64()) {
        ashlar_vpn hole = (last >> 1) + 1u;
        refused(map(hole - 2u, 4, 0), ASHLAR_BAD_ARGUMENT, "[fault 39] across the canonical hole");
        refused(linear(hole - 1u, 2, ASHLAR_MAP_LARGE), ASHLAR_BAD_ARGUMENT, "[fault 39] linear, across the hole");
        refused(ashlar_space_protect(&space, hole - 1u, 2, 0), ASHLAR_BAD_ARGUMENT, "[fault 39] protect across it");
        refused(map(hole, 1, 0), ASHLAR_REFUSED, "[fault 40] a user page in the upper half");
    }
    refused(map(user, 1, 0), ASHLAR_REFUSED, "[fault 40] the kernel half's first page for the user");
    refused(map(user - 1u, 2, 0), user == (last >> 1) + 1u ? ASHLAR_BAD_ARGUMENT : ASHLAR_REFUSED,
            "[fault 40] a range that reaches into the kernel half");
    refused(map(world.options.image_first, 1, 0), ASHLAR_REFUSED, "[fault 40] the image for the user");
    refused(ashlar_space_unmap(&space, world.options.image_first, 1, NULL), ASHLAR_REFUSED,
            "[fault 40] unmap the image from a user space");
    refused(kernel(5, 1, 0), ASHLAR_REFUSED, "a kernel page in the user half");
    refused(kernel(user - 1u, 1, 0), ASHLAR_REFUSED, "or in its last page");
}

/* A range that cannot be is found before its frames are read: there is one, and nothing behind it. */
static void test_counts(void)
{
    const size_t none = ~(size_t)0, page = (size_t)ASHLAR_PAGE_BYTES, user = ashlar_user_end();
    const ashlar_vpn last = ashlar_paging_last_page(world.paging);
    char *memory = mmap(NULL, 2u * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + page, page, PROT_NONE) != 0) {
        world_bail("memory", ASHLAR_NO_FRAMES);
    }
    ashlar_pfn *frame = (ashlar_pfn *)(void *)(memory + page) - 1;
    *frame = run;
    refused(ashlar_space_map(&space, 5, none, frame, 0), ASHLAR_BAD_ARGUMENT, "[fault 37] more frames than numbers go");
    refused(ashlar_space_map(&space, none - 1u, 4, frame, 0), ASHLAR_BAD_ARGUMENT, "[fault 38] of no page's");
    refused(ashlar_space_map(&space, user - 1u, 2, frame, 0),
            user == (last >> 1) + 1u ? ASHLAR_BAD_ARGUMENT : ASHLAR_REFUSED, "[fault 40] more than the user half has");
    refused(ashlar_space_map(&space, user, 2, frame, 0), ASHLAR_REFUSED, "[fault 40] of the kernel's");
    refused(ashlar_space_map(NULL, range, none, frame, 0), ASHLAR_BAD_ARGUMENT, "[fault 37] for the kernel");
    refused(ashlar_space_map(NULL, 5, 2, frame, 0), ASHLAR_REFUSED, "nor of the user's, for the kernel");
    (void)munmap(memory, 2u * page);
}

static void test_flags(void)
{
    const unsigned both = ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    refused(map(5, 1, both), ASHLAR_REFUSED, "[fault 41] writable and executable");
    refused(linear(5, 1, both | ASHLAR_MAP_LARGE), ASHLAR_REFUSED, "[fault 41] linear");
    refused(kernel(range, 1, both), ASHLAR_REFUSED, "[fault 41] for the kernel");
    is_u(map(5, 1, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: a writable page", world.name);
    refused(ashlar_space_protect(&space, 5, 1, both), ASHLAR_REFUSED, "[fault 41] protect");
    is_u(ashlar_space_unmap(&space, 5, 1, &run), ASHLAR_OK, "%s: unmap it", world.name);
    refused(map(5, 1, 0x1000), ASHLAR_BAD_ARGUMENT, "unknown flags");
    refused(map(5, 1, ASHLAR_MAP_GLOBAL), ASHLAR_REFUSED, "a global user page");
    refused(kernel(range, 1, ASHLAR_MAP_USER), ASHLAR_REFUSED, "[fault 40] a user page in the kernel half");
    is_u(ashlar_map_flags_status(ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL), ASHLAR_REFUSED, "%s: user and global",
         world.name);
    is_u(ashlar_map_flags_status(ASHLAR_MAP_GLOBAL), ASHLAR_OK, "%s: the kernel's may be", world.name);
}

/* [fault 121] Whose a page is, and what he may do: as it was said, whatever the format can. */
struct permission {
    unsigned flags, told;
    unsigned user_read, user_write; /* fault bits, 0: allowed */
    bool kernel_writes;
};

#define NOT_HIS (SIM_FAULT | SIM_PRESENT | SIM_USER)
#define UR (ASHLAR_MAP_USER | ASHLAR_MAP_READ)

static void test_permission(const struct permission *p)
{
    struct ashlar_mapping m = {0, 0, 0};
    ashlar_pfn back;
    uint32_t value;
    is_u(map(5, 1, p->flags), ASHLAR_OK, "%s: flags 0x%x", world.name, p->flags);
    is_u(ashlar_space_query(&space, 5, &m), ASHLAR_OK, "%s: is there", world.name);
    is_u(m.flags, p->told, "%s: [fault 122] what was asked for is told", world.name);
    is_u(world_access(0, world_address(5), &value, SIM_READ | SIM_USER), p->user_read, "%s: [fault 121] the user reads",
         world.name);
    value = 1;
    is_u(world_access(0, world_address(5), &value, SIM_WRITE | SIM_USER), p->user_write, "%s: and writes", world.name);
    is_u(world_access(0, world_address(5), &value, SIM_READ), 0, "%s: the kernel reads", world.name);
    is_u(world_access(0, world_address(5), &value, SIM_WRITE) == 0, p->kernel_writes, "%s: and writes", world.name);
    refused(map(5, 1, p->flags), ASHLAR_EXISTS, "[fault 121] it is present, not hidden");
    is_u(ashlar_space_unmap(&space, 5, 1, &back), ASHLAR_OK, "%s: unmap", world.name);
    is_u(back, run, "%s: its frame", world.name);
    is_u(map(5, 1, m.flags), ASHLAR_OK, "%s: [fault 122] what was told can be mapped again", world.name);
    is_u(ashlar_space_query(&space, 5, &m), ASHLAR_OK, "%s: query", world.name);
    is_u(m.flags, p->told, "%s: and is told again", world.name);
    is_u(ashlar_space_protect(&space, 5, 1, UR), ASHLAR_OK, "%s: the user's to read", world.name);
    is_u(world_access(0, world_address(5), &value, SIM_READ | SIM_USER), 0, "%s: he does", world.name);
    is_u(ashlar_space_protect(&space, 5, 1, p->flags), ASHLAR_OK, "%s: as before", world.name);
    is_u(ashlar_space_query(&space, 5, &m), ASHLAR_OK, "%s: query", world.name);
    is_u(m.flags, p->told, "%s: [fault 122] protect says it as map does", world.name);
    is_u(ashlar_space_unmap(&space, 5, 1, NULL), ASHLAR_OK, "%s: unmap, to the pool", world.name);
    is_u(ashlar_frames_take(world.pool, 0, &run), ASHLAR_OK, "%s: and take it", world.name);
    world_ok("flags 0x%x", p->flags);
}

static void test_permissions(void)
{
    static const struct permission all[] = {
        {0, 0, NOT_HIS, NOT_HIS | SIM_WRITE, false},
        {ASHLAR_MAP_READ, 0, NOT_HIS, NOT_HIS | SIM_WRITE, false},
        {ASHLAR_MAP_WRITE, ASHLAR_MAP_WRITE, NOT_HIS, NOT_HIS | SIM_WRITE, true},
        {ASHLAR_MAP_EXEC, ASHLAR_MAP_EXEC, NOT_HIS, NOT_HIS | SIM_WRITE, false},
        {ASHLAR_MAP_USER, ASHLAR_MAP_USER, NOT_HIS, NOT_HIS | SIM_WRITE, false},
        {UR, UR, 0, NOT_HIS | SIM_WRITE, false},
        {UR | ASHLAR_MAP_WRITE, UR | ASHLAR_MAP_WRITE, 0, 0, true},
        {ASHLAR_MAP_USER | ASHLAR_MAP_WRITE, UR | ASHLAR_MAP_WRITE, 0, 0, true},
        {ASHLAR_MAP_USER | ASHLAR_MAP_EXEC, UR | ASHLAR_MAP_EXEC, 0, NOT_HIS | SIM_WRITE, false},
        {UR | ASHLAR_MAP_CACHE_WC, UR | ASHLAR_MAP_CACHE_WC, 0, NOT_HIS | SIM_WRITE, false},
    };
    ashlar_pfn kept = run;
    is_u(ashlar_frames_take(world.pool, 0, &run), ASHLAR_OK, "%s: a frame", world.name);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        test_permission(&all[i]);
    }
    ashlar_frames_give(world.pool, run, 0);
    run = kept;
}

/* Large pages say it, too, and their parts when they are split. */
static void test_large_permissions(void)
{
    static const unsigned flags[] = {0,
                                     ASHLAR_MAP_EXEC,
                                     ASHLAR_MAP_USER,
                                     UR,
                                     UR | ASHLAR_MAP_EXEC,
                                     ASHLAR_MAP_USER | ASHLAR_MAP_CACHE_WC,
                                     UR | ASHLAR_MAP_CACHE_WC};
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    static ashlar_pfn out[1024];
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct ashlar_mapping m = {0, 0, 0};
        size_t wrong = 0;
        is_u(linear(whole, whole, flags[i] | ASHLAR_MAP_LARGE), ASHLAR_OK, "%s: a large page", world.name);
        is_u(ashlar_space_query(&space, whole + 3u, &m), ASHLAR_OK, "%s: is there", world.name);
        size_t page_pages = (flags[i] & ASHLAR_MAP_EXEC) != 0 ? 1 : whole; /* fault 119 */
        ok(m.flags == flags[i] && m.page_pages == page_pages, "%s: [fault 122] with flags 0x%x", world.name, flags[i]);
        is_u(ashlar_space_unmap(&space, whole + 7u, 1, out), ASHLAR_OK, "%s: a part of it goes", world.name);
        for (size_t page = 0; page < whole; page++) {
            bool there = ashlar_space_query(&space, whole + page, &m) == ASHLAR_OK;
            wrong += page == 7u ? there : !there || m.flags != flags[i] || m.frame != run + page;
        }
        is_u(wrong, 0, "%s: [fault 122] the others say the same", world.name);
        is_u(ashlar_space_unmap(&space, whole, 7, out) | ashlar_space_unmap(&space, whole + 8u, whole - 8u, out + 8),
             ASHLAR_OK, "%s: unmap them", world.name);
        ok(out[0] == run && out[whole - 1u] == run + whole - 1u, "%s: all come back", world.name);
        world_ok("a large page with flags 0x%x", flags[i]);
    }
}

/* A CPU without NX: the same. */
static void test_without_nx(const struct world_format *format)
{
    const struct world_options options = {.features = WORLD_FEATURES & ~ASHLAR_FEATURE_NX};
    ashlar_status status;
    world_start(format, &options);
    status = ashlar_space_create(&space);
    run = world_frames(2048, 1024);
    ashlar_space_switch(&space);
    is_u(status, ASHLAR_OK, "%s: a space on a CPU without NX", world.name);
    test_permissions();
    test_large_permissions();
}

/* Writable and executable at once is for the space that was made for it. */
static void test_write_exec(void)
{
    static struct ashlar_space lax;
    const unsigned both = UR | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    struct ashlar_mapping m = {0, 0, 0};
    ashlar_pfn out;
    refused(ashlar_space_create_with(&lax, 2), ASHLAR_BAD_ARGUMENT, "[fault 41] unknown flags of a space");
    is_u(ashlar_space_create_with(&lax, ASHLAR_SPACE_WRITE_EXEC), ASHLAR_OK, "%s: a space that allows it", world.name);
    is_u(ashlar_space_map(&lax, 5, 1, &run, both), ASHLAR_OK, "%s: map", world.name);
    is_u(ashlar_space_query(&lax, 5, &m), ASHLAR_OK, "%s: query", world.name);
    is_u(m.flags, both, "%s: both", world.name);
    is_u(ashlar_space_protect(&lax, 5, 1, UR), ASHLAR_OK, "%s: less", world.name);
    is_u(ashlar_space_protect(&lax, 5, 1, m.flags), ASHLAR_OK, "%s: and both again", world.name);
    is_u(ashlar_space_map(&lax, 6, 1, &run, both | ASHLAR_MAP_GLOBAL), ASHLAR_REFUSED, "%s: nothing else", world.name);
    refused(map(5, 1, both), ASHLAR_REFUSED, "[fault 41] in the space beside it");
    is_u(ashlar_space_unmap(&lax, 5, 1, &out), ASHLAR_OK, "%s: unmap", world.name);
    ashlar_space_destroy(&lax);
    world_ok("writable and executable");
}

static void test_width(const struct world_format *format)
{
    ashlar_pfn limit = ashlar_paging_frame_limit(world.paging, world.options.features);
    ashlar_pfn beyond = limit, at = limit - 1u, back;
    ashlar_phys end = (ashlar_phys)1 << format->physical_bits;
    is_u(limit, end >> 12, "%s: the CPU's width", world.name);
    refused(ashlar_space_map(&space, 5, 1, &beyond, 0), ASHLAR_BAD_ARGUMENT,
            "[fault 42] a frame beyond the CPU's width");
    const ashlar_pfn pair[2] = {run, beyond};
    refused(ashlar_space_map(&space, 5, 2, pair, 0), ASHLAR_BAD_ARGUMENT, "[fault 42] as the second of two");
    is_u(ashlar_space_map(&space, 5, 1, pair, 0), ASHLAR_OK, "%s: the one behind the last is nobody's concern",
         world.name);
    is_u(ashlar_space_unmap(&space, 5, 1, &back), ASHLAR_OK, "%s: unmap", world.name);
    refused(ashlar_space_map_linear(&space, 5, 2, at, 0), ASHLAR_BAD_ARGUMENT,
            "[fault 42] a run that reaches beyond it");
    refused(ashlar_space_map_linear(&space, 5, 2, ~(ashlar_pfn)0, 0), ASHLAR_BAD_ARGUMENT, "[fault 42] one that wraps");
    size_t whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    refused(ashlar_space_map_linear(&space, 0, 2u * whole, limit - whole, ASHLAR_MAP_LARGE), ASHLAR_BAD_ARGUMENT,
            "[fault 42] large pages of which the last is beyond it");
    refused(ashlar_space_map(NULL, range, 2, pair, 0), ASHLAR_BAD_ARGUMENT, "[fault 42] for the kernel");
    refused(ashlar_space_map_linear(NULL, range, 2, at, 0), ASHLAR_BAD_ARGUMENT, "[fault 42] a run for the kernel");
    is_u(ashlar_space_map_linear(NULL, range, 1, at, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: the last one", world.name);
    is_u(ashlar_space_unmap(NULL, range, 1, &back), ASHLAR_OK, "%s: can be unmapped", world.name);
    is_u(back, at, "%s: all its bits come back", world.name);
    is_u(ashlar_space_map(&space, 5, 1, &at, 0), ASHLAR_OK, "%s: the last frame of all", world.name);
    is_u(ashlar_space_unmap(&space, 5, 1, &at), ASHLAR_OK, "%s: can be mapped and unmapped", world.name);
    is_u(at, limit - 1u, "%s: all its bits come back", world.name);
    world_ok("[fault 42] width");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_exists();
        test_large_exists();
        test_ranges();
        test_counts();
        test_flags();
        test_permissions();
        test_large_permissions();
        test_write_exec();
        test_width(format);
        test_without_nx(format);
    }
    return done_testing();
}
