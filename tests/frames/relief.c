/* SPDX-License-Identifier: 0BSD */
/* relief.c - who can give frames back when the pool has none: asked in order, one at a time, and where that is allowed. */
#include "pool.h"

#include "base/lock.h"
#include "base/token.h"
#include "frames/obtain.h"

#define FIRST 4096u
#define FRAMES 512u
#define KEPT_MOST 64u

static struct ashlar_frames *pool;
static char order[32]; /* names of relievers, as they are asked */
static ashlar_pfn hoard[FRAMES];
static size_t hoarded;

/* Keeps frames, and gives back so many at a time. */
struct keeper {
    struct ashlar_reliever reliever;
    char name;
    ashlar_pfn kept[KEPT_MOST];
    size_t count;
    size_t step;
    unsigned asked;
    unsigned inside; /* calls at this moment */
    int nested;      /* what a call of relieve from within it says */
    bool nests;
    bool obtains;
    ashlar_status obtained;
};

static size_t relieve_from(void *context)
{
    struct keeper *keeper = context;
    size_t given = 0, at = strlen(order);
    ok(keeper->inside == 0, "%c is asked once at a time", keeper->name);
    keeper->inside++;
    keeper->asked++;
    if (at + 1u < sizeof order) {
        order[at] = keeper->name;
    }
    if (keeper->nests) {
        keeper->nested = ashlar_frames_relieve(pool);
    }
    if (keeper->obtains) {
        FRAMES_OBTAIN(pool, keeper->obtained, ashlar_frames_take(pool, 0, &hoard[hoarded]));
        hoarded += keeper->obtained == ASHLAR_OK;
    }
    while (keeper->count != 0 && given < keeper->step) {
        ashlar_frames_give(pool, keeper->kept[--keeper->count], 0);
        given++;
    }
    keeper->inside--;
    return given;
}

static void keep(struct keeper *keeper, size_t count)
{
    while (keeper->count < count && ashlar_frames_take(pool, 0, &keeper->kept[keeper->count]) == ASHLAR_OK) {
        keeper->count++;
    }
}

static void add(struct keeper *keeper, char name, size_t count, size_t step, bool takes_memory)
{
    memset(keeper, 0xa5, sizeof *keeper);
    *keeper = (struct keeper){.name = name, .step = step};
    keep(keeper, count);
    keeper->reliever.relieve = relieve_from;
    keeper->reliever.context = keeper;
    keeper->reliever.takes_memory = takes_memory;
    keeper->reliever.next = &keeper->reliever;
    keeper->reliever.token.taken = 7;
    ashlar_frames_add_reliever(pool, &keeper->reliever);
}

static void take_all(void)
{
    while (ashlar_frames_take(pool, 0, &hoard[hoarded]) == ASHLAR_OK) {
        hoarded++;
    }
}

static void start(void)
{
    sim_set_cpu(0);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    pool = pool_at(FIRST, FRAMES);
    hoarded = 0;
    memset(order, 0, sizeof order);
}

static void finish(struct keeper *const *keepers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ok(keepers[i]->inside == 0 && !ashlar_token_is_taken(&keepers[i]->reliever.token), "%c is free again",
           keepers[i]->name);
        ashlar_frames_give_bulk(pool, keepers[i]->kept, keepers[i]->count);
    }
    ashlar_frames_give_bulk(pool, hoard, hoarded);
    is_u(stats_of(pool).free_frames, FRAMES, "every frame is back");
    is_u(stats_of(pool).reserved_frames, 0, "none is promised");
    is_str(ashlar_frames_audit(pool), NULL, "sound");
}

/* --- asking --------------------------------------------------------------------------------- */

static void test_nobody(void)
{
    start();
    is_u(ashlar_frames_relieve(pool), 0, "nobody has registered: nothing came free");
    finish(NULL, 0);
}

/* The first to register is the first; whoever gives ends it. */
static void test_order(void)
{
    static struct keeper a, b, c;
    struct keeper *const all[] = {&a, &b, &c};
    start();
    add(&a, 'a', 0, 8, false);
    add(&b, 'b', 3, 2, false);
    add(&c, 'c', 5, 8, true);
    take_all();
    is_u(stats_of(pool).free_frames, stats_of(pool).kept_frames, "no frame is free");
    ok(ashlar_frames_relieve(pool) != 0, "one has something");
    is_str(order, "ab", "asked in order, no further than the first that gives");
    is_u(stats_of(pool).free_frames, stats_of(pool).kept_frames + 2u, "as much as it gives");
    ok(ashlar_frames_relieve(pool) != 0, "it has more");
    is_str(order, "abab", "and is asked again, from the start");
    ok(ashlar_frames_relieve(pool) != 0, "then the next one has");
    is_str(order, "abababc", "the last");
    is_u(ashlar_frames_relieve(pool), 0, "then nobody");
    is_str(order, "abababcabc", "but all were asked");
    finish(all, 3);
}

/* --- relief within relief ------------------------------------------------------------------- */

/* One that takes memory is short itself: it is passed by. */
static void test_nested(void)
{
    static struct keeper a;
    struct keeper *const all[] = {&a};
    start();
    add(&a, 'a', 4, 8, true);
    a.nests = true;
    take_all();
    ok(ashlar_frames_relieve(pool) != 0, "it gives");
    is_u(a.nested, 0, "what it asks for meanwhile it does not get");
    is_u(a.asked, 1, "and is not asked itself");
    a.nests = false;
    a.obtains = true;
    take_all();
    is_u(ashlar_frames_relieve(pool), 0, "without a frame to give");
    is_u(a.obtained, ASHLAR_NO_FRAMES, "nor one to take: that ends");
    is_u(a.asked, 2, "and it was asked once more");
    finish(all, 1);
}

