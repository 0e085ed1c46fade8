/* SPDX-License-Identifier: 0BSD */
/* violation.c - each wrong sequence of a kernel is found, and the right one is not. */
#include "sim/tables.h"

static void expect(enum sim_violation kind, unsigned long want, const char *what)
{
    is_u(sim_violations(kind), want, "%s: %s", names[format], what);
    is_u(sim_violations_all(), want, "%s: and nothing else", names[format]);
    sim_violations_clear();
}

/* Unmap, free, flush: in the right order and in wrong ones. */
static void test_early_free(void)
{
    start();
    is_u(frame_of(0, ADDRESS) == PAGE && frame_of(1, ADDRESS) == PAGE, 1, "%s: both CPUs use a page", names[format]);
    put(TABLE, 5, 0);
    sim_mmu_flush_page(0, ADDRESS);
    sim_frame_freed(PAGE);
    expect(SIM_STALE_FRAME, 1, "[fault 49] freed before the other CPU has flushed");
    (void)use(1, ADDRESS, SIM_READ);
    expect(SIM_FREED_ACCESS, 1, "used through the stale translation");
    sim_frame_taken(PAGE);
    expect(SIM_STALE_FRAME, 1, "taken by somebody else meanwhile");
    sim_mmu_flush_page(1, ADDRESS);
    sim_frame_freed(PAGE);
    sim_frame_taken(PAGE);
    expect(SIM_STALE_FRAME, 0, "freed after both have: the right order");
    sim_frame_freed(PAGE + 1u);
    put(TABLE, 6, (PAGE + 1u) << 12 | P);
    (void)use(0, 0x6000, SIM_READ);
    expect(SIM_FREED_ACCESS, 1, "a free frame that is mapped");
}

static void test_early_table(void)
{
    start();
    (void)use(0, ADDRESS, SIM_READ);
    put(upper(), 0, 0);
    sim_mmu_flush_page(1, ADDRESS);
    sim_frame_freed(TABLE);
    expect(SIM_STALE_TABLE, 1, "a table freed before the flush");
    (void)use(0, 0x6000, SIM_READ);
    expect(SIM_FREED_ACCESS, 1, "and walked afterwards");
    start();
    (void)use(0, ADDRESS, SIM_READ);
    put(upper(), 0, 0);
    sim_mmu_flush_page(0, ADDRESS);
    sim_frame_freed(TABLE);
    expect(SIM_STALE_TABLE, 0, "freed after it: the right order");
}

static void test_root(void)
{
    start();
    sim_frame_freed(1);
    expect(SIM_STALE_ROOT, 2, "the root of two CPUs is freed");
    sim_mmu_set_root(0, 0x1000);
    expect(SIM_FREED_ACCESS, 1, "a free frame becomes a root");
    sim_mmu_set_root(0, 0x2000);
    sim_mmu_set_root(1, 0x2000);
    sim_frame_freed(1);
    expect(SIM_STALE_ROOT, 0, "freed when nobody has it");
    sim_mmu_set_root(0, 0x2008);
    expect(SIM_BAD_ROOT, 1, "a root that is not aligned");
    sim_mmu_set_root(0, UINT64_C(1) << 33);
    expect(SIM_BAD_ROOT, 1, "a root beyond the machine");
    if (format == SIM_PAE) {
        sim_frame_freed(DIRECTORY);
        expect(SIM_STALE_TABLE, 2, "a directory freed while it is in a register of two CPUs");
    }
}

