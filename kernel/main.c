/* SPDX-License-Identifier: 0BSD */
/* main.c - the first C that runs. */
#include "command.h"
#include "cpu.h"
#include "machine.h"
#include "print.h"
#include "serial.h"
#include "task.h"
#include "timer.h"
#include "trap.h"
#include <ashlar/port.h>

ASHLAR_NORETURN void kernel_main(uint32_t magic, uint32_t information);

static void main_thread(void *argument)
{
    (void)argument;
    machine_exit((unsigned)monitor_run());
}

void kernel_main(uint32_t magic, uint32_t information)
{
    static struct task main_task;
    serial_init();
    image_init();
    trap_init();
    task_init();
    timer_init();
    print("Ashlar: the reference kernel, magic 0x%x, boot information at 0x%x\n", magic, information);
    if (task_start(&main_task, "main", main_thread, NULL, NULL) != ASHLAR_OK) {
        ashlar_port_fatal("no stack for the main thread");
    }
    x86_irq_enable();
    for (;;) {
        x86_halt();
    }
}
