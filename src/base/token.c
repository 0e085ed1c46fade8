/* SPDX-License-Identifier: 0BSD */
/* token.c - one word that says whether somebody has it, and whether somebody waits.
 *
 *     FREE ──try──> TAKEN ──somebody waits──> WAITED         give: to FREE, in one exchange; WAITED before: wake
 *
 * Who waits marks the word first, and sleeps only while it is marked: the
 * exchange then finds the mark, or the sleeper is refused by the comparison that
 * is one step with its queueing. All are woken; one takes the token, and the
 * others mark it again. So no mark is ever lost that somebody sleeps by
 * (models/token.pml).
 *
 * After the exchange the token may be another thread's, and gone with what it
 * lay in: its address wakes by name, and is not looked at.
 */
#include "base/token.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/wait.h"

enum token_word { TOKEN_FREE, TOKEN_TAKEN, TOKEN_WAITED };

bool ashlar_token_try(struct ashlar_token *token)
{
    return atomic_cas_u32(&token->taken, TOKEN_FREE, TOKEN_TAKEN);
}

COLD void ashlar_token_take(struct ashlar_token *token)
{
    ASHLAR_ASSERT(ashlar_port_context() == ASHLAR_CONTEXT_THREAD);
    while (!ashlar_token_try(token)) {
        if (atomic_load_u32(&token->taken) == TOKEN_WAITED ||
            atomic_cas_u32(&token->taken, TOKEN_TAKEN, TOKEN_WAITED)) {
            ashlar_wait_while(&token->taken, TOKEN_WAITED);
        }
    }
}

COLD bool ashlar_token_get(struct ashlar_token *token)
{
    if (!ashlar_token_try(token)) {
        if (!ashlar_may_wait()) {
            return false;
        }
        ashlar_token_take(token);
    }
    return true;
}

void ashlar_token_give(struct ashlar_token *token)
{
    ASHLAR_ASSERT(ashlar_token_is_taken(token));
    if (atomic_exchange_u32(&token->taken, TOKEN_FREE) == TOKEN_WAITED) {
        ashlar_wait_end(&token->taken);
    }
}

COLD bool ashlar_token_enter(struct ashlar_token *token)
{
    uint32_t *depth = ashlar_wait_mark();
    bool waits = depth != NULL && *depth == 0;
    if (!(waits ? ashlar_token_get(token) : ashlar_token_try(token))) {
        return false;
    }
    if (depth != NULL) {
        ++*depth;
    }
    return true;
}

COLD void ashlar_token_leave(struct ashlar_token *token)
{
    uint32_t *depth = ashlar_wait_mark();
    if (depth != NULL) {
        --*depth;
    }
    ashlar_token_give(token);
}

bool ashlar_token_is_taken(const struct ashlar_token *token)
{
    return atomic_load_u32(&token->taken) != TOKEN_FREE;
}
