/* SPDX-License-Identifier: 0BSD */
/* flush.c - making other CPUs forget, and knowing that they have.
 *
 * Each CPU has a box: the runs that it is asked to flush, and two counters.
 *
 *     shooter                              CPU that is asked
 *     flush here                           (the kick interrupts it)
 *     lock its box; merge runs;            lock; take the runs; n = asked; unlock
 *       asked++; unlock; kick              flush them
 *     wait until answered reaches asked    answered = n
 *
 * Requests of several shooters merge, so one interrupt may answer many. Nobody
 * waits with interrupts off or with a lock held: two CPUs that ask each other
 * both still answer. A box's lock is held for a few instructions. Who waits for
 * another lock, with interrupts off, answers meanwhile (lock.c polls).
 *
 * Whom to ask? For the kernel half each CPU that takes part; for a user half
 * those that may hold translations of it. Entries are changed before the mask
 * is read, and a CPU sets its bit before it loads the root; both by
 * read-modify-writes, so one of the two sees the other: either the CPU is asked,
 * or it walks the changed tables. Likewise a CPU that joins flushes everything
 * after its bit is set. One that leaves does so under its box's lock, and answers
 * what came before; later requests pass it by.
 *
 * With ASIDs a CPU may know a user half that it does not run: asid.c.
 *
 * Long changes drop the whole TLB instead of single pages: from
 * ASHLAR_FLUSH_THRESHOLD_PAGES on a reload is the cheaper of the two.
 *
 * Source: Black, Rashid, Golub, Hill, Baron, "Translation Lookaside Buffer
 * Consistency: A Software Approach" (ASPLOS 1989); there, every CPU waits.
 */
#include "tables/flush.h"

#include "base/alone.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "tables/asid.h"
#include "tables/gather.h"
#include "tables/half.h"

COLD ASHLAR_NORETURN static void refuse_cpu(unsigned cpu)
{
    ashlar_panic("tables: ashlar_port_cpu says %u, but boot named %u CPUs at most", cpu, ashlar_half.options.max_cpus);
}

unsigned ashlar_shootdown_cpu(void)
{
    unsigned cpu = ashlar_port_cpu();
    if (__builtin_expect(cpu >= ashlar_half.options.max_cpus, 0)) {
        refuse_cpu(cpu);
    }
    return cpu;
}

COLD void ashlar_shootdown_init(void)
{
    unsigned most = ashlar_half.options.max_cpus;
    ASHLAR_CHECK(most - 1u < ASHLAR_MAX_CPUS, "tables: max_cpus is %u: not 1 to %u", most, ASHLAR_MAX_CPUS);
    unsigned cpu = ashlar_shootdown_cpu();
    for (unsigned i = 0; i < ASHLAR_MAX_CPUS; i++) {
        ashlar_lock_init(&ashlar_half.cpus[i].box.lock, ASHLAR_RANK_SHOOTDOWN, "shootdown");
    }
    ashlar_lock_set_poll(ashlar_space_answer);
    ashlar_alone_begin(most);
    ashlar_half.cpus[cpu].box.online = 1;
    ashlar_half.online[cpu / 32u] = 1u << (cpu % 32u);
}

/* --- this CPU ------------------------------------------------------------------ */

static void flush_runs(const struct ashlar_gather *gather)
{
    for (unsigned i = 0; i < gather->runs; i++) {
        for (size_t page = 0; page < gather->run[i].pages; page++) {
            ashlar_port_flush_page(ashlar_page_address(gather->run[i].first + page));
        }
    }
}

/* Requests of several spaces merge: what is in the kernel half tells. */
COLD static bool flushes_globals(const struct ashlar_gather *gather)
{
    for (unsigned i = 0; i < gather->runs; i++) {
        if (gather->run[i].first >= ashlar_half.layout.kernel_first) {
            return true;
        }
    }
    return false;
}

