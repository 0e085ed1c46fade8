/* SPDX-License-Identifier: 0BSD */
/* buffer_smp.c - the simulated store buffers: what x86 allows happens, and what it forbids does not. */
#include "sim/litmus.h"

/* Goes on when both CPUs are here, for the first or second time: so none drains its buffer at its end before. */
static void meet(unsigned times)
{
    run.arrived++;
    while (run.arrived < 2u * times) {
        (void)sim_wait();
    }
}

/* --- a store, then a load ---------------------------------------------------------------- */

static void (*between)(void);

static void store_then_load(void *context)
{
    unsigned cpu = ashlar_port_cpu();
    (void)context;
    meet(1);
    atomic_store(&run.word[cpu], 1);
    if (between != NULL) {
        between();
    }
    run.seen[cpu] = atomic_load(&run.word[1u - cpu]);
    meet(2);
}

static bool saw_neither(void)
{
    return run.seen[0] == 0 && run.seen[1] == 0;
}

static void exchange(void)
{
    (void)atomic_exchange(&run.other, 1);
}

static void compare_in_vain(void)
{
    (void)atomic_cas_u32((volatile uint32_t *)&run.other, 77, 78);
}

static void take_lock(void)
{
    ashlar_lock_give(&run.lock, ashlar_lock_take(&run.lock));
}

static void flush_page(void)
{
    sim_mmu_flush_page(ashlar_port_cpu(), 0x5000);
}

static void flush_all(void)
{
    sim_mmu_flush_all(ashlar_port_cpu());
}

static void load_root(void)
{
    sim_mmu_set_root(ashlar_port_cpu(), 0x1000);
}

static void fault(void)
{
    uint64_t physical;
    (void)sim_mmu_translate(ashlar_port_cpu(), UINT64_C(0x3ff000), SIM_READ, &physical);
}

static void walk_unasked(void)
{
    sim_tlb_fill(ashlar_port_cpu(), 0x5000);
}

static void test_overtaking(void)
{
    static const struct {
        const char *name;
        void (*between)(void);
    } draining[] = {{"an exchange", exchange},     {"a comparison that fails", compare_in_vain},
                    {"a lock", take_lock},         {"a flush of a page", flush_page},
                    {"a flush of all", flush_all}, {"a load of the root", load_root},
                    {"a fault of its own", fault}};
    between = NULL;
    unsigned found = count(2, store_then_load, LATE, saw_neither);
    ok(found > SEEDS / 10u && found < SEEDS, "a load overtakes an older store, on both CPUs, in %u seeds of %u", found,
       SEEDS);
    is_u(count(2, store_then_load, 0, saw_neither), 0, "never without store buffers");
    for (unsigned i = 0; i < sizeof draining / sizeof draining[0]; i++) {
        between = draining[i].between;
        is_u(count(2, store_then_load, LATE, saw_neither), 0, "never with %s in between", draining[i].name);
    }
    between = walk_unasked;
    ok(count(2, store_then_load, LATE, saw_neither) != 0, "a walk that nobody asked for drains nothing");
}

/* --- the order of stores --------------------------------------------------------------------- */

static void pass_message(void *context)
{
    (void)context;
    if (ashlar_port_cpu() == 0) {
        entry_store_32((volatile uint32_t *)&run.word[0], 1);
        atomic_store(&run.word[1], 1);
    } else {
        run.seen[1] = atomic_load(&run.word[1]);
        run.seen[0] = atomic_load(&run.word[0]);
    }
}

static bool saw_the_flag_alone(void)
{
    run.late += run.seen[1] != 0;
    return run.seen[1] != 0 && run.seen[0] == 0;
}

/* Two CPUs store, two others look in opposite orders. */
static void look_at_two(void *context)
{
    unsigned cpu = ashlar_port_cpu();
    (void)context;
    if (cpu < 2) {
        atomic_store(&run.word[cpu], 1);
        return;
    }
    uintptr_t first = atomic_load(&run.word[cpu - 2u]);
    uintptr_t second = atomic_load(&run.word[3u - cpu]);
    run.seen[cpu] = first == 1 && second == 0;
}

static bool disagreed(void)
{
    run.late += run.seen[2] + run.seen[3];
    return run.seen[2] != 0 && run.seen[3] != 0;
}

