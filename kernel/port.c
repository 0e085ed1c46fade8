/* SPDX-License-Identifier: 0BSD */
/* port.c - the hooks that depend on how this kernel is made. */
#include "cpu.h"
#include "machine.h"
#include "print.h"
#include "task.h"
#include "trap.h"
#include <ashlar/port.h>

unsigned ashlar_port_cpu(void)
{
    return 0;
}

unsigned ashlar_port_pin(void)
{
    task_pin();
    return 0;
}

void ashlar_port_unpin(void)
{
    task_unpin();
}

unsigned ashlar_port_context(void)
{
    unsigned context = trap_depth() == 0 ? ASHLAR_CONTEXT_THREAD : ASHLAR_CONTEXT_INTERRUPT;
    return (x86_flags() & X86_FLAGS_IF) != 0 ? context : context | ASHLAR_CONTEXT_IRQS_OFF;
}

void ashlar_port_fatal(const char *message)
{
    uintptr_t esp;
    __asm__ volatile("mov %%esp, %0" : "=r"(esp));
    panic_at(message, (uint32_t)(uintptr_t)__builtin_return_address(0), (uint32_t)esp);
}

void ashlar_port_log(const char *message)
{
    print("ashlar: %s\n", message);
}
