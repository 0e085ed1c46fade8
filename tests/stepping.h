/* SPDX-License-Identifier: 0BSD */
/* stepping.h - how long the code under test keeps interrupts off: counted in instructions, one by one, by the trap flag. */
#ifndef ASHLAR_TESTS_STEPPING_H
#define ASHLAR_TESTS_STEPPING_H

#include "sim.h"
#include "tap.h"
#include <signal.h>

#define HOLD_MOST 20000ul

static volatile unsigned long now, longest;
static volatile bool is_stepping;

static void on_step(int signal_number)
{
    (void)signal_number;
    now = sim_interrupts_are_off() ? now + 1u : 0;
    longest = now > longest ? now : longest;
}

#ifdef __x86_64__
#define STEP(change)                                                                                                   \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" change "\n\tpopfq\n\tlea 128(%%rsp), %%rsp" ::             \
                         : "memory", "cc")
#define STEP_ON() STEP("orl $0x100, (%%rsp)")
#define STEP_OFF() STEP("andl $~0x100, (%%rsp)")
#else
#define STEP_ON() __asm__ volatile("pushfl\n\torl $0x100, (%%esp)\n\tpopfl" ::: "memory", "cc")
#define STEP_OFF() __asm__ volatile("pushfl\n\tandl $~0x100, (%%esp)\n\tpopfl" ::: "memory", "cc")
#endif

#define HOLDS(fault, what, statement)                                                                                  \
    do {                                                                                                               \
        now = longest = 0;                                                                                             \
        is_stepping = true;                                                                                            \
        STEP_ON();                                                                                                     \
        statement;                                                                                                     \
        STEP_OFF();                                                                                                    \
        is_stepping = false;                                                                                           \
        ok(longest != 0 && longest <= HOLD_MOST, fault " " what ": %lu instructions with interrupts off", longest);    \
    } while (0)

/* False, and the plan is printed, where there is nothing to count. */
static bool stepping_works(void)
{
    struct sigaction action;
#ifdef __SANITIZE_ADDRESS__
    puts("1..0 # SKIP checks of memory are instructions, too");
    return false;
#endif
    memset(&action, 0, sizeof action);
    action.sa_handler = on_step;
    sigaction(SIGTRAP, &action, NULL);
    return true;
}

#endif
