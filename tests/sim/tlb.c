/* SPDX-License-Identifier: 0BSD */
/* tlb.c - the simulated TLB keeps what the manual lets it keep, and each wrong sequence of a kernel is found.
 *
 * Tables are written here as raw numbers, so that neither decoder is trusted.
 * Each case: set up a mapping, use it, change the tables, and see what the CPU
 * still believes; then the flush that is due, and see that it believes no more.
 */
#include "machine.h"
#include "tap.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define NX (UINT64_C(1) << 63)

static const char *const names[] = {"two-level", "PAE", "4-level", "5-level"};
static enum sim_format format;

static bool narrow(void)
{
    return format == SIM_TWO_LEVEL;
}

static void put(uint64_t frame, unsigned index, uint64_t entry)
{
    char *table = sim_ram_frame(frame);
    if (narrow()) {
        ((uint32_t *)(void *)table)[index] = (uint32_t)entry;
    } else {
        ((uint64_t *)(void *)table)[index] = entry;
    }
}

static uint64_t get(uint64_t frame, unsigned index)
{
    char *table = sim_ram_frame(frame);
    return narrow() ? ((uint32_t *)(void *)table)[index] : ((uint64_t *)(void *)table)[index];
}

/* Frames: 1 is the root, 2 a second root, TABLE the last table, DIRECTORY the one above; pages are at PAGE on. */
#define DIRECTORY 8u
#define TABLE 9u
#define OTHER_TABLE 10u
#define PAGE 0x40u
#define ADDRESS UINT64_C(0x5000) /* index 5 of the last table */

/* Address 0 on is mapped through DIRECTORY and TABLE in every format: 0 in all upper levels. */
static void start_with(const struct sim_mmu_options *options)
{
    static const unsigned levels[] = {2, 3, 4, 5};
    sim_ram_init(16u << 20);
    sim_mmu_init(format, 2, options);
    for (uint64_t root = 1; root <= 2; root++) {
        uint64_t table = root;
        for (unsigned level = levels[format]; level > 3; level--) {
            put(table, 0, (0x10u + level) << 12 | P | W | U);
            table = 0x10u + level;
        }
        if (levels[format] >= 3) {
            put(table, 0, DIRECTORY << 12 | (format == SIM_PAE ? P : P | W | U));
        } else {
            put(table, 0, TABLE << 12 | P | W | U);
        }
    }
    if (!narrow()) {
        put(DIRECTORY, 0, TABLE << 12 | P | W | U);
    }
    put(TABLE, 5, PAGE << 12 | P | W);
    sim_mmu_set_root(0, 0x1000);
    sim_mmu_set_root(1, 0x1000);
}

static void start(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL};
    start_with(&options);
}

/* The table that names TABLE. */
static uint64_t upper(void)
{
    return narrow() ? 1 : DIRECTORY;
}

static unsigned use(unsigned cpu, uint64_t address, unsigned access)
{
    uint64_t physical;
    return sim_mmu_translate(cpu, address, access, &physical);
}

static uint64_t frame_of(unsigned cpu, uint64_t address)
{
    uint64_t physical = 0;
    return sim_mmu_translate(cpu, address, SIM_READ, &physical) == 0 ? physical >> 12 : 0;
}

/* --- what is kept ------------------------------------------------------------------------- */

static void test_stale_page(void)
{
    start();
    is_u(frame_of(0, ADDRESS), PAGE, "%s: a page is translated", names[format]);
    put(TABLE, 5, (PAGE + 1u) << 12 | P | W);
    is_u(frame_of(0, ADDRESS), PAGE, "%s: [fault 47] the old frame, since nobody flushed", names[format]);
    is_u(frame_of(1, ADDRESS), PAGE + 1u, "%s: another CPU looks for itself", names[format]);
    put(TABLE, 5, 0);
    is_u(frame_of(0, ADDRESS), PAGE, "%s: cleared, and still there", names[format]);
    sim_mmu_flush_page(0, ADDRESS);
    is_u(use(0, ADDRESS, SIM_READ), SIM_FAULT, "%s: flushed, and gone", names[format]);
    is_u(frame_of(1, ADDRESS), PAGE + 1u, "%s: [fault 48] but not on the other CPU", names[format]);
    sim_mmu_flush_all(1);
    is_u(use(1, ADDRESS, SIM_READ), SIM_FAULT, "%s: until that one flushes", names[format]);
    put(TABLE, 5, PAGE << 12 | P);
    is_u(frame_of(0, ADDRESS), PAGE, "%s: absent to present needs no flush", names[format]);
}

