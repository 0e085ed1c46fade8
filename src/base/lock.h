/* SPDX-License-Identifier: 0BSD */
/* lock.h - spin locks with a rank.
 *
 * Lock order is floor order, taken going down only: whoever holds a lock may
 * take one of a lower rank, never of an equal or higher one. Debug builds check
 * it for each CPU. Locks save and turn off interrupts, and are real on one CPU
 * as well: there they find the interrupt or NMI that would take one twice.
 *
 * Context: any but NMI.
 */
#ifndef ASHLAR_BASE_LOCK_H
#define ASHLAR_BASE_LOCK_H

#include <ashlar/port.h>
#include <ashlar/private.h>
#include <stdint.h>

/* From the bottom up. */
enum ashlar_rank {
    ASHLAR_RANK_SHOOTDOWN = 1, /* space: what a CPU is asked to flush */
    ASHLAR_RANK_FRAMES,
    ASHLAR_RANK_KERNEL, /* space: the kernel half: its tables, the list of spaces */
    ASHLAR_RANK_SPACE,  /* space: one user address space */
    ASHLAR_RANK_RANGES, /* kva: one arena of kernel addresses */
    ASHLAR_RANK_HEAP,
    ASHLAR_RANK_COUNT
};

void ashlar_lock_init(struct ashlar_lock *lock, enum ashlar_rank rank, const char *name);

/* Returns the interrupt state for ashlar_lock_give. */
uintptr_t ashlar_lock_take(struct ashlar_lock *lock);
/* In the order of arguments in which the call of the port needs no move. */
void ashlar_lock_release(uintptr_t interrupts, struct ashlar_lock *lock);
static inline void ashlar_lock_give(struct ashlar_lock *lock, uintptr_t interrupts)
{
    ashlar_lock_release(interrupts, lock);
}

/* What a CPU does over and over while it waits for a lock, interrupts off, perhaps with locks held of a higher rank than
 * the one that it waits for; not while it waits for one of the rank SHOOTDOWN, which the poll may take itself. */
void ashlar_lock_set_poll(void (*poll)(void));

/* Is it held by this CPU? For assertions: exact only where the answer is yes. */
int ashlar_lock_is_mine(const struct ashlar_lock *lock);

/* NULL, or the name of a lock that this CPU holds (debug builds; else always NULL): waiting is then forbidden. */
const char *ashlar_lock_held_name(void);

/* After a fatal report that somebody survived (a test, a debugger): release what this CPU holds. Debug builds only;
 * release builds do not know, and do nothing. */
void ashlar_lock_abandon_all(void);

#endif
