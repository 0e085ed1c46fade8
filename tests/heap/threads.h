/* SPDX-License-Identifier: 0BSD */
/* threads.h - so many threads at once, each told its number, counted from 1; back when all are done. */
#ifndef ASHLAR_TESTS_HEAP_THREADS_H
#define ASHLAR_TESTS_HEAP_THREADS_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define THREADS_MOST 16u

static void run_threads(unsigned count, void *(*body)(void *number))
{
    pthread_t threads[THREADS_MOST];
    for (uintptr_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, body, (void *)(i + 1u)) != 0) {
            exit(1);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

#endif
