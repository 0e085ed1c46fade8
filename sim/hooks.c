/* SPDX-License-Identifier: 0BSD */
/* hooks.c - the port hooks that need neither MMU nor scheduler: CPU, context, interrupts, fatal, log.
 *
 * A fatal report longjmps to the SIM_FATAL around the call, if there is one;
 * else it is printed and the program aborts, so that no test passes by accident.
 */
#include "sim.h"

#include "base/lock.h"
#include <ashlar/port.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_BYTES 512

static _Thread_local struct sim_state self;
static _Thread_local unsigned long holds;
static _Thread_local struct {
    unsigned long count;
    char message[MESSAGE_BYTES];
    char line[MESSAGE_BYTES];
} told;

static bool echo;

void sim_state_exchange(struct sim_state *keep, const struct sim_state *load)
{
    *keep = self;
    self = *load;
}

void sim_set_cpu(unsigned cpu)
{
    self.cpu = cpu;
}

void sim_set_context(unsigned context)
{
    self.context = context;
}

unsigned sim_context(void)
{
    return self.context;
}

bool sim_interrupts_are_off(void)
{
    return self.interrupts_off;
}

unsigned sim_pins(void)
{
    return self.pins;
}

const char *sim_last_log(void)
{
    return told.line;
}

unsigned long sim_log_count(void)
{
    return told.count;
}

void sim_log_echo(bool on)
{
    echo = on;
}

void sim_catch_begin(struct sim_catch *frame)
{
    frame->outer = self.innermost;
    self.innermost = frame;
}

const char *sim_catch_end(struct sim_catch *frame, bool fatal)
{
    self.innermost = frame->outer;
    if (!fatal) {
        return NULL;
    }
    self.interrupts_off = false;
    self.pins = 0;
    ashlar_lock_abandon_all();
    return told.message;
}

unsigned ashlar_port_cpu(void)
{
    return self.cpu;
}

unsigned long sim_holds(void)
{
    return holds;
}

static void count_hold(void)
{
    holds += self.pins == 0 && !self.interrupts_off;
}

unsigned ashlar_port_pin(void)
{
    count_hold();
    self.pins++;
    return self.cpu;
}

void ashlar_port_unpin(void)
{
    if (self.pins-- == 0) {
        fputs("sim: unpin without pin\n", stderr);
        abort();
    }
}

uintptr_t ashlar_port_irq_save(void)
{
    uintptr_t saved = self.interrupts_off;
    count_hold();
    self.interrupts_off = true;
    return saved;
}

void ashlar_port_irq_restore(uintptr_t saved)
{
    self.interrupts_off = saved != 0;
}

unsigned ashlar_port_context(void)
{
    return self.context | (self.interrupts_off ? ASHLAR_CONTEXT_IRQS_OFF : 0u) |
           (self.pins != 0 ? ASHLAR_CONTEXT_NO_SLEEP : 0u);
}

void ashlar_port_fatal(const char *message)
{
    snprintf(told.message, sizeof told.message, "%s", message);
    if (self.innermost == NULL) {
        fprintf(stderr, "fatal: %s\n", message);
        abort();
    }
    longjmp(self.innermost->buffer, 1);
}

void ashlar_port_log(const char *message)
{
    told.count++;
    snprintf(told.line, sizeof told.line, "%s", message);
    if (echo) {
        fprintf(stderr, "# %s\n", message);
    }
}
