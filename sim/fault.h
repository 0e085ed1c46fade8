/* SPDX-License-Identifier: 0BSD */
/* fault.h - the host's faults, and pointers that are resolved as a fault would. */
#ifndef ASHLAR_SIM_FAULT_H
#define ASHLAR_SIM_FAULT_H

#include <stdbool.h>

/* Take the host's faults: windows and kernel pointers. */
void sim_watch_faults(void);
/* What a kernel pointer reaches now, translated as a read or a write would be; any other pointer as it is. */
void *sim_pointer_resolve(const volatile void *pointer, bool write);

#endif
