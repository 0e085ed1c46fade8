/* SPDX-License-Identifier: 0BSD */
/* token.h - a right that one thread at a time has, for work that takes long: growing, purging.
 *
 * Unlike a lock it is not tied to a CPU and has no rank: whoever has it keeps interrupts on, takes and gives locks of any
 * rank, calls the kernel, waits for other CPUs. Data that others look at meanwhile is under a lock all the same; the
 * token says who changes it.
 *
 * Context: take waits, so a thread with interrupts on, which holds no lock then, and is not pinned; debug builds check the
 * former. try and give: any but NMI.
 * Cost: one locked instruction to take, a store to give. Not fair.
 */
#ifndef ASHLAR_BASE_TOKEN_H
#define ASHLAR_BASE_TOKEN_H

#include <ashlar/private.h>
#include <stdbool.h>

/* Waits for as long as somebody has it: who has it himself would wait for ever. */
void ashlar_token_take(struct ashlar_token *token);

/* False if somebody has it. */
bool ashlar_token_try(struct ashlar_token *token);

void ashlar_token_give(struct ashlar_token *token);

/* For audits: of use where nobody runs beside the caller. */
bool ashlar_token_is_taken(const struct ashlar_token *token);

#endif
