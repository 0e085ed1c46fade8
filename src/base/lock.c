/* SPDX-License-Identifier: 0BSD */
/* lock.c - test-and-set spin locks; the debug build keeps each CPU's stack of ranks.
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
    unsigned count = taken_by_cpu[cpu].count;
    const char *name = count != 0 ? taken_by_cpu[cpu].held[count - 1u]->name : NULL;
    ashlar_port_irq_restore(interrupts);
    return name;
}

void ashlar_lock_abandon_all(void)
{
    unsigned cpu = ashlar_port_cpu();
    while (taken_by_cpu[cpu].count != 0) {
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
    lock->rank = (uint32_t)rank;
    lock->name = name;
}

int ashlar_lock_is_mine(const struct ashlar_lock *lock)
{
    return atomic_load_u32(&lock->held) == ashlar_port_cpu() + 1u;
}

/* Apart, so that the usual way needs few registers. */
COLD static __attribute__((noinline)) void wait_for_lock(struct ashlar_lock *lock, uint32_t mine, const void *caller)
{
    do {
        ASHLAR_CHECK(atomic_load_u32(&lock->held) != mine, "locks: %s taken twice on CPU %u, by %p", lock->name,
                     mine - 1u, caller);
        ashlar_port_relax();
    } while (!atomic_cas_u32(&lock->held, 0, mine));
}

uintptr_t ashlar_lock_take(struct ashlar_lock *lock)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    uint32_t mine = ashlar_port_cpu() + 1u;
    check_order(lock);
    if (!atomic_cas_u32(&lock->held, 0, mine)) {
        wait_for_lock(lock, mine, ASHLAR_CALLER());
    }
    note_taken(lock);
    return interrupts;
}

void ashlar_lock_give(struct ashlar_lock *lock, uintptr_t interrupts)
{
    note_given(lock);
    atomic_store_u32(&lock->held, 0);
    ashlar_port_irq_restore(interrupts);
}
