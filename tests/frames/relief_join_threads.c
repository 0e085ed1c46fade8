/* SPDX-License-Identifier: 0BSD */
/* relief_join_threads.c - relievers register while real threads ask: who is in the list is asked, whole. */
#include "pool.h"

#include "threads.h"

#define RELIEVERS 200u

static struct ashlar_frames *pool;
static struct ashlar_reliever relievers[RELIEVERS];
static volatile uintptr_t asked[RELIEVERS];
static volatile uintptr_t registered; /* so far */

static size_t count_asked(void *context)
{
    (void)__atomic_fetch_add(&asked[(uintptr_t)context], 1u, __ATOMIC_SEQ_CST);
    return 0;
}

/* One registers them, the others ask meanwhile. */
static void *body(void *argument)
{
    uintptr_t cpu = (uintptr_t)argument;
    sim_set_cpu((unsigned)cpu);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    for (uintptr_t i = 0; cpu == 0 && i < RELIEVERS; i++) {
        relievers[i].relieve = count_asked;
        relievers[i].context = (void *)i;
        ashlar_frames_add_reliever(pool, &relievers[i]);
        __atomic_store_n(&registered, i + 1u, __ATOMIC_RELEASE);
    }
    while (cpu != 0 && __atomic_load_n(&registered, __ATOMIC_ACQUIRE) < RELIEVERS) {
        (void)ashlar_frames_relieve(pool);
    }
    return NULL;
}

int main(void)
{
    size_t never = 0;
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    pool = pool_at(4096, 512);
    run_threads(body);
    (void)ashlar_frames_relieve(pool);
    for (size_t i = 0; i < RELIEVERS; i++) {
        never += asked[i] == 0;
    }
    is_u(never, 0, "each of %u relievers was asked", RELIEVERS);
    return done_testing();
}
