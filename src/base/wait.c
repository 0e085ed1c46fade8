/* SPDX-License-Identifier: 0BSD */
/* wait.c - whether waiting is allowed here.
 *
 * To wait for another CPU's answer, or for another thread, the caller must let
 * both go on: interrupts are on, it is a thread, and it holds no spin lock.
 */
#include "base/wait.h"

#include "base/lock.h"

bool ashlar_may_wait(void)
{
    return ashlar_port_context() == ASHLAR_CONTEXT_THREAD && ashlar_lock_held_name() == NULL;
}
