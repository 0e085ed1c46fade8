/* SPDX-License-Identifier: 0BSD */
/* walk_smp.c - page walks and the store buffers: a walk sees memory, an access drains its CPU's buffer first. */
#include "sim/litmus.h"

#define ADDRESS UINT64_C(0x5000)
#define ALIAS UINT64_C(0x6000) /* the table itself */
#define ENTRY(frame) (UINT64_C(frame) << 12 | 0x63u)

static uint64_t last_table(void)
{
    return sizeof(uintptr_t) == 8 ? 4u : 3u;
}

static bool reaches(unsigned cpu)
{
    uint32_t value;
    return sim_load(cpu, ADDRESS, &value, sizeof value, 0) == 0;
}

static void map_and_look(void *context)
{
    (void)context;
    if (ashlar_port_cpu() == 0) {
        entry_store_present_64(entry_of(last_table(), 5), ENTRY(9));
        sim_tlb_fill(0, ADDRESS);
        run.late += !sim_tlb_has(0, ADDRESS);
        run.seen[0] = 1;
        for (unsigned i = 0; i < 20; i++) {
            sim_yield();
        }
        run.bad += !reaches(0);
        return;
    }
    while (run.seen[0] == 0) {
        (void)sim_wait();
    }
    run.seen[1] = reaches(1);
    while (!reaches(1)) {
        (void)sim_wait();
    }
}

static bool was_late(void)
{
    *entry_of(last_table(), 5) = 0;
    sim_mmu_flush_all(0);
    sim_mmu_flush_all(1);
    return run.seen[1] == 0;
}

static void store_by_alias(void *context)
{
    volatile uint64_t *alias = (volatile uint64_t *)sim_pointer(ALIAS) + 5;
    volatile uint64_t *direct = entry_of(last_table(), 5);
    (void)context;
    entry_store_present_64(alias, ENTRY(9));
    run.bad += entry_load_64(direct) != ENTRY(9) || entry_load_64(alias) != ENTRY(9);
    run.late += *direct == 0 && *alias == 0;
    entry_store_absent_64(direct, 0);
    run.bad += entry_load_64(alias) != 0;
}

static void test_walks(void)
{
    make_tables();
    unsigned found = count(2, map_and_look, LATE, was_late);
    ok(found > SEEDS / 10u && found < SEEDS, "another CPU's walk finds an entry late, in %u seeds", found);
    ok(run.bad == 0 && run.late > SEEDS / 10u, "the CPU's own access does at once, a walk unasked does not");
    is_u(count(2, map_and_look, 0, was_late), 0, "without store buffers all do");
    (void)count(1, store_by_alias, LATE, was_late);
    ok(run.bad == 0 && run.late > SEEDS / 10u, "a frame's two pointers are one memory to the buffer");
    ok((*entry_of(last_table(), 6) & 0x40u) != 0, "what was stored to is dirty");
}

int main(void)
{
    test_walks();
    return done_testing();
}
