/* SPDX-License-Identifier: 0BSD */
/* lock_wait.c - what a CPU does while it waits for a lock: it polls, claims, lets claims pass, and is never passed by for
 * ever. The poll stands in for the other CPUs: it is asked at each look. */
#include "base/lock.h"

#include "sim.h"
#include "tap.h"

#define LONG 2000u

static struct ashlar_lock lock;
static unsigned polls;
static unsigned release_at;    /* the other CPU gives the lock at this poll; 0: never */
static unsigned claim_seen_at; /* the first poll at which this CPU's claim stood */
static bool retake;            /* the other CPU takes it again at once, unless it sees a claim */
static unsigned retakes;
static bool interrupts_were_on;
static void (*extra)(void);

static void poll(void)
{
    polls++;
    interrupts_were_on = interrupts_were_on || !sim_interrupts_are_off();
    if (lock.claim == 1 && claim_seen_at == 0) {
        claim_seen_at = polls;
    }
    if (polls == release_at) {
        lock.held = 0;
        if (retake && lock.claim == 0) {
            lock.held = 2;
            retakes++;
            release_at++;
        }
    }
    if (extra != NULL) {
        extra();
    }
}

static void begin(enum ashlar_rank rank)
{
    sim_set_cpu(0);
    ashlar_lock_init(&lock, rank, "lock");
    ashlar_lock_set_poll(poll);
    polls = release_at = claim_seen_at = retakes = 0;
    retake = interrupts_were_on = false;
    extra = NULL;
}

static void take_and_give(void)
{
    ashlar_lock_give(&lock, ashlar_lock_take(&lock));
}

static void test_polls(void)
{
    begin(ASHLAR_RANK_HEAP);
    take_and_give();
    is_u(polls, 0, "a free lock is taken without a poll");
    lock.held = 2;
    release_at = 5;
    take_and_give();
    is_u(polls, 5, "who waits polls at each look, and takes the lock when it is free");
    ok(!interrupts_were_on, "interrupts are off meanwhile");
    is_u(lock.claim, 0, "who waited for a short time claimed nothing");
    ashlar_lock_set_poll(NULL);
    take_and_give();
    ok(lock.held == 0, "no poll is no error");
}

static void test_claim(void)
{
    begin(ASHLAR_RANK_HEAP);
    lock.held = 2;
    release_at = LONG;
    take_and_give();
    ok(claim_seen_at > 1 && claim_seen_at < LONG, "who waits for long claims the next turn");
    is_u(lock.claim, 0, "and takes the claim away when it has had it");
    begin(ASHLAR_RANK_HEAP);
    lock.held = 2;
    release_at = 1;
    retake = true;
    take_and_give();
    ok(retakes > 10 && retakes < LONG, "a CPU that takes it again each time gets it so often only [fault 114]");
}

static void steal_claim(void)
{
    if (lock.claim == 1) {
        lock.claim = 3;
        extra = NULL;
    }
}

/* A claim whose CPU never comes: it was stopped. */
static void test_stopped_claimant(void)
{
    begin(ASHLAR_RANK_HEAP);
    lock.claim = 3;
    take_and_give();
    ok(polls > 1 && polls < LONG, "a free lock that somebody claims is left alone for a while");
    is_u(lock.claim, 0, "  then the claim is removed");
    unsigned first = polls;
    take_and_give();
    is_u(polls, first, "  and costs nothing any more");
    begin(ASHLAR_RANK_HEAP);
    lock.held = 2;
    release_at = LONG;
    extra = steal_claim;
    take_and_give();
    ok(lock.held == 0 && polls > LONG, "who lost its claim waits a little longer");
}

static void test_shootdown(void)
{
    begin(ASHLAR_RANK_SHOOTDOWN);
    lock.claim = 3;
    take_and_give();
    is_u(polls, 0, "no poll while a lock of the shootdowns' rank is waited for");
    is_u(lock.claim, 0, "  which is waited for as others are");
}

static void test_taken_twice_while_claimed(void)
{
    begin(ASHLAR_RANK_HEAP);
    (void)ashlar_lock_take(&lock);
    lock.claim = 3;
    like(SIM_FATAL((void)ashlar_lock_take(&lock)), "taken twice on CPU 0", "a claim hides no doubled take");
    lock.held = lock.claim = 0;
}

int main(void)
{
    test_polls();
    test_claim();
    test_stopped_claimant();
    test_shootdown();
    test_taken_twice_while_claimed();
    return done_testing();
}