/* Pinned, or with interrupts off. */
static void flush_here(const struct ashlar_gather *gather, struct half_cpu *here)
{
    if (gather->runs > ASHLAR_GATHER_RUNS || gather->pages >= ASHLAR_FLUSH_THRESHOLD_PAGES ||
        (ashlar_asids_are_used() && ashlar_half.flushes_globals_whole && flushes_globals(gather))) {
        ashlar_port_flush_all();
        here->flush_alls++;
    } else {
        flush_runs(gather);
        here->flush_pages += gather->pages;
    }
}

/* --- asking ------------------------------------------------------------------- */

/* False if that CPU takes no part any more. */
COLD static bool ask_cpu(struct shootdown *box, const struct ashlar_gather *gather)
{
    uintptr_t interrupts = ashlar_lock_take(&box->lock);
    bool online = box->online != 0;
    if (online) {
        ashlar_gather_merge(&box->pending, gather);
        atomic_store_u32(&box->asked, box->asked + 1u);
    }
    ashlar_lock_give(&box->lock, interrupts);
    return online;
}

/* Ask those in the mask; the others' bits are cleared. Returns how many. */
COLD static unsigned ask_all(uint32_t *mask, const struct ashlar_gather *gather)
{
    unsigned asked = 0;
    for (unsigned word = 0; word < CPU_WORDS; word++) {
        for (uint32_t left = mask[word]; left != 0; left &= left - 1u) {
            unsigned bit = u32_ctz(left);
            if (ask_cpu(&ashlar_half.cpus[word * 32u + bit].box, gather)) {
                asked++;
            } else {
                mask[word] &= ~(1u << bit);
            }
        }
    }
    return asked;
}

static bool has_answered(const struct shootdown *box, uint32_t asked)
{
    return (int32_t)(atomic_load_u32(&box->answered) - asked) >= 0;
}

/* What was asked of a CPU until now includes our request; later ones need not be waited for. */
COLD static void wait_for_answer(const struct shootdown *box)
{
    uint32_t asked = atomic_load_u32(&box->asked);
    while (!has_answered(box, asked)) {
        ashlar_port_relax();
    }
}

COLD static void wait_for_answers(const uint32_t *mask)
{
    for (unsigned word = 0; word < CPU_WORDS; word++) {
        for (uint32_t left = mask[word]; left != 0; left &= left - 1u) {
            wait_for_answer(&ashlar_half.cpus[word * 32u + u32_ctz(left)].box);
        }
    }
}

/* CPUs that may know translations of this space, this one left out; are there any? Read by a read-modify-write: not
 * before the entries were changed. */
static inline __attribute__((always_inline)) bool read_mask(struct ashlar_space *space, unsigned cpu, uint32_t *mask)
{
    volatile uint32_t *cpus = space != NULL ? space->cpus : ashlar_half.online;
    uint32_t any = 0;
    for (unsigned word = 0; word < CPU_WORDS; word++) {
        mask[word] = atomic_fetch_or_u32(&cpus[word], 0);
    }
    mask[cpu / 32u] &= ~(1u << (cpu % 32u));
    for (unsigned word = 0; word < CPU_WORDS; word++) {
        any |= mask[word];
    }
    return any != 0;
}

/* On every CPU that may know translations of the gather's space; returns when all have let go. */
static void shoot_down(const struct ashlar_gather *gather, const void *caller)
{
    uint32_t mask[CPU_WORDS];
    ashlar_port_pin(); /* before the question: it is about this CPU */
    unsigned cpu = ashlar_shootdown_cpu();
    struct half_cpu *here = &ashlar_half.cpus[cpu];
    const char *held = ashlar_lock_held_name();
    ASHLAR_CHECK(held == NULL, "tables: flush awaited while holding lock %s, by %p", held, caller);
    if (ashlar_asids_are_used() && gather->space != NULL) {
        ashlar_asid_renew(gather->space);
    }
    flush_here(gather, here);
    bool others = read_mask(gather->space, cpu, mask);
    unsigned asked = others ? ask_all(mask, gather) : 0;
    if (asked != 0) {
        ASHLAR_CHECK((ashlar_port_context() & ASHLAR_CONTEXT_IRQS_OFF) == 0,
                     "tables: flush on %u other CPUs awaited with interrupts off, by %p", asked, caller);
        here->kicks += asked;
        ashlar_half.options.kick(mask, CPU_WORDS);
    }
    ashlar_port_unpin();
    if (asked != 0) {
        wait_for_answers(mask);
    }
}

