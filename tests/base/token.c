/* SPDX-License-Identifier: 0BSD */
/* token.c - one has it, the others do not; what debug builds refuse. */
#include "base/token.h"

#include "base/lock.h"
#include "base/wait.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/config.h>

static void test_take_and_give(void)
{
    static struct ashlar_token token;
    ok(!ashlar_token_is_taken(&token), "a zeroed token is free");
    ashlar_token_take(&token);
    ok(ashlar_token_is_taken(&token), "taken, somebody has it");
    ok(!sim_interrupts_are_off(), "and interrupts are on as before");
    ok(!ashlar_token_try(&token), "a second try does not get it");
    sim_set_cpu(1);
    ok(!ashlar_token_try(&token), "nor does another CPU's");
    ashlar_token_give(&token);
    sim_set_cpu(0);
    ok(!ashlar_token_is_taken(&token), "it is nobody's CPU's: another one may give it");
    ok(ashlar_token_try(&token) && ashlar_token_is_taken(&token), "given, it can be had again");
    ashlar_token_give(&token);
}

/* It may be had without waiting in any context, and under a lock. */
static void test_try_anywhere(void)
{
    struct ashlar_token token = {0};
    struct ashlar_lock lock;
    ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "heap");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    uintptr_t interrupts = ashlar_lock_take(&lock);
    ok(ashlar_token_try(&token), "an interrupt that holds a lock may try");
    ashlar_token_give(&token);
    ashlar_lock_give(&lock, interrupts);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ok(!ashlar_token_is_taken(&token), "and give it back");
}

static void test_refused(void)
{
    struct ashlar_token token = {0};
    struct ashlar_lock lock;
    ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "heap");
    if (!ASHLAR_DEBUG) {
        return;
    }
    (void)ashlar_lock_take(&lock);
    like(SIM_FATAL(ashlar_token_take(&token)), "assertion failed: ashlar_port_context()",
         "who holds a lock may not wait");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    like(SIM_FATAL(ashlar_token_take(&token)), "assertion failed: ashlar_port_context()", "nor may an interrupt");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    uintptr_t interrupts = ashlar_port_irq_save();
    like(SIM_FATAL(ashlar_token_take(&token)), "assertion failed: ashlar_port_context()",
         "nor a thread with interrupts off");
    ashlar_port_irq_restore(interrupts);
    ok(!ashlar_token_is_taken(&token), "and nobody has it then");
    like(SIM_FATAL(ashlar_token_give(&token)), "assertion failed: ashlar_token_is_taken",
         "what nobody has is not given");
}

/* --- waiting ----------------------------------------------------------------------- */

static struct {
    struct ashlar_token token;
    unsigned blocks;
    unsigned yields;
    unsigned wakes;
    const volatile uint32_t *word;
    uint32_t seen;
    uint32_t depth;
} waits;

/* As if the other thread had run: it gives the token back. */
static void note_block(const volatile uint32_t *word, uint32_t seen)
{
    waits.blocks++;
    waits.word = word;
    waits.seen = seen;
    if (waits.blocks == 2u) { /* the first return was for no reason */
        ashlar_token_give(&waits.token);
    }
}

static void note_wake(const volatile uint32_t *word)
{
    waits.wakes++;
    waits.word = word;
}

static void note_yield(void)
{
    waits.yields++;
    ashlar_token_give(&waits.token);
}

static uint32_t *own_mark(void)
{
    return &waits.depth;
}

static void begin_waits(const struct ashlar_waiting *hooks)
{
    memset(&waits, 0, sizeof waits);
    ashlar_wait_by(hooks);
    (void)ashlar_token_try(&waits.token);
}

static void test_hooks(void)
{
    const struct ashlar_waiting by_block = {.block = note_block, .wake = note_wake};
    const struct ashlar_waiting by_yield = {.yield = note_yield};
    const struct ashlar_waiting no_wake = {.block = note_block};
    const struct ashlar_waiting no_block = {.wake = note_wake};
    begin_waits(&by_block);
    ashlar_token_give(&waits.token);
    ok(waits.wakes == 0, "nobody waits: nobody is woken");
    (void)ashlar_token_try(&waits.token);
    ashlar_token_take(&waits.token);
    ok(waits.blocks == 2 && waits.word == &waits.token.taken && waits.seen == 2,
       "who waits blocks on the word, marked, until it is free");
    is_u(waits.wakes, 1, "and whoever gave it woke by its address");
    ashlar_token_give(&waits.token);
    is_u(waits.wakes, 1, "once: the mark is gone");
    begin_waits(&by_yield);
    ashlar_token_take(&waits.token);
    is_u(waits.yields, 1, "without block others are let run");
    ashlar_token_give(&waits.token);
    like(SIM_FATAL(ashlar_wait_by(&no_wake)), "block without wake", "[fault 111] block alone is refused");
    like(SIM_FATAL(ashlar_wait_by(&no_block)), "wake without block", "[fault 111] so is wake");
    ashlar_wait_by(NULL);
}

static bool gets(void)
{
    bool got = ashlar_token_get(&waits.token);
    if (got) {
        ashlar_token_give(&waits.token);
    }
    return got;
}

/* Free, it is had anywhere; taken, only by who may wait. */
static void test_may_not_wait(void)
{
    const struct ashlar_waiting by_block = {.block = note_block, .wake = note_wake};
    begin_waits(&by_block);
    ashlar_port_pin();
    ok(!gets(), "[fault 106] taken, who is pinned does not wait for it");
    ashlar_port_unpin();
    sim_set_context(ASHLAR_CONTEXT_NO_SLEEP);
    ok(!gets(), "[fault 106] nor does a thread that may not sleep");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(!gets(), "[fault 106] nor an interrupt");
    ok(waits.blocks == 0, "nobody has blocked");
    ashlar_token_give(&waits.token);
    ok(gets(), "free, anybody has it");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    (void)ashlar_token_try(&waits.token);
    ok(gets() && waits.blocks == 2, "a thread waits");
    ashlar_wait_by(NULL);
}

/* What the kernel is called back under: see tests/frames/relief_smp.c and tests/heap/waiting_smp.c for the threads. */
static void test_enter(void)
{
    const struct ashlar_waiting unmarked = {.block = note_block, .wake = note_wake};
    const struct ashlar_waiting marked = {.block = note_block, .wake = note_wake, .mark = own_mark};
    struct ashlar_token other = {0};
    begin_waits(&unmarked);
    ok(!ashlar_token_enter(&waits.token) && waits.blocks == 0,
       "nobody marks threads: who it is is not known, nor waited for");
    begin_waits(&marked);
    ok(ashlar_token_enter(&other) && waits.depth == 1, "a thread that enters is marked");
    ok(!ashlar_token_enter(&other), "[fault 108] it does not wait for itself");
    ok(!ashlar_token_enter(&waits.token) && waits.blocks == 0, "[fault 108] nor for another");
    ashlar_token_leave(&other);
    ok(waits.depth == 0 && !ashlar_token_is_taken(&other), "left, it is as before");
    ok(ashlar_token_enter(&waits.token) && waits.blocks == 2, "[fault 107] and waits again");
    ashlar_token_leave(&waits.token);
    ashlar_wait_by(NULL);
}

int main(void)
{
    test_take_and_give();
    test_try_anywhere();
    test_refused();
    test_hooks();
    test_may_not_wait();
    test_enter();
    return done_testing();
}
