/* SPDX-License-Identifier: 0BSD */
/* wait.h - may the caller wait? */
#ifndef ASHLAR_BASE_WAIT_H
#define ASHLAR_BASE_WAIT_H

#include <stdbool.h>

/* A thread with interrupts on, on a CPU that holds no lock (debug builds know; others believe it): it may wait for other
 * threads and CPUs. Exact where the caller itself holds none. Any context. */
bool ashlar_may_wait(void);

#endif