static void test_permissions(void)
{
    start();
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: a write", names[format]);
    put(TABLE, 5, get(TABLE, 5) & ~(uint64_t)W);
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: read-only without a flush is writable still", names[format]);
    sim_mmu_flush_page(0, ADDRESS);
    is_u(use(0, ADDRESS, SIM_WRITE), SIM_FAULT | SIM_PRESENT | SIM_WRITE, "%s: and is not after it", names[format]);
    is_u(use(0, ADDRESS, SIM_READ), 0, "%s: reading caches it read-only", names[format]);
    put(TABLE, 5, get(TABLE, 5) | W);
    ok(use(0, ADDRESS, SIM_WRITE) != 0, "%s: more permission without a flush: one spurious fault", names[format]);
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: one, and no second", names[format]);
    is_u(use(0, ADDRESS, SIM_READ | SIM_USER), SIM_FAULT | SIM_PRESENT | SIM_USER, "%s: the kernel's page",
         names[format]);
    put(TABLE, 6, PAGE << 12 | P | U);
    is_u(use(0, 0x6000, SIM_READ | SIM_USER), 0, "%s: the user's page", names[format]);
    is_u(use(0, 0x6000, SIM_WRITE), SIM_FAULT | SIM_PRESENT | SIM_WRITE, "%s: CR0.WP holds for the kernel",
         names[format]);
    struct sim_mmu_options lax = {.features = SIM_CPU_USUAL & ~SIM_CPU_WP};
    start_with(&lax);
    put(TABLE, 5, PAGE << 12 | P);
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: without it the kernel writes what is read-only", names[format]);
}

static void test_execute(void)
{
    struct sim_mmu_options without = {.features = SIM_CPU_USUAL & ~SIM_CPU_NXE};
    start();
    is_u(use(0, ADDRESS, SIM_EXEC), 0, "%s: executable by default", names[format]);
    if (narrow()) {
        return;
    }
    put(TABLE, 6, PAGE << 12 | P | NX);
    is_u(use(0, 0x6000, SIM_EXEC), SIM_FAULT | SIM_PRESENT | SIM_EXEC, "%s: NX", names[format]);
    is_u(use(0, 0x6000, SIM_READ), 0, "%s: NX can be read", names[format]);
    start_with(&without);
    put(TABLE, 6, PAGE << 12 | P | NX);
    sim_violations_echo(false);
    is_u(use(0, 0x6000, SIM_READ), SIM_FAULT | SIM_PRESENT | SIM_RESERVED, "%s: NX without EFER.NXE is reserved",
         names[format]);
    is_u(sim_violations(SIM_RESERVED_BIT), 1, "%s: [fault 54] and is told", names[format]);
    sim_violations_echo(true);
}

static void test_accessed_dirty(void)
{
    start();
    is_u(use(0, ADDRESS, SIM_READ), 0, "%s: a read", names[format]);
    is_u(get(TABLE, 5) & (A | D), A, "%s: sets accessed", names[format]);
    is_u(get(upper(), 0) & A, A, "%s: in the link as well", names[format]);
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: a write", names[format]);
    is_u(get(TABLE, 5) & (A | D), A | D, "%s: sets dirty, though the page was cached", names[format]);
    put(TABLE, 5, get(TABLE, 5) & ~(uint64_t)D);
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: D cleared without a flush, and written", names[format]);
    is_u(get(TABLE, 5) & D, 0, "%s: is not set again: it was cached", names[format]);
    is_u(sim_tlb_stale(0, NULL, 0), 1, "%s: which a look at the TLB tells", names[format]);
    sim_mmu_flush_page(0, ADDRESS);
    is_u(use(0, ADDRESS, SIM_WRITE), 0, "%s: flushed, and written", names[format]);
    is_u(get(TABLE, 5) & D, D, "%s: is set", names[format]);
    sim_tlb_fill(1, ADDRESS);
    ok(sim_tlb_has(1, ADDRESS), "%s: a CPU may fetch a translation unasked", names[format]);
}

