/* SPDX-License-Identifier: 0BSD */
/* lock.c - spin locks that nobody waits for in vain; the debug build keeps each CPU's stack of ranks.
 *
 * A lock is taken by compare and swap, tried only when it looks free: who waits
 * reads, so that the holder keeps the line. Whoever is first takes it. That is
 * fast, and where CPUs are virtual it has to be so: in a queue, a waiter that the
 * hypervisor has stopped holds up all behind it. But the CPU that gives a lock is
 * the one with the best view of it, and might take it again and again. So who has
 * waited for long puts a claim beside the lock, and the others let it pass:
 *
 *     held   claim
 *      A       0     B reads ... PATIENCE times
 *      A       B     B reads; C comes, and sees the claim before it sees a free lock
 *      0       B     A comes again, and lets B pass, as does C
 *      B       0     B has taken it
 *
 * A claim is a courtesy, not a right: who has let it pass for DEFERENCE looks,
 * the lock free all the while, removes it and takes the lock. The claimant, if it
 * was only stopped, claims again. So a stopped CPU costs the others one short wait
 * each time, and a running one is passed by at most once by each.
 *
 * Interrupts are off while one waits: a handler that took the lock that its CPU
 * waits for would stand behind itself. So who waits asks a poll whether other CPUs
 * wait for this one (space: shootdowns); but not where the poll's own locks are
 * waited for.
 *
 * The holder's CPU number is the lock's value: a lock taken twice by one CPU is
 * reported instead of spinning for ever. The rank check needs only the rank
 * taken last, as the order is strict: a stack of at most ASHLAR_RANK_COUNT. It
 * comes before the wait: two CPUs that take two locks in opposite orders are
 * reported, not stuck, and a report leaves no lock held that no stack knows of.
 */
#include "base/lock.h"

#include "base/atomic.h"
#include "base/check.h"

#if ASHLAR_DEBUG
static struct {
    struct ashlar_lock *held[ASHLAR_RANK_COUNT];
    unsigned count;
} taken_by_cpu[ASHLAR_MAX_CPUS];

/* The lock that is held already is left to the wait, which has the better words for it. */
static void check_order(const struct ashlar_lock *lock)
{
    unsigned cpu = ashlar_port_cpu();
    ASHLAR_CHECK(cpu < ASHLAR_MAX_CPUS, "locks: ashlar_port_cpu says %u: ASHLAR_MAX_CPUS is %u", cpu, ASHLAR_MAX_CPUS);
    unsigned count = taken_by_cpu[cpu].count;
    if (count != 0 && !ashlar_lock_is_mine(lock)) {
        const struct ashlar_lock *last = taken_by_cpu[cpu].held[count - 1u];
        ASHLAR_CHECK(lock->rank < last->rank, "locks: %s (rank %u) taken while holding %s (rank %u)", lock->name,
                     lock->rank, last->name, last->rank);
    }
}

static void note_taken(struct ashlar_lock *lock)
{
    unsigned cpu = ashlar_port_cpu();
    taken_by_cpu[cpu].held[taken_by_cpu[cpu].count++] = lock;
}

static void note_given(const struct ashlar_lock *lock)
{
    unsigned cpu = ashlar_port_cpu();
    unsigned count = taken_by_cpu[cpu].count;
    ASHLAR_CHECK(count != 0 && taken_by_cpu[cpu].held[count - 1u] == lock, "locks: %s given out of order", lock->name);
    taken_by_cpu[cpu].count = count - 1u;
}

/* With interrupts off: a caller that holds none could be moved, and find another thread's on the CPU that it had. */
const char *ashlar_lock_held_name(void)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    unsigned cpu = ashlar_port_cpu();
    unsigned count = cpu < ASHLAR_MAX_CPUS ? taken_by_cpu[cpu].count : 0;
    const char *name = count != 0 ? taken_by_cpu[cpu].held[count - 1u]->name : NULL;
    ashlar_port_irq_restore(interrupts);
    return name;
}

