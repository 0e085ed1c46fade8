/* SPDX-License-Identifier: 0BSD */
/* faults.c - what callers ask for and must not get: each is refused, and nothing has changed. */
#include "kva/world.h"

static struct ashlar_space space;
static ashlar_pfn run;
static ashlar_vpn range; /* of the kernel's, with nothing behind it */

static void start(const struct world_format *format)
{
    world_start_usual(format);
    if (ashlar_space_create(&space) != ASHLAR_OK || ashlar_kva_reserve(3000, 1024, "test", &range) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    run = world_frames(2048, 1024);
    ashlar_space_switch(&space);
}

/* All that can be counted from outside, as one number. */
static uint64_t sum(void)
{
    size_t free_frames = world_free_frames();
    struct ashlar_space_stats s = world_stats();
    uint64_t sum = free_frames;
    const uint64_t parts[] = {space.table_frames, space.mapped_pages, s.arena_free_pages,    s.ranges,
                              s.stacks,           s.strip_frames,     s.kernel_table_frames, s.flush_pages,
                              s.flush_alls,       s.root_writes};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sum = sum * UINT64_C(1000003) + parts[i];
    }
    return sum;
}

static void check_refused(int line, ashlar_status got, ashlar_status want, uint64_t before, const char *title)
{
    bool same = sum() == before;
    const char *broken = world_broken();
    if (!tap_report(got == want && same && broken == NULL, line, "%s: %s", world.name, title)) {
        printf("#   got %s, want %s; %s; %s\n", ashlar_status_text(got), ashlar_status_text(want),
               same ? "nothing has changed" : "something has changed", broken != NULL ? broken : "sound");
    }
}

#define refused(call, want, title)                                                                                     \
    do {                                                                                                               \
        uint64_t before_ = sum();                                                                                      \
        ashlar_status got_ = (call);                                                                                   \
        check_refused(__LINE__, got_, (want), before_, (title));                                                       \
    } while (0)

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

/* Pages have numbers: what is not a multiple of a page cannot be said. Addresses are taken by these alone. */
static void test_misaligned(void)
{
    uintptr_t top, other;
    is_u(ashlar_kva_take_stack(2, "worker", &top), ASHLAR_OK, "%s: a stack", world.name);
    is_u(ashlar_kva_map_mmio(0xfee00123u, 8, ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC, "device", &other), ASHLAR_OK,
         "%s: [fault 36] device memory may have any alignment", world.name);
    is_u(other & 0xfffu, 0x123, "%s: its address has the same", world.name);
    like(SIM_FATAL(ashlar_kva_give_stack(top - 4u)), "is the top of no stack",
         "[fault 36] a stack given back by a misaligned top");
    like(SIM_FATAL(ashlar_kva_give_stack(top + 8u)), "is the top of no stack",
         "[fault 36] or by one within its guard page");
    like(SIM_FATAL(ashlar_kva_give_stack(top - ASHLAR_PAGE_BYTES)), "is the top of no stack",
         "or by an address in the stack");
    like(SIM_FATAL(ashlar_kva_give_stack(top - 3u * ASHLAR_PAGE_BYTES)), "is the top of no stack",
         "or by its other guard page");
    like(SIM_FATAL(ashlar_kva_give_stack(0x5000)), "is the top of no stack", "or by a user address");
    ashlar_kva_give_stack(top);
    ashlar_kva_unmap_mmio(other);
    world_ok("[fault 36] misaligned");
}

