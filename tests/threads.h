/* SPDX-License-Identifier: 0BSD */
/* threads.h - real threads as CPUs. */
#ifndef ASHLAR_TESTS_THREADS_H
#define ASHLAR_TESTS_THREADS_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define THREADS 4u

/* Each runs work with its number, from 0, as the argument; all have ended on return. */
static void run_threads(void *(*work)(void *argument))
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

#endif
