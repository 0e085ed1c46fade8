/* SPDX-License-Identifier: 0BSD */
/* token_threads.c - real threads wait for a token: one at a time has it, and sees what the one before has written. */
#include "base/token.h"
#include "sim.h"
#include "tap.h"
#include "threads.h"

#define ROUNDS 20000u

static struct ashlar_token token;
/* Plain on purpose: only the token makes these counts exact. */
static unsigned long taken;
static unsigned long tried;
static unsigned inside;
static unsigned clashes;

static void *work(void *argument)
{
    sim_set_cpu((unsigned)(uintptr_t)argument);
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool waits = round % 2u == 0;
        if (waits) {
            ashlar_token_take(&token);
        } else if (!ashlar_token_try(&token)) {
            continue;
        }
        clashes += inside++ != 0;
        taken += waits;
        tried += !waits;
        inside--;
        ashlar_token_give(&token);
    }
    return NULL;
}

int main(void)
{
    run_threads(work);
    is_u(clashes, 0, "never two with the token");
    is_u(taken, THREADS * ROUNDS / 2u, "each who waits gets it");
    ok(tried <= THREADS * ROUNDS / 2u, "who does not wait gets it at times: %lu", tried);
    ok(!ashlar_token_is_taken(&token), "nobody has it at the end");
    return done_testing();
}
