/* SPDX-License-Identifier: 0BSD */
/* exit.h - how the machine ends. Any context. */
#ifndef KERNEL_EXIT_H
#define KERNEL_EXIT_H

#include <ashlar/types.h>

/* Exit statuses, as the shell sees them behind tools/qemu-run. */
#define EXIT_GOOD 0
#define EXIT_PANIC 1
#define EXIT_FAILED 2
ASHLAR_NORETURN void machine_exit(unsigned status);

#endif
