/* SPDX-License-Identifier: 0BSD */
/* crew.c - the workers of one test. One crew at a time. */
#include "tests/crew.h"

static struct task workers[CREW_MOST];
static unsigned worker_count;

bool crew_start(unsigned count, task_function function, struct ashlar_space *space)
{
    for (worker_count = 0; worker_count < count; worker_count++) {
        if (task_start(&workers[worker_count], "tester", function, (void *)(uintptr_t)worker_count, space) !=
            ASHLAR_OK) {
            return false;
        }
    }
    return true;
}

void crew_join(void)
{
    while (worker_count > 0) {
        task_join(&workers[--worker_count]);
    }
}