static void test_ranges(void)
{
    const ashlar_vpn last = ashlar_paging_last_page(world.paging), none = ~(ashlar_vpn)0;
    const size_t user = ashlar_user_pages();
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

static void test_flags(void)
{
    ashlar_vpn first = 77;
    uintptr_t address = 77;
    const unsigned both = ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    refused(map(5, 1, both), ASHLAR_REFUSED, "[fault 41] writable and executable");
    refused(linear(5, 1, both | ASHLAR_MAP_LARGE), ASHLAR_REFUSED, "[fault 41] linear");
    refused(kernel(range, 1, both), ASHLAR_REFUSED, "[fault 41] for the kernel");
    refused(ashlar_kva_commit(range, 1, both), ASHLAR_REFUSED, "[fault 41] commit");
    refused(ashlar_kva_take(1, both, "both", &first), ASHLAR_REFUSED, "[fault 41] take");
    refused(ashlar_kva_take_demand(1, both, "both", &first), ASHLAR_REFUSED, "[fault 41] take a demand region");
    refused(ashlar_kva_map_mmio(0xfee00000u, 4096, both, "both", &address), ASHLAR_REFUSED,
            "[fault 41] device memory");
    is_u(map(5, 1, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: a writable page", world.name);
    refused(ashlar_space_protect(&space, 5, 1, both), ASHLAR_REFUSED, "[fault 41] protect");
    is_u(ashlar_space_unmap(&space, 5, 1, &run), ASHLAR_OK, "%s: unmap it", world.name);
    refused(map(5, 1, 0x1000), ASHLAR_BAD_ARGUMENT, "unknown flags");
    refused(map(5, 1, ASHLAR_MAP_GLOBAL), ASHLAR_REFUSED, "a global user page");
    refused(kernel(range, 1, ASHLAR_MAP_USER), ASHLAR_REFUSED, "[fault 40] a user page in the kernel half");
    refused(ashlar_kva_commit(range, 1, ASHLAR_MAP_USER), ASHLAR_REFUSED, "[fault 40] committed");
    refused(ashlar_kva_take(1, ASHLAR_MAP_USER, "user", &first), ASHLAR_REFUSED, "[fault 40] taken");
    refused(ashlar_kva_take_demand(1, ASHLAR_MAP_USER, "user", &first), ASHLAR_REFUSED, "[fault 40] on demand");
    refused(ashlar_kva_map_mmio(0xfee00000u, 4096, ASHLAR_MAP_USER, "user", &address), ASHLAR_REFUSED,
            "[fault 40] device memory of the user's in the kernel half");
    ok(first == 77 && address == 77, "%s: no output was touched", world.name);
    is_u(ashlar_map_flags_status(ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL), ASHLAR_REFUSED, "%s: user and global",
         world.name);
    is_u(ashlar_map_flags_status(ASHLAR_MAP_GLOBAL), ASHLAR_OK, "%s: the kernel's may be", world.name);
}

static void test_width(const struct world_format *format)
{
    ashlar_pfn limit = ashlar_paging_frame_limit(world.paging, world.options.features);
    ashlar_pfn beyond = limit, at = limit - 1u, back;
    uintptr_t address = 77;
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
    refused(ashlar_kva_map_mmio(end - 1u, 2, 0, "device", &address), ASHLAR_BAD_ARGUMENT,
            "[fault 42] device memory beyond it");
    refused(ashlar_kva_map_mmio(~(ashlar_phys)0 - 4u, 8, 0, "device", &address), ASHLAR_BAD_ARGUMENT,
            "[fault 37] device memory that wraps");
    refused(ashlar_kva_map_mmio(0xfee00000u, 0, 0, "device", &address), ASHLAR_BAD_ARGUMENT,
            "[fault 57] no device memory at all");
    is_u(address, 77, "%s: no output was touched", world.name);
    is_u(ashlar_space_map(&space, 5, 1, &at, 0), ASHLAR_OK, "%s: the last frame of all", world.name);
    is_u(ashlar_space_unmap(&space, 5, 1, &at), ASHLAR_OK, "%s: can be mapped and unmapped", world.name);
    is_u(at, limit - 1u, "%s: all its bits come back", world.name);
    is_u(ashlar_kva_map_mmio(end - 4096u, 4096, 0, "device", &address), ASHLAR_OK, "%s: the last device", world.name);
    ashlar_kva_unmap_mmio(address);
    world_ok("[fault 42] width");
}

static void test_lengths(void)
{
    ashlar_vpn first = 77;
    uintptr_t top = 77;
    const size_t all = ~(size_t)0;
    refused(ashlar_kva_take(0, 0, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 57] take no pages");
    refused(ashlar_kva_take_stack(0, "none", &top), ASHLAR_BAD_ARGUMENT, "[fault 57] a stack of none");
    refused(ashlar_kva_take_demand(0, 0, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 57] a region of none");
    refused(ashlar_kva_reserve(0, 1, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 57] reserve none");
    refused(ashlar_kva_commit(range, 0, 0), ASHLAR_BAD_ARGUMENT, "[fault 57] commit none");
    refused(ashlar_kva_reserve(1, 3, "three", &first), ASHLAR_BAD_ARGUMENT, "an alignment that is no power of two");
    refused(ashlar_kva_reserve(all, 1, "all", &first), ASHLAR_NO_ADDRESSES, "[fault 60] reserve more than there is");
    refused(ashlar_kva_take(all, 0, "all", &first), ASHLAR_BAD_ARGUMENT, "[fault 37] take so many that guards wrap");
    refused(ashlar_kva_take_stack(all - 1u, "all", &top), ASHLAR_BAD_ARGUMENT, "[fault 37] a stack likewise");
    ok(first == 77 && top == 77, "%s: no output was touched", world.name);
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_exists();
        test_large_exists();
        test_misaligned();
        test_ranges();
        test_flags();
        test_width(format);
        test_lengths();
    }
    return done_testing();
}
