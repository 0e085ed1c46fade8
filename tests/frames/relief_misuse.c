/* SPDX-License-Identifier: 0BSD */
/* relief_misuse.c - a reliever that registers a second time is told so, and the others are asked as before. */
#include "pool.h"

#include "base/lock.h"

static unsigned asked;

static size_t have_nothing(void *context)
{
    (void)context;
    if (++asked > 100u) {
        printf("# the list of relievers has no end\n");
        fflush(stdout);
        abort();
    }
    return 0;
}

int main(void)
{
    static struct ashlar_reliever first = {.relieve = have_nothing}, last = {.relieve = have_nothing};
    struct ashlar_frames *pool = pool_at(4096, 512);
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_frames_add_reliever(pool, &first);
    ashlar_frames_add_reliever(pool, &last);
    like(SIM_FATAL(ashlar_frames_add_reliever(pool, &first)), "registered a second time", "the first of two");
    ashlar_lock_abandon_all();
    pool->lock.held = 0;
    like(SIM_FATAL(ashlar_frames_add_reliever(pool, &last)), "registered a second time", "the last one");
    ashlar_lock_abandon_all();
    pool->lock.held = 0;
    is_u(ashlar_frames_relieve(pool), 0, "nobody has anything");
    is_u(asked, 2, "each was asked once");
    is_str(ashlar_frames_audit(pool), NULL, "sound");
    return done_testing();
}
