/* SPDX-License-Identifier: 0BSD */
/* port.c - the hooks that depend on how this kernel is made. */
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "io/print.h"
#include "task/task.h"
#include "x86/cpu.h"
#include <ashlar/port.h>

unsigned ashlar_port_cpu(void)
{
    return cpu_index();
}

unsigned ashlar_port_pin(void)
{
    task_pin();
    return cpu_index();
}

void ashlar_port_unpin(void)
{
    task_unpin();
}

/* Each window that is opened asks it. */
unsigned ashlar_port_context(void)
{
    unsigned context = CPU_READ(depth) == 0 ? ASHLAR_CONTEXT_THREAD : ASHLAR_CONTEXT_INTERRUPT;
    context |= task_may_sleep((const struct task *)CPU_READ(current)) ? 0u : ASHLAR_CONTEXT_NO_SLEEP;
    return (x86_flags() & X86_FLAGS_IF) != 0 ? context : context | ASHLAR_CONTEXT_IRQS_OFF;
}

void ashlar_port_fatal(const char *message)
{
    panic_at(message, (uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0));
}

void ashlar_port_log(const char *message)
{
    print("ashlar: %s\n", message);
}
