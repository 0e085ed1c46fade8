/* SPDX-License-Identifier: 0BSD */
/* joining.h - a second CPU that joins in the middle of what the first one does alone, with interrupts off.
 *
 * Its wait is told by the first turn of it; then the first CPU goes on, with the other one waiting.
 */
#ifndef ASHLAR_TESTS_BOOT_JOINING_H
#define ASHLAR_TESTS_BOOT_JOINING_H

#include "base/alone.h"
#include "sim.h"
#include <ashlar/port.h>
#include <sched.h>
#include <setjmp.h>

static struct {
    bool runs, begun, waits, early;
    jmp_buf waiting;
} joining;

/* What a turn of a spin loop is in the simulated machine. */
int sched_yield(void)
{
    if (joining.waits) {
        longjmp(joining.waiting, 1);
    }
    return 0;
}

/* In the middle: the other one joins. */
static void joining_now(void)
{
    if (!joining.runs || joining.begun) {
        return;
    }
    joining.begun = joining.waits = true;
    sim_set_cpu(1);
    if (setjmp(joining.waiting) == 0) {
        ashlar_alone_join();
        joining.early = true;
    }
    joining.waits = false;
    sim_set_cpu(0);
}

/* NULL, or what went wrong: the second one took part before work() had ended. */
static const char *joining_run(void (*work)(void))
{
    uintptr_t interrupts = ashlar_port_irq_save();
    joining.begun = joining.early = false;
    joining.runs = true;
    work();
    joining.runs = false;
    ashlar_port_irq_restore(interrupts);
    if (!joining.begun) {
        return "nothing was in the middle";
    }
    ashlar_alone_leave();
    return joining.early ? "a CPU took part in the middle of a call" : NULL;
}

#endif