static void kick_other(void *context)
{
    const uint32_t other = 2;
    (void)context;
    if (ashlar_port_cpu() == 0) {
        atomic_store(&run.word[0], 1);
        sim_kick(&other, 1);
        run.late += run.word[0] == 0;
    }
    meet(1); /* the end drains as well */
}

static bool was_early(void)
{
    run.bad += run.handled[1] > 1;
    return run.handled[1] == 1 && run.seen[1] == 0;
}

static void test_order(void)
{
    is_u(count(2, pass_message, LATE, saw_the_flag_alone), 0, "who sees a store sees the older ones");
    ok(run.late > SEEDS / 10u, "it was seen in %lu seeds", run.late);
    is_u(count(4, look_at_two, LATE, disagreed), 0, "two CPUs do not see two stores in opposite orders");
    ok(run.late > SEEDS / 10u, "they had to choose in %lu seeds", run.late);
    is_u(count(2, kick_other, LATE, was_early), 0,
         "no interrupt is taken before what was stored before its kick is seen");
    ok(run.bad == 0 && run.late != 0, "a kick does not drain the buffer: it stands in it");
}

/* --- a CPU's own stores ------------------------------------------------------------------------ */

static void look_at_own(void *context)
{
    unsigned cpu = ashlar_port_cpu();
    (void)context;
    for (uintptr_t i = 1; i < 20; i++) {
        atomic_store(&run.word[cpu], i);
        run.bad += atomic_load(&run.word[cpu]) != i;
        run.late += run.word[cpu] != i;
    }
    (void)atomic_fetch_add(&run.word[cpu], 1);
    run.bad += run.word[cpu] != 20;
}

/* Entries by halves and whole, in every mixture. */
static void mix_widths(void *context)
{
    static _Alignas(8) volatile uint64_t entries[CPUS];
    volatile uint64_t *entry = &entries[ashlar_port_cpu()];
    static uint64_t random = 1;
    uint64_t want = 0;
    (void)context;
    entry_store_absent_64(entry, 0);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t value = tap_random(&random);
        switch (value % 5u) {
        case 0:
            entry_store_present_64(entry, want = value);
            break;
        case 1:
            entry_store_32(entry_low(entry), (uint32_t)value);
            want = (want & ~(uint64_t)UINT32_MAX) | (uint32_t)value;
            break;
        case 2:
            entry_store_32(entry_low(entry) + 1, (uint32_t)value);
            want = (uint32_t)want | value << 32;
            break;
        case 3:
            run.bad += !entry_cas_64(entry, want, value);
            run.bad += *entry != value;
            want = value;
            break;
        default:
            run.bad += entry_load_32(entry_low(entry) + 1) != (uint32_t)(want >> 32);
            run.bad += value % 2u == 0 && entry_load_64(entry) != want;
        }
        run.bad += entry_load_32(entry_low(entry)) != (uint32_t)want;
        run.late += *entry != want;
    }
}

static bool always(void)
{
    return true;
}

static void store_too_many(void *context)
{
    static volatile uint32_t words[40];
    (void)context;
    for (unsigned i = 0; i < 40; i++) {
        words[i] = 0;
        atomic_store_u32(&words[i], 1);
    }
    run.late = words[7] == 1 && words[8] == 0;
    sim_drain();
    run.bad += words[39] != 1;
}

static void count_up(void *context)
{
    static uintptr_t counter;
    (void)context;
    for (unsigned i = 0; i < 10; i++) {
        uintptr_t interrupts = ashlar_lock_take(&run.lock);
        uintptr_t old = counter;
        sim_yield();
        counter = old + 1u;
        ashlar_lock_give(&run.lock, interrupts);
        run.bad += ashlar_lock_is_mine(&run.lock) != 0;
        sim_progress();
    }
    run.other = counter;
}

static void test_own(void)
{
    (void)count(CPUS, look_at_own, LATE, always);
    ok(run.bad == 0 && run.late > SEEDS, "a CPU sees its own stores at once, %lu times before memory had them",
       run.late);
    (void)count(CPUS, mix_widths, LATE, always);
    ok(run.bad == 0 && run.late > SEEDS, "entries in any mixture of widths as well, %lu times", run.late);
    run.bad = run.late = 0;
    run_on(1, store_too_many, 0, NEVER);
    ok(run.bad == 0 && run.late == 1, "of 40 stores the last 32 wait at most");
    uintptr_t before = run.other;
    (void)count(CPUS, count_up, LATE, always);
    ok(run.bad == 0 && run.other % (10u * CPUS * SEEDS) == 0 && run.other != before,
       "locks that are given late lose no count (%lu)", (unsigned long)run.other);
}