void ashlar_lock_abandon_all(void)
{
    unsigned cpu = ashlar_port_cpu();
    while (cpu < ASHLAR_MAX_CPUS && taken_by_cpu[cpu].count != 0) {
        struct ashlar_lock *lock = taken_by_cpu[cpu].held[--taken_by_cpu[cpu].count];
        atomic_store_u32(&lock->held, 0);
    }
}
#else
static void check_order(const struct ashlar_lock *lock)
{
    (void)lock;
}

static void note_taken(struct ashlar_lock *lock)
{
    (void)lock;
}

static void note_given(const struct ashlar_lock *lock)
{
    (void)lock;
}

const char *ashlar_lock_held_name(void)
{
    return NULL;
}

void ashlar_lock_abandon_all(void)
{
}
#endif

void ashlar_lock_init(struct ashlar_lock *lock, enum ashlar_rank rank, const char *name)
{
    lock->held = 0;
    lock->claim = 0;
    lock->rank = (uint32_t)rank;
    lock->name = name;
}

int ashlar_lock_is_mine(const struct ashlar_lock *lock)
{
    return atomic_load_u32(&lock->held) == ashlar_port_cpu() + 1u;
}

#define PATIENCE 256u /* looks before a claim */
#define DEFERENCE 64u /* looks at a free lock for which another's claim is honoured */

static void (*volatile poll_of_waits)(void);

void ashlar_lock_set_poll(void (*poll)(void))
{
    __atomic_store_n(&poll_of_waits, poll, __ATOMIC_RELEASE);
}

COLD static void poll_in_wait(const struct ashlar_lock *lock)
{
    void (*poll)(void) = __atomic_load_n(&poll_of_waits, __ATOMIC_ACQUIRE);
    if (poll != NULL && lock->rank != ASHLAR_RANK_SHOOTDOWN) {
        poll();
    }
    ashlar_port_relax();
}

/* The lock looked free. Another's claim is removed once it has been honoured for long enough. */
COLD static bool try_when_free(struct ashlar_lock *lock, uint32_t mine, unsigned *deferred)
{
    uint32_t claim = atomic_load_u32(&lock->claim);
    if (claim != 0 && claim != mine) {
        if (++*deferred < DEFERENCE) {
            return false;
        }
        (void)atomic_cas_u32(&lock->claim, claim, 0);
        *deferred = 0;
    }
    return atomic_cas_u32(&lock->held, 0, mine);
}

/* Apart, so that the usual way needs few registers. */
COLD static __attribute__((noinline)) void wait_for_lock(struct ashlar_lock *lock, uint32_t mine, const void *caller)
{
    unsigned deferred = 0;
    for (unsigned looks = 0;; looks++) {
        uint32_t held = atomic_load_u32(&lock->held);
        ASHLAR_CHECK(held != mine, "locks: %s taken twice on CPU %u, by %p", lock->name, mine - 1u, caller);
        if (held == 0 && try_when_free(lock, mine, &deferred)) {
            break;
        }
        if (looks >= PATIENCE && atomic_load_u32(&lock->claim) == 0) {
            (void)atomic_cas_u32(&lock->claim, 0, mine);
        }
        poll_in_wait(lock);
    }
    if (atomic_load_u32(&lock->claim) == mine) {
        atomic_store_u32(&lock->claim, 0);
    }
}

uintptr_t ashlar_lock_take(struct ashlar_lock *lock)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    uint32_t mine = ashlar_port_cpu() + 1u;
    check_order(lock);
    if ((atomic_load_u32(&lock->held) | atomic_load_u32(&lock->claim)) != 0 || !atomic_cas_u32(&lock->held, 0, mine)) {
        wait_for_lock(lock, mine, ASHLAR_CALLER());
    }
    note_taken(lock);
    return interrupts;
}

void ashlar_lock_release(uintptr_t interrupts, struct ashlar_lock *lock)
{
    note_given(lock);
    atomic_store_u32(&lock->held, 0);
    ashlar_port_irq_restore(interrupts);
}