/* What a PCID knows may be wrong while it is not in use; not when it is kept. */
static void test_stale_pcid(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL | SIM_CPU_PCIDE};
    if (format < SIM_FOUR_LEVEL) {
        return;
    }
    start_with(&options);
    sim_mmu_set_root(1, 0x2000);
    sim_mmu_set_root(0, 0x1003);
    (void)use(0, ADDRESS, SIM_READ);
    sim_mmu_set_root(0, 0x2004);
    sim_frame_freed(PAGE);
    expect(SIM_STALE_FRAME, 0, "freed while a PCID that is not in use knows it");
    sim_mmu_set_root(0, 0x1003 | SIM_KEEP);
    expect(SIM_STALE_PCID, 1, "and then kept");
    sim_mmu_set_root(0, 0x1003);
    sim_mmu_set_root(0, 0x2004);
    sim_mmu_set_root(0, 0x1003 | SIM_KEEP);
    expect(SIM_STALE_PCID, 0, "forgotten, and then kept");
    put(TABLE, 6, (PAGE + 6u) << 12 | P);
    (void)use(0, 0x6000, SIM_READ);
    sim_mmu_set_root(0, 0x2004);
    sim_frame_freed(TABLE);
    sim_mmu_set_root(0, 0x1003 | SIM_KEEP);
    expect(SIM_STALE_PCID, 1, "a table that it knows is freed");
    sim_mmu_set_root(0, 0x2003 | SIM_KEEP);
    expect(SIM_STALE_PCID, 1, "kept for another root than the one it knows");
    sim_mmu_set_root(0, 0x1000 | SIM_PCIDS);
    expect(SIM_BAD_ROOT, 1, "a PCID that the machine does not have");
}

/* A large page at 4 or 2 MiB times 3, and a table in its place. */
static void test_sizes(void)
{
    uint64_t large = narrow() ? 0xc00000 : 0x600000;
    uint64_t physical = narrow() ? 0x800000 : 0x400000;
    unsigned index = 3;
    start();
    put(upper(), index, physical | P | W | PS | A | D);
    is_u(frame_of(0, large + 0x5000), (physical >> 12) + 5u, "%s: a large page", names[format]);
    for (unsigned i = 0; i < 512; i++) {
        put(OTHER_TABLE, i, (physical + i * UINT64_C(4096)) | P | W | A | D);
    }
    put(upper(), index, OTHER_TABLE << 12 | P | W | A);
    is_u(frame_of(0, large + 0x6000), (physical >> 12) + 6u, "%s: still that page, whatever is there", names[format]);
    sim_mmu_flush_page(0, large + 0x7000);
    is_u(sim_tlb_has(0, large + 0x5000), false, "%s: a flush of any part forgets it", names[format]);
    is_u(frame_of(0, large + 0x6000), (physical >> 12) + 6u, "%s: a part of it, from the table", names[format]);
    put(upper(), index, physical | P | W | PS | A | D);
    sim_tlb_fill(0, large + 0x9000);
    expect(SIM_MIXED_SIZES, 0, "two sizes, no difference");
}

/* The same address as a small page and, after another page brought the structure in anew, as a large one. */
static void test_mixed(void)
{
    uint64_t large = narrow() ? 0xc00000 : 0x600000;
    uint64_t physical = narrow() ? 0x800000 : 0x400000;
    start();
    put(upper(), 3, OTHER_TABLE << 12 | P | W);
    put(OTHER_TABLE, 5, PAGE << 12 | P | W);
    is_u(frame_of(0, large + 0x5000), PAGE, "%s: a small page", names[format]);
    put(upper(), 3, physical | P | PS | W);
    sim_mmu_flush_page(0, large + 0x6000);
    is_u(frame_of(0, large + 0x5000), PAGE, "%s: not flushed itself: it stays", names[format]);
    is_u(use(0, large + 0x5000, SIM_WRITE), 0, "%s: a write looks at the tables again", names[format]);
    is_u(frame_of(0, large + 0x5000), (physical >> 12) + 5u, "%s: and finds the large page", names[format]);
    start();
    put(upper(), 3, OTHER_TABLE << 12 | P | W);
    put(OTHER_TABLE, 5, PAGE << 12 | P);
    put(OTHER_TABLE, 6, PAGE << 12 | P);
    (void)use(0, large + 0x5000, SIM_READ);
    put(upper(), 3, physical | P | PS | W);
    sim_mmu_flush_page(0, large + 0x6000);
    (void)use(0, large + 0x7000, SIM_READ);
    expect(SIM_MIXED_SIZES, 1, "large and small pages of one address, unlike each other");
}