/* --- interrupts --------------------------------------------------------------------------------- */

/* Whatever was stored, before or by the handler, is in memory on the way in and out. */
static void handle(void)
{
    unsigned cpu = ashlar_port_cpu();
    run.seen[cpu] = atomic_load(&run.word[0]);
    run.bad += run.word[cpu] < run.seen[3];
    atomic_store(&run.word[2], run.handled[cpu] + 1u);
    run.handled[cpu]++;
    sim_yield(); /* the run may end here */
}

static void be_interrupted(void *context)
{
    const uint32_t mask = 2;
    (void)context;
    for (unsigned i = 0; i < 20; i++) {
        if (ashlar_port_cpu() == 0) {
            sim_kick(&mask, 1);
        } else {
            atomic_store(&run.word[1], i);
            run.seen[3] = i;
            run.late += run.word[1] != i;
            run.bad += run.word[2] != run.handled[1];
        }
    }
}

static bool has_all(void)
{
    return run.word[2] == run.handled[1];
}

static void test_interrupts(void)
{
    is_u(count(2, be_interrupted, LATE, has_all), SEEDS, "nothing waits after a run, though it ended in an interrupt");
    ok(run.bad == 0 && run.late > SEEDS, "interrupts, and the return from them, drain the buffer");
}

/* --- sooner or later ----------------------------------------------------------------------------- */

static void store_and_yield(void *context)
{
    (void)context;
    atomic_store(&run.word[0], 1);
    for (unsigned i = 0; i < 5000 && run.word[0] == 0; i++) {
        sim_yield();
    }
    run.bad += run.word[0] == 0;
}

static void store_and_wait(void *context)
{
    (void)context;
    atomic_store(&run.word[0], 1);
    while (run.word[0] == 0) {
        (void)sim_wait();
    }
}

static void store_some(void *context)
{
    (void)context;
    for (uintptr_t i = 1; i <= 20; i++) {
        sim_buffer_store(&run.word[0], sizeof run.word[0], i);
    }
    for (; run.word[0] != 20; run.late++) {
        sim_yield();
    }
}

static void test_fairness(void)
{
    (void)count(1, store_and_yield, LATE, always);
    is_u(run.bad, 0, "a store becomes visible while its CPU does other things");
    (void)count(1, store_and_wait, LATE, always);
    is_u(run.bad, 0, "and while it waits");
    (void)count(1, store_some, 1, always);
    unsigned long soon = run.late;
    (void)count(1, store_some, LATE, always);
    ok(soon < 10u * SEEDS && run.late > 40u * SEEDS,
       "soon or late, as the run is to have it: 20 stores in %lu yields or %lu", soon / SEEDS, run.late / SEEDS);
    atomic_store(&run.other, 3);
    is_u(run.other, 3, "nothing waits outside of a run");
    (void)count(CPUS, look_at_own, 0, always);
    is_u(run.late, 0, "nor in one without store buffers");
}

/* --- the same again ------------------------------------------------------------------------------- */

static uint64_t trace(unsigned cpus, void (*body)(void *), uint64_t seed)
{
    uint64_t sum = 0;
    run.bad = run.late = 0;
    for (unsigned i = 0; i < 10; i++) {
        run_on(cpus, body, seed + i, 8);
        sum = sum * 1000003u + run.late * 64u + sim_schedule_switches();
    }
    return sum;
}

static void test_repeatable(void)
{
    uint64_t one = trace(1, store_some, 1), all = trace(CPUS, look_at_own, 1);
    is_u(trace(1, store_some, 1), one, "the same seed has the same buffers");
    is_u(trace(CPUS, look_at_own, 1), all, "and the same run");
    ok(trace(1, store_some, 2) != one, "another one has others");
    ok(trace(CPUS, look_at_own, 2) != all, "and another run");
    is_u(run.word[0] + run.word[1] + run.word[2] + run.word[3], 80, "and in the end memory has all");
}

int main(void)
{
    make_tables();
    interrupt = handle;
    test_overtaking();
    test_order();
    test_own();
    test_interrupts();
    test_fairness();
    test_repeatable();
    return done_testing();
}
