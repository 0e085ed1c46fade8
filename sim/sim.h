/* SPDX-License-Identifier: 0BSD */
/* sim.h - the simulated machine as the port sees it: which CPU, which context, and fatal reports that tests catch.
 *
 * A thread of the host is at one simulated CPU at a time. All state here is the
 * thread's own, so that real threads can be CPUs.
 */
#ifndef ASHLAR_SIM_H
#define ASHLAR_SIM_H

#include <ashlar/types.h>
#include <setjmp.h>
#include <stdbool.h>

void sim_set_cpu(unsigned cpu);

/* What ashlar_port_context says: one of ASHLAR_CONTEXT_*; IRQS_OFF is added by itself from the interrupt flag,
 * NO_SLEEP while pinned. */
void sim_set_context(unsigned context);

/* What it was told last. */
unsigned sim_context(void);

/* Interrupts off, as seen by the code under test? */
bool sim_interrupts_are_off(void);

/* Called before each flush that the code under test asks for, while the CPU still knows what it is to forget; NULL:
 * nothing. */
void sim_before_flush(void (*hook)(void));

/* Called before each window is opened: where an interrupt may come, if those are on, or another CPU be faster. */
void sim_before_open(void (*hook)(void));

/* What of all this belongs to a CPU, for whoever runs several on one thread: keep this one's, go on as another. */
struct sim_catch;
struct sim_state {
    unsigned cpu;
    unsigned context;
    bool interrupts_off;
    unsigned pins;
    struct sim_catch *innermost;
};
void sim_state_exchange(struct sim_state *keep, const struct sim_state *load);

/* How many pins are open on this thread: 0 outside of the library. */
unsigned sim_pins(void);

/* How often this thread began to keep others away: by a pin, or with interrupts off, where it had neither before. */
unsigned long sim_holds(void);

/* The last line that the library logged, and how many there were. */
const char *sim_last_log(void);
unsigned long sim_log_count(void);
/* Also print log lines on standard error. Off at first. */
void sim_log_echo(bool on);

/* SIM_FATAL(statement): run it; the fatal message if it ended in ashlar_port_fatal, else NULL. After a message the
 * machine's interrupt flag and pins are as before, and debug builds have released the locks that were held. */
struct sim_catch {
    jmp_buf buffer;
    struct sim_catch *outer;
};
void sim_catch_begin(struct sim_catch *frame);
const char *sim_catch_end(struct sim_catch *frame, bool fatal);

#define SIM_FATAL(statement)                                                                                           \
    __extension__({                                                                                                    \
        struct sim_catch sim_frame_;                                                                                   \
        const char *volatile sim_message_;                                                                             \
        sim_catch_begin(&sim_frame_);                                                                                  \
        if (setjmp(sim_frame_.buffer) == 0) {                                                                          \
            statement;                                                                                                 \
            sim_message_ = sim_catch_end(&sim_frame_, false);                                                          \
        } else {                                                                                                       \
            sim_message_ = sim_catch_end(&sim_frame_, true);                                                           \
        }                                                                                                              \
        sim_message_;                                                                                                  \
    })

#endif
