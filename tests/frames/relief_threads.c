/* SPDX-License-Identifier: 0BSD */
/* relief_threads.c - real threads that are short at once: one asks a reliever at a time, the others wait and take what came
 * free for an answer; no frame is lost. */
#include "pool.h"

#include "frames/obtain.h"
#include "threads.h"

#define ROUNDS 4000u
#define FIRST 4096u
#define FRAMES 64u

static struct ashlar_frames *pool;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static ashlar_pfn kept[FRAMES]; /* mutex */
static size_t count;            /* mutex */
static unsigned inside;         /* plain on purpose: only the reliever's token makes it exact */
static unsigned clashes;

static void keep(ashlar_pfn frame)
{
    pthread_mutex_lock(&mutex);
    kept[count++] = frame;
    pthread_mutex_unlock(&mutex);
}

/* One frame at a time, so that everybody is short again soon. */
static size_t relieve_one(void *context)
{
    size_t given = 0;
    (void)context;
    clashes += inside++ != 0;
    pthread_mutex_lock(&mutex);
    if (count != 0) {
        ashlar_frames_give(pool, kept[--count], 0);
        given = 1;
    }
    pthread_mutex_unlock(&mutex);
    inside--;
    return given;
}

static unsigned long obtained[THREADS];

static void *work(void *argument)
{
    uintptr_t cpu = (uintptr_t)argument;
    ashlar_pfn frame;
    ashlar_status status;
    sim_set_cpu((unsigned)cpu);
    for (unsigned round = 0; round < ROUNDS; round++) {
        FRAMES_OBTAIN(pool, status, take_last(pool, 0, &frame));
        if (status == ASHLAR_OK) {
            obtained[cpu]++;
            keep(frame);
        }
    }
    return NULL;
}

int main(void)
{
    static struct ashlar_reliever reliever = {.relieve = relieve_one};
    unsigned long sum = 0;
    pool = pool_at(FIRST, FRAMES);
    ashlar_frames_add_reliever(pool, &reliever);
    run_threads(work);
    for (unsigned i = 0; i < THREADS; i++) {
        sum += obtained[i];
    }
    printf("# %lu of %u takes were served\n", sum, THREADS * ROUNDS);
    is_u(clashes, 0, "one thread at a time was in the reliever");
    ok(sum > FRAMES, "more frames were had than there are: relief came");
    is_u(stats_of(pool).free_frames + count, FRAMES, "none was lost");
    ashlar_frames_give_bulk(pool, kept, count);
    is_str(ashlar_frames_audit(pool), NULL, "sound");
    pool_drop();
    return done_testing();
}