/* What it asks for another one has. */
static void test_nested_other(void)
{
    static struct keeper a, b;
    struct keeper *const all[] = {&a, &b};
    start();
    add(&a, 'a', 0, 8, true);
    add(&b, 'b', 1, 8, true);
    a.obtains = true;
    take_all();
    ok(ashlar_frames_relieve(pool) != 0,
       "[relief] something came free meanwhile: that is progress, whoever has it now");
    is_u(a.obtained, ASHLAR_OK, "the one that was short within has it");
    is_str(order, "abb", "which asked the other one, and not itself");
    is_u(stats_of(pool).free_frames, stats_of(pool).kept_frames, "nothing is left of it");
    is_u(ashlar_frames_relieve(pool), 0, "another time nothing came free");
    is_u(a.obtained, ASHLAR_NO_FRAMES, "for it, too");
    finish(all, 2);
}

/* --- where nobody is asked -------------------------------------------------------------------- */

static void test_contexts(void)
{
    static struct keeper a;
    struct keeper *const all[] = {&a};
    static struct ashlar_lock lock;
    start();
    add(&a, 'a', 4, 1, false);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    is_u(ashlar_frames_relieve(pool), 0, "in an interrupt nobody is asked");
    sim_set_context(ASHLAR_CONTEXT_NMI);
    is_u(ashlar_frames_relieve(pool), 0, "nor in an NMI");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    uintptr_t interrupts = ashlar_port_irq_save();
    is_u(ashlar_frames_relieve(pool), 0, "nor with interrupts off");
    ashlar_port_irq_restore(interrupts);
    if (ASHLAR_DEBUG) {
        ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "a lock");
        interrupts = ashlar_lock_take(&lock);
        ashlar_port_irq_restore(interrupts); /* as if the lock alone were in the way */
        is_u(ashlar_frames_relieve(pool), 0, "nor with a lock held");
        ashlar_lock_give(&lock, interrupts);
    }
    is_u(a.asked, 0, "it was not");
    ok(ashlar_frames_relieve(pool) != 0, "a thread is answered");
    is_u(a.asked, 1, "once");
    finish(all, 1);
}

/* --- obtaining ---------------------------------------------------------------------------------- */

static void give_hoarded(size_t count)
{
    while (count != 0) {
        ashlar_frames_give(pool, hoard[--hoarded], 0);
        count--;
    }
}

static ashlar_status obtain(ashlar_pfn *frames, size_t count, bool relief)
{
    ashlar_status status;
    FRAMES_OBTAIN_IF(relief, pool, status, ashlar_frames_take_bulk(pool, frames, count, 0));
    return status;
}

static void test_obtain(void)
{
    static struct keeper a, b;
    struct keeper *const all[] = {&a, &b};
    ashlar_pfn frames[12];
    start();
    add(&a, 'a', 3, 1, false);
    add(&b, 'b', 5, 1, true);
    take_all();
    give_hoarded(4);
    is_u(obtain(frames, 4, true), ASHLAR_OK, "what the pool has");
    is_str(order, "", "nobody is asked for");
    is_u(obtain(frames, 4, false), ASHLAR_NO_FRAMES, "without relief");
    is_str(order, "", "nobody is asked, either");
    ashlar_frames_give_bulk(pool, frames, 2);
    hoard[hoarded++] = frames[2];
    hoard[hoarded++] = frames[3];
    is_u(obtain(frames, 4, true), ASHLAR_OK, "two of the pool, two of a keeper, one by one");
    is_str(order, "aa", "asked as often as it takes");
    ashlar_frames_give_bulk(pool, frames, 4);
    for (size_t i = 0; i < 12; i++) {
        frames[i] = 77;
    }
    is_u(obtain(frames, 12, true), ASHLAR_NO_FRAMES, "more than all have together");
    ok(frames[0] == 77 && frames[11] == 77, "no output was touched");
    is_u(a.count + b.count, 0, "though all gave what they had");
    b.asked = 0;
    FRAMES_OBTAIN(pool, a.obtained, ashlar_frames_take(pool, ASHLAR_FRAMES_ORDER_MAX + 1u, frames));
    is_u(a.obtained, ASHLAR_BAD_ARGUMENT, "what is wrong for another reason");
    is_u(b.asked, 0, "is no shortage");
    finish(all, 2);
}

/* Fails; and then another thread is short as well, and is given all that the keepers have. */
static ashlar_status take_and_lose(ashlar_pfn *frame, unsigned *tries)
{
    ashlar_status status = ashlar_frames_take(pool, 0, frame);
    if ((*tries)++ == 0) {
        ok(status == ASHLAR_NO_FRAMES && ashlar_frames_relieve(pool) != 0, "another thread is relieved meanwhile");
    }
    return status;
}

static void test_relieved_meanwhile(void)
{
    static struct keeper a;
    struct keeper *const all[] = {&a};
    unsigned tries = 0;
    ashlar_status status;
    start();
    add(&a, 'a', 2, 2, false);
    take_all();
    FRAMES_OBTAIN(pool, status, take_and_lose(&hoard[hoarded], &tries));
    is_u(status, ASHLAR_OK, "[fault 165] what others were given between a take and the question after it counts");
    hoarded += status == ASHLAR_OK;
    is_u(tries, 2, "one turn more");
    is_str(order, "a", "and nobody was asked for it");
    finish(all, 1);
}

int main(void)
{
    test_nobody();
    test_order();
    test_nested();
    test_nested_other();
    test_contexts();
    test_obtain();
    test_relieved_meanwhile();
    pool_drop();
    return done_testing();
}
