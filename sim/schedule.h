/* SPDX-License-Identifier: 0BSD */
/* schedule.h - several simulated CPUs, one at a time, in an order that a seed decides.
 *
 * Each CPU, or each of its threads, runs one function from beginning to end. Wherever the code under test
 * yields, another CPU may go on instead; which one, and when, follows from the
 * seed alone, so that a run that went wrong can be had again. What a CPU stores
 * waits in its store buffer, if the run is to have them: others see it late. A CPU
 * whose function has returned stays, and takes interrupts.
 *
 * Threads of one CPU have strict priorities: the highest that is ready runs, at
 * once when it becomes so; those of equal priority are switched between by a
 * timer. None is switched away while it is pinned, has interrupts off or is in
 * an interrupt. They never leave their CPU.
 */
#ifndef ASHLAR_SIM_SCHEDULE_H
#define ASHLAR_SIM_SCHEDULE_H

#include "yield.h"
#include <ashlar/port.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_schedule_options {
    uint64_t seed;
    unsigned kick_one_in;  /* a pending interrupt is taken at one of so many yields; 0: 8 */
    unsigned drain_one_in; /* at one of so many yields some CPU's store buffer drains; 0: stores are visible at once */
    unsigned waits_most;   /* turns that one CPU may wait before that counts as for ever; 0: 5,000 */
    unsigned threads;      /* in all, thread n on CPU n % cpus; 0: one on each CPU */
    unsigned (*priority_of)(unsigned thread); /* the higher, the more urgent; NULL: all are equal */
    void (*interrupt)(void);                  /* the handler of kicks; runs with interrupts off */
    void (*between)(void); /* what the CPU may do by itself between two steps, now and then; may be NULL */
};

#define SIM_THREADS_MAX 64u

/* body(context) once on each CPU, or in each thread, from 0 on. Returns when all have ended, or one of them had to be given up: NULL, or why
 * (a fatal report, or a wait for ever). Afterwards the caller is CPU 0, interrupts on. */
const char *sim_schedule(unsigned cpus, void (*body)(void *), void *context,
                         const struct sim_schedule_options *options);

/* The running thread's number. */
unsigned sim_thread(void);
/* It is not ready before so many turns have passed. In a run, where it could be switched away. */
void sim_sleep(unsigned turns);

/* How threads wait for each other (ashlar_wait_by): they sleep; or they only let equal ones run. What port.h asks of
 * the hooks, and of who calls them, is checked. */
extern const struct ashlar_waiting sim_waiting_by_block, sim_waiting_by_yield;

/* This one waits for another. False outside of sim_schedule. */
bool sim_wait(void);

/* This CPU has done something: what it waited before does not count. */
void sim_progress(void);

/* An ashlar_kick: interrupts for these CPUs, late as it may be, but never lost. */
void sim_kick(const uint32_t *cpus, unsigned words);

/* Yields and changes of CPU in the last run. */
unsigned long sim_schedule_yields(void);
unsigned long sim_schedule_switches(void);

#endif
