/* SPDX-License-Identifier: 0BSD */
/* wait.c - whether waiting is allowed here, and how it is done.
 *
 * To wait for another CPU's answer, or for another thread, the caller must let
 * both go on: interrupts are on, it is a thread that may sleep, and it holds no
 * spin lock.
 *
 * One primitive, over the kernel's hooks (ashlar/port.h), is all that threads
 * wait by. It is a futex: a word says what is waited for, and the kernel queues
 * on its address. Words of spin locks are waited for elsewhere: who holds one
 * runs, and may not be switched away.
 */
#include "base/wait.h"

#include "base/check.h"
#include "base/lock.h"

static struct ashlar_waiting waiting;

COLD void ashlar_wait_by(const struct ashlar_waiting *hooks)
{
    static const struct ashlar_waiting none;
    hooks = hooks != NULL ? hooks : &none;
    ASHLAR_CHECK((hooks->block == NULL) == (hooks->wake == NULL), "wait: block without wake, or wake without block");
    waiting = *hooks;
}

bool ashlar_may_wait(void)
{
    return ashlar_port_context() == ASHLAR_CONTEXT_THREAD && ashlar_lock_held_name() == NULL;
}

COLD void ashlar_wait_while(const volatile uint32_t *word, uint32_t seen)
{
    if (waiting.block != NULL) {
        waiting.block(word, seen);
    } else if (waiting.yield != NULL) {
        waiting.yield();
    } else {
        ashlar_port_relax();
    }
}

COLD void ashlar_wait_end(const volatile uint32_t *word)
{
    if (waiting.wake != NULL) {
        waiting.wake(word);
    }
}

COLD uint32_t *ashlar_wait_mark(void)
{
    return waiting.mark != NULL ? waiting.mark() : NULL;
}
