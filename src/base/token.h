/* SPDX-License-Identifier: 0BSD */
/* token.h - a right that one thread at a time has, for work that takes long: growing, purging.
 *
 * Unlike a lock it is not tied to a CPU and has no rank: whoever has it keeps interrupts on, takes and gives locks of any
 * rank, calls the kernel, waits for other CPUs, may be preempted and may sleep. Data that others look at meanwhile is
 * under a lock all the same; the token says who changes it. Who waits for it does so by the kernel's hooks, never by
 * spinning where there are any (wait.h).
 *
 * Context: take waits, so a thread that may sleep, with interrupts on, which holds no lock then, and is not pinned; debug
 * builds check the former. All others: any but NMI; they do not wait where the caller may not.
 * Cost: one locked instruction to take, one to give. Not fair.
 */
#ifndef ASHLAR_BASE_TOKEN_H
#define ASHLAR_BASE_TOKEN_H

#include <ashlar/private.h>
#include <stdbool.h>

/* Waits for as long as somebody has it: who has it himself would wait for ever. */
void ashlar_token_take(struct ashlar_token *token);

/* False if somebody has it. */
bool ashlar_token_try(struct ashlar_token *token);

/* As take; false if somebody has it and the caller may not wait. */
bool ashlar_token_get(struct ashlar_token *token);

/* Nothing of the token is touched once another thread can have it: that one may destroy what it lies in. */
void ashlar_token_give(struct ashlar_token *token);

/* Around calls of the kernel's own functions that give memory back, and may be short of it themselves, here or in another
 * such token: false if somebody has it, and the caller is called so, or could be (nobody marks threads), or may not wait.
 * So none of those waits for another, and no circle of them can close. */
bool ashlar_token_enter(struct ashlar_token *token);
void ashlar_token_leave(struct ashlar_token *token);

/* For audits: of use where nobody runs beside the caller. */
bool ashlar_token_is_taken(const struct ashlar_token *token);

#endif
