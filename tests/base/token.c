/* SPDX-License-Identifier: 0BSD */
/* token.c - one has it, the others do not; what debug builds refuse. */
#include "base/token.h"

#include "base/lock.h"
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

int main(void)
{
    test_take_and_give();
    test_try_anywhere();
    test_refused();
    return done_testing();
}
