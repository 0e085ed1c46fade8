/* SPDX-License-Identifier: 0BSD */
/* port.c - the hooks that depend on how this kernel is made. */
#include "machine.h"
#include "print.h"
#include <ashlar/port.h>

unsigned ashlar_port_cpu(void)
{
    return 0;
}

unsigned ashlar_port_context(void)
{
    return ASHLAR_CONTEXT_THREAD;
}

void ashlar_port_fatal(const char *message)
{
    print("panic: %s\n", message);
    machine_exit(EXIT_PANIC);
}

void ashlar_port_log(const char *message)
{
    print("%s\n", message);
}
