/* SPDX-License-Identifier: 0BSD */
/* tlb.c - the simulated TLB keeps what the manual lets it keep.
 *
 * Each case: set up a mapping, use it, change the tables, and see what the CPU
 * still believes; then the flush that is due, and see that it believes no more.
 */
#include "sim/tables.h"

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
    static void (*const tests[])(void) = {test_stale_page,     test_permissions,     test_execute,
                                          test_accessed_dirty, test_structure_cache, test_global,
                                          test_registers,      test_pcids,           test_adversary};
    in_each_format(tests, sizeof tests / sizeof tests[0]);
    return done_testing();
}
