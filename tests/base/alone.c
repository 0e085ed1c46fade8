/* SPDX-License-Identifier: 0BSD */
/* alone.c - what one CPU begins alone, with interrupts off, and who ends it with interrupts on. */
#include "base/alone.h"

#include "sim.h"
#include "tap.h"
#include <ashlar/port.h>

static void start(void)
{
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_alone_begin(2);
}

/* A CPU that joins does not wait: where nobody is inside it comes back at once. */
static void join_and_leave(void)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_alone_join();
    ashlar_alone_leave();
    ashlar_port_irq_restore(interrupts);
}

static void test_ends(void)
{
    start();
    uintptr_t interrupts = ashlar_port_irq_save();
    ok(ashlar_alone_enter() && ashlar_alone_enter(), "a thread with interrupts off is alone, and nests");
    sim_set_context(ASHLAR_CONTEXT_NMI);
    ok(!ashlar_alone_enter(), "an NMI in the middle is not");
    ashlar_alone_exit();
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_alone_exit();
    ashlar_alone_exit();
    ashlar_port_irq_restore(interrupts);
    join_and_leave();
    ok(!ashlar_alone_enter(), "a thread with interrupts on begins nothing");
    ashlar_alone_exit();
    join_and_leave();
}

static const char *end_with_interrupts_on(unsigned context)
{
    start();
    uintptr_t interrupts = ashlar_port_irq_save();
    (void)ashlar_alone_enter();
    ashlar_port_irq_restore(interrupts); /* as a visitor might */
    sim_set_context(context);
    return SIM_FATAL(ashlar_alone_exit());
}

static void test_turned_on(void)
{
    like(end_with_interrupts_on(ASHLAR_CONTEXT_THREAD), "turned interrupts on",
         "[fault 168] interrupts were turned on in the middle: told at the end of the call");
    like(end_with_interrupts_on(ASHLAR_CONTEXT_THREAD | ASHLAR_CONTEXT_NO_SLEEP), "turned interrupts on",
         "[fault 168] by a thread that may not sleep as well");
    is_str(end_with_interrupts_on(ASHLAR_CONTEXT_NMI), NULL, "whoever is no thread ends nothing of it");
    sim_set_cpu(1);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_str(SIM_FATAL(ashlar_alone_exit()), NULL, "nor is another CPU's thread told");
}

int main(void)
{
    test_ends();
    test_turned_on();
    return done_testing();
}
