/* SPDX-License-Identifier: 0BSD */
/* token.c - one word, taken by compare and swap; whoever waits asks again and again, with interrupts on. */
#include "base/token.h"

#include "base/atomic.h"
#include "base/check.h"

bool ashlar_token_try(struct ashlar_token *token)
{
    return atomic_cas_u32(&token->taken, 0, 1);
}

COLD void ashlar_token_take(struct ashlar_token *token)
{
    ASHLAR_ASSERT(ashlar_port_context() == ASHLAR_CONTEXT_THREAD);
    while (!ashlar_token_try(token)) {
        ashlar_port_relax();
    }
}

void ashlar_token_give(struct ashlar_token *token)
{
    ASHLAR_ASSERT(ashlar_token_is_taken(token));
    atomic_store_u32(&token->taken, 0);
}

bool ashlar_token_is_taken(const struct ashlar_token *token)
{
    return atomic_load_u32(&token->taken) != 0;
}
