/* SPDX-License-Identifier: 0BSD */
/* wait.c - who may wait: a thread with interrupts on, which holds no lock. */
#include "base/wait.h"

#include "base/lock.h"
#include "base/token.h"
#include "sim.h"
#include "tap.h"
#include <ashlar/config.h>

int main(void)
{
    static struct ashlar_lock lock;
    static struct ashlar_token token;
    ok(ashlar_may_wait(), "a thread may wait");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(!ashlar_may_wait(), "an interrupt may not");
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ok(!ashlar_may_wait(), "nor an NMI");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    uintptr_t interrupts = ashlar_port_irq_save();
    ok(!ashlar_may_wait(), "nor a thread with interrupts off");
    ashlar_port_irq_restore(interrupts);
    ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "a lock");
    interrupts = ashlar_lock_take(&lock);
    ashlar_port_irq_restore(interrupts); /* as if the lock alone were in the way */
    is_u(ashlar_may_wait(), !ASHLAR_DEBUG, "nor one that holds a lock, as far as that is known");
    ashlar_lock_give(&lock, interrupts);
    ashlar_token_take(&token);
    ok(ashlar_may_wait(), "a token is no lock");
    ashlar_token_give(&token);
    return done_testing();
}