/* An upper entry is used after it was changed, until anything is flushed on that CPU. */
static void test_structure_cache(void)
{
    start();
    put(TABLE, 6, PAGE << 12 | P);
    put(OTHER_TABLE, 7, (PAGE + 1u) << 12 | P);
    put(TABLE, 7, (PAGE + 2u) << 12 | P);
    is_u(frame_of(0, ADDRESS), PAGE, "%s: a page, and the way to it", names[format]);
    ok(sim_tlb_tables(0) != 0, "%s: upper entries are kept", names[format]);
    put(upper(), 0, OTHER_TABLE << 12 | P | W | U);
    is_u(frame_of(0, 0x7000), PAGE + 2u, "%s: another page is still found in the old table", names[format]);
    ok(sim_tlb_stale(0, NULL, 0) != 0, "%s: a look at the TLB tells", names[format]);
    sim_mmu_flush_page(0, 0x123456000u & 0xffffffffu);
    is_u(sim_tlb_tables(0), 0, "%s: a flush of any page forgets all upper entries", names[format]);
    is_u(frame_of(0, 0x6000), 0, "%s: now the new table counts", names[format]);
    is_u(frame_of(0, ADDRESS), PAGE, "%s: but not for what was not flushed itself", names[format]);
}

static void test_global(void)
{
    struct sim_mmu_options without = {.features = SIM_CPU_USUAL & ~SIM_CPU_PGE};
    start();
    put(TABLE, 6, (PAGE + 6u) << 12 | P | G);
    is_u(frame_of(0, ADDRESS) + frame_of(0, 0x6000), 2u * PAGE + 6u, "%s: a local and a global page", names[format]);
    sim_mmu_set_root(0, 0x2000);
    ok(!sim_tlb_has(0, ADDRESS), "%s: a new root forgets the local one", names[format]);
    ok(sim_tlb_has(0, 0x6000), "%s: and keeps the global one", names[format]);
    is_u(sim_tlb_tables(0), 0, "%s: and no upper entries", names[format]);
    put(TABLE, 6, 0);
    is_u(frame_of(0, 0x6000), PAGE + 6u, "%s: stale for as long as it likes", names[format]);
    sim_mmu_flush_all(0);
    is_u(frame_of(0, 0x6000), 0, "%s: until all are flushed", names[format]);
    start_with(&without);
    put(TABLE, 6, PAGE << 12 | P | G);
    is_u(frame_of(0, 0x6000), PAGE, "%s: without CR4.PGE", names[format]);
    sim_mmu_set_root(0, 0x2000);
    ok(!sim_tlb_has(0, 0x6000), "%s: nothing is global", names[format]);
}

/* Translations of a PCID that is not in use stay, and count again when a root keeps it. */
static void test_pcids(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL | SIM_CPU_PCIDE};
    if (format < SIM_FOUR_LEVEL) {
        return;
    }
    start_with(&options);
    memcpy(sim_ram_frame(2), sim_ram_frame(1), 4096);
    sim_mmu_set_root(0, 0x1003);
    is_u(sim_mmu_root(0), 0x1000, "%s: the root's address, without the PCID", names[format]);
    put(TABLE, 6, (PAGE + 6u) << 12 | P | G);
    is_u(frame_of(0, ADDRESS) + frame_of(0, 0x6000), 2u * PAGE + 6u, "%s: a local and a global page", names[format]);
    sim_mmu_set_root(0, 0x2004);
    ok(!sim_tlb_has(0, ADDRESS) && sim_tlb_tables(0) == 0, "%s: another PCID knows nothing", names[format]);
    ok(sim_tlb_has(0, 0x6000), "%s: but what is global", names[format]);
    put(TABLE, 5, (PAGE + 1u) << 12 | P);
    put(TABLE, 7, (PAGE + 7u) << 12 | P);
    sim_mmu_flush_page(0, ADDRESS);
    is_u(frame_of(0, 0x7000), PAGE + 7u, "%s: a page under the second PCID", names[format]);
    sim_mmu_set_root(0, 0x1003 | SIM_KEEP);
    is_u(frame_of(0, ADDRESS), PAGE, "%s: a flush under one PCID leaves the other", names[format]);
    sim_mmu_set_root(0, 0x1003);
    is_u(frame_of(0, ADDRESS), PAGE + 1u, "%s: a load that does not keep forgets", names[format]);
    sim_mmu_set_root(0, 0x2004 | SIM_KEEP);
    ok(sim_tlb_has(0, 0x7000), "%s: what it has not loaded is kept", names[format]);
    sim_mmu_flush_all(0);
    sim_mmu_set_root(0, 0x1003 | SIM_KEEP);
    ok(!sim_tlb_has(0, ADDRESS) && sim_tlb_tables(0) == 0, "%s: a flush of all is one of all PCIDs", names[format]);
    start_with(&(struct sim_mmu_options){.features = SIM_CPU_USUAL});
    sim_violations_echo(false);
    sim_mmu_set_root(0, 0x1003);
    is_u(sim_violations(SIM_BAD_ROOT), 1, "%s: without CR4.PCIDE the bits are reserved", names[format]);
    sim_violations_echo(true);
}