static void test_reserved(void)
{
    uint64_t large = narrow() ? 0xc00000 : 0x600000;
    start();
    put(upper(), 3, 0x800000 | P | PS | (narrow() ? 1u << 21 : 1u << 20));
    is_u(use(0, large, SIM_READ), SIM_FAULT | SIM_PRESENT | SIM_RESERVED, "%s: a misaligned large page", names[format]);
    expect(SIM_RESERVED_BIT, 1, "[fault 54] is a reserved bit");
    if (!narrow()) {
        put(TABLE, 5, (UINT64_C(1) << 50) | P);
        is_u(use(0, ADDRESS, SIM_WRITE), SIM_FAULT | SIM_PRESENT | SIM_RESERVED | SIM_WRITE, "%s: a frame beyond",
             names[format]);
        expect(SIM_RESERVED_BIT, 1, "the physical width is a reserved bit");
    }
    if (format >= SIM_FOUR_LEVEL) {
        is_u(use(0, UINT64_C(1) << 62, SIM_READ), SIM_FAULT | SIM_FAULT_CANONICAL, "%s: not canonical", names[format]);
        put(1, 1, PAGE << 12 | P | PS);
        is_u(use(0, format == SIM_FOUR_LEVEL ? UINT64_C(1) << 39 : UINT64_C(1) << 48, SIM_READ),
             SIM_FAULT | SIM_PRESENT | SIM_RESERVED, "%s: no large page at the top", names[format]);
        expect(SIM_RESERVED_BIT, 1, "is a reserved bit");
    }
}

/* [fault 156] What is absent is believed by a CPU with L1TF, and by no other. */
static void test_absent(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL, .has_l1tf = true};
    start_with(&options);
    put(TABLE, 5, PAGE << 12 | 0x262u);
    is_u(use(0, ADDRESS, SIM_READ), SIM_FAULT, "%s: a hidden page", names[format]);
    expect(SIM_NAMES_RAM, 1, "[fault 156] whose entry has the address of RAM");
    put(TABLE, 5, 0x2ffffu << 12);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_NAMES_RAM, 0, "or of none");
    put(TABLE, 5, 0xffeu);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_NAMES_RAM, 0, "or of frame 0");
    put(upper(), 3, PAGE << 12 | 0x280u);
    (void)use(0, narrow() ? 0xc00000 : 0x600000, SIM_READ | SIM_USER);
    expect(SIM_NAMES_RAM, 1, "[fault 156] a hidden large page");
    start();
    put(TABLE, 5, PAGE << 12 | 0x262u);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_NAMES_RAM, 0, "which other CPUs do not go by");
}

static void test_stale_use(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL, .find_stale_use = true};
    start_with(&options);
    (void)use(0, ADDRESS, SIM_READ);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_STALE_USE, 0, "nothing has changed");
    put(TABLE, 5, get(TABLE, 5) & ~(uint64_t)W);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_STALE_USE, 1, "a translation that allows more than the tables");
    put(TABLE, 5, 0);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_STALE_USE, 1, "one that the tables no longer have");
    sim_mmu_flush_page(0, ADDRESS);
    (void)use(0, ADDRESS, SIM_READ);
    expect(SIM_STALE_USE, 0, "flushed");
}

int main(void)
{
    static void (*const tests[])(void) = {test_early_free, test_early_table, test_root,
                                          test_stale_pcid, test_sizes,       test_mixed,
                                          test_reserved,   test_stale_use,   test_absent};
    sim_violations_echo(false);
    in_each_format(tests, sizeof tests / sizeof tests[0]);
    return done_testing();
}
