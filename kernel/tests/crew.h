/* SPDX-License-Identifier: 0BSD */
/* crew.h - the workers of one test: as many threads of one function. */
#ifndef KERNEL_CREW_H
#define KERNEL_CREW_H

#include "cpu/percpu.h"
#include "task/task.h"

#define CREW_MOST (2 * CPUS_MAX)

/* Each gets its number; space: in which they run, or NULL. False: not all could be started; those that were have to be
 * joined. */
bool crew_start(unsigned count, task_function function, struct ashlar_space *space);
void crew_join(void);

#endif