void ashlar_gather_finish(struct ashlar_gather *gather)
{
    CONTEXTS(yes, yes, less, no, no);
    if (gather->runs != 0) {
        shoot_down(gather, ASHLAR_CALLER());
    }
    gather->runs = 0;
    gather->pages = 0;
}

/* --- trying the kick --------------------------------------------------------------- */

COLD static bool answers_within(const struct shootdown *box, size_t turns)
{
    uint32_t asked = atomic_load_u32(&box->asked);
    for (; !has_answered(box, asked); turns--) {
        if (turns == 0) {
            return false;
        }
        ashlar_port_relax();
    }
    return true;
}

COLD bool ashlar_shootdown_probe(size_t turns, unsigned *silent)
{
    uint32_t mask[CPU_WORDS];
    struct ashlar_gather nothing;
    ashlar_gather_init(&nothing, NULL);
    ashlar_port_pin();
    if (read_mask(NULL, ashlar_shootdown_cpu(), mask) && ask_all(mask, &nothing) != 0) {
        ashlar_half.options.kick(mask, CPU_WORDS);
    }
    ashlar_port_unpin();
    for (unsigned cpu = 0; cpu < ashlar_half.options.max_cpus; cpu++) {
        if ((mask[cpu / 32u] >> (cpu % 32u) & 1u) != 0 && !answers_within(&ashlar_half.cpus[cpu].box, turns)) {
            *silent = cpu;
            return false;
        }
    }
    return true;
}

/* --- answering ------------------------------------------------------------------ */

void ashlar_space_answer(void)
{
    CONTEXTS(yes, no, yes, yes, no);
    struct half_cpu *here = &ashlar_half.cpus[ashlar_shootdown_cpu()];
    struct shootdown *box = &here->box;
    struct ashlar_gather gather;
    if (atomic_load_u32(&box->asked) == box->answered) {
        return;
    }
    uintptr_t interrupts = ashlar_lock_take(&box->lock);
    uint32_t asked = box->asked;
    gather = box->pending;
    ashlar_gather_init(&box->pending, NULL);
    ashlar_lock_give(&box->lock, interrupts);
    flush_here(&gather, here);
    atomic_store_u32(&box->answered, asked);
}

/* No lock, and no hook that asks which CPU this is: it may read that from memory that is not its own yet. Whoever asks has
 * seen its bit before, or asks for nothing. */
COLD void ashlar_shootdown_join(unsigned cpu)
{
    ashlar_alone_join(); /* nobody is in the middle of what asks no other CPU */
    atomic_store_u32(&ashlar_half.cpus[cpu].box.online, 1);
    (void)atomic_fetch_or_u32(&ashlar_half.online[cpu / 32u], 1u << (cpu % 32u));
    ashlar_port_flush_all();
}

COLD void ashlar_shootdown_leave(unsigned cpu)
{
    struct shootdown *box = &ashlar_half.cpus[cpu].box;
    (void)atomic_fetch_and_u32(&ashlar_half.online[cpu / 32u], ~(1u << (cpu % 32u)));
    uintptr_t interrupts = ashlar_lock_take(&box->lock);
    box->online = 0;
    ashlar_lock_give(&box->lock, interrupts);
    ashlar_space_answer();
    ashlar_alone_leave();
}