/* PAE's root lives in registers. */
static void test_registers(void)
{
    if (format != SIM_PAE) {
        return;
    }
    start();
    put(OTHER_TABLE, 0, TABLE << 12 | P | W | U);
    put(1, 1, OTHER_TABLE << 12 | P);
    is_u(frame_of(0, 0x40005000), 0, "PAE: absent to present in the root is not seen");
    sim_mmu_flush_page(0, 0x40005000);
    is_u(frame_of(0, 0x40005000), 0, "PAE: nor after a flush of the page");
    sim_mmu_set_root(0, 0x1000);
    is_u(frame_of(0, 0x40005000), PAGE, "PAE: it is when the root is loaded");
    put(1, 1, 0);
    is_u(sim_tlb_stale(0, NULL, 0) != 0, 1, "PAE: a look at the CPU tells of a stale register");
    sim_violations_echo(false);
    put(2, 2, DIRECTORY << 12 | P | W);
    sim_mmu_set_root(1, 0x2000);
    is_u(sim_violations(SIM_BAD_ROOT), 1, "PAE: permissions in the root are reserved bits");
    sim_mmu_set_root(1, 0x2010);
    is_u(sim_violations(SIM_BAD_ROOT), 2, "PAE: a root is aligned to 32 bytes");
    sim_violations_echo(true);
}

/* --- what is found ------------------------------------------------------------------------- */

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

/* --- the adversary ---------------------------------------------------------------------------- */

static unsigned lost_after(unsigned evict_one_in, uint64_t seed)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL, .seed = seed, .evict_one_in = evict_one_in};
    unsigned lost = 0;
    start_with(&options);
    for (unsigned i = 0; i < 200; i++) {
        put(TABLE, 5, PAGE << 12 | P);
        (void)use(0, ADDRESS, SIM_READ);
        put(TABLE, 5, 0);
        lost += use(0, ADDRESS, SIM_READ) != 0;
        sim_mmu_flush_all(0);
    }
    return lost;
}

static void test_adversary(void)
{
    is_u(lost_after(0, 1), 0, "%s: never evicting, a stale page is never lost", names[format]);
    unsigned some = lost_after(3, 1);
    ok(some > 10 && some < 190, "%s: evicting at random, sometimes (%u of 200)", names[format], some);
    is_u(lost_after(3, 1), some, "%s: the same again with the same seed", names[format]);
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL, .seed = 1, .speculate_one_in = 2};
    start_with(&options);
    for (unsigned i = 0; i < 16; i++) {
        put(TABLE, i, (PAGE + i) << 12 | P);
    }
    for (unsigned i = 0; i < 100; i++) {
        (void)use(0, 0x8000, SIM_READ);
    }
    ok(sim_tlb_pages(0) > 4 && sim_tlb_has(0, 0x7000), "%s: neighbours come unasked (%zu pages)", names[format],
       sim_tlb_pages(0));
}

int main(void)
{
    static void (*const quiet[])(void) = {test_stale_page,     test_permissions,     test_execute,
                                          test_accessed_dirty, test_structure_cache, test_global,
                                          test_registers,      test_pcids,           test_adversary};
    static void (*const loud[])(void) = {test_early_free, test_early_table, test_root,     test_stale_pcid,
                                         test_sizes,      test_mixed,       test_reserved, test_stale_use};
    for (format = SIM_TWO_LEVEL; format <= SIM_FIVE_LEVEL; format++) {
        for (unsigned i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
            quiet[i]();
        }
        sim_violations_echo(false);
        for (unsigned i = 0; i < sizeof loud / sizeof loud[0]; i++) {
            loud[i]();
        }
        sim_violations_echo(true);
    }
    return done_testing();
}
