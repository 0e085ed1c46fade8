/* SPDX-License-Identifier: 0BSD */
/* absent_smp.c - [fault 156] entries that come, go and hide while another CPU walks them, one with L1TF: at no moment does an
 * absent one name RAM. On a 32-bit machine an entry is two words, and each store is a place where the other CPU looks. */
#include "sim/litmus.h"

#include "arch/entry.h"
#include "arch/entry_runs.h"

#define PAGE_AT UINT64_C(0x5000)
#define ROUNDS 4u

static const struct ashlar_paging *const paging =
    sizeof(uintptr_t) == 8 ? &ashlar_paging_4level : &ashlar_paging_pae_l1tf;

/* Each way in which the library writes an absent entry, or over one. */
static void change_entry(void)
{
    void *table = sim_ram_frame(sizeof(uintptr_t) == 8 ? 4u : 3u);
    const uint64_t bits = ashlar_entry_leaf_bits(paging, ASHLAR_FEATURE_NX, 1, ASHLAR_MAP_WRITE);
    const uint64_t user = ashlar_entry_leaf_bits(paging, ASHLAR_FEATURE_NX, 1, ASHLAR_MAP_USER);
    ashlar_pfn frames[4] = {0x111, 0x222, 0x333, 0x444};
    ashlar_entry_note(paging, table, 5, 0x123456);
    uint64_t note = ashlar_entry_load(paging, table, 5);
    run.bad += !ashlar_entry_cas(paging, table, 5, note, ashlar_entry_encode_note(paging, 0x65432));
    run.bad += ashlar_entry_note_of(paging, ashlar_entry_exchange(paging, table, 5, 0x111000u | bits)) != 0x65432;
    run.bad += ashlar_run_hide(paging, table, 4, 4) != 1;
    run.bad += ashlar_run_collect(paging, table, 4, 4, frames) != 1 || frames[0] != 0x111;
    ashlar_run_set(paging, table, 4, 4, frames, user);
    run.bad += ashlar_run_hide(paging, table, 4, 4) != 4;
    run.bad += ashlar_run_collect(paging, table, 4, 4, frames) != 4 || frames[3] != 0x444;
    ashlar_entry_note(paging, table, 5, 0x123456);
    ashlar_entry_clear(paging, table, 5);
    sim_mmu_flush_all(1);
}

static void change_and_walk(void *context)
{
    (void)context;
    if (ashlar_port_cpu() == 0) {
        for (unsigned i = 0; i < ROUNDS; i++) {
            change_entry();
        }
        run.seen[0] = 1;
        return;
    }
    while (run.seen[0] == 0) {
        sim_tlb_fill(1, PAGE_AT);
        sim_mmu_flush_page(1, PAGE_AT);
        sim_yield();
    }
}

static bool names_ram(void)
{
    unsigned long violations = sim_violations_all();
    sim_violations_clear();
    return violations != 0;
}

int main(void)
{
    sim_violations_echo(false);
    make_tables();
    is_u(count(2, change_and_walk, 0, names_ram), 0, "[fault 156] no absent entry names RAM (%s)",
         sim_violation_text());
    is_u(count(2, change_and_walk, LATE, names_ram), 0, "[fault 156] nor with store buffers (%s)",
         sim_violation_text());
    is_u(run.bad, 0, "and each is what it was");
    return done_testing();
}
