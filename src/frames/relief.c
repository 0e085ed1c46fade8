/* SPDX-License-Identifier: 0BSD */
/* relief.c - who can give frames back when the pool has none.
 *
 * Floors above keep frames that they could do without: ranges that wait for a
 * flush, empty pages of a heap, pages of files. Each registers a *reliever*.
 * Whoever is short asks them one after the other, the first to register first,
 * until one has given something:
 *
 *     short ──> purge: 0 ──> heap: 12 frames ──> try again
 *
 * One thread asks a reliever at a time. A second one that is short waits for it,
 * and takes what came free meanwhile for an answer. But a reliever that takes
 * memory itself may be short in turn, and would wait for itself, or for one that
 * waits for it: a thread that is called by such a one, which the kernel's mark
 * tells (ashlar/port.h), passes it by while it works. So nested relief gives
 * nothing, and ends.
 *
 * Nothing is held while a reliever runs: the caller saw to that, and here there
 * is no lock. The list only grows.
 *
 * Cost: O(relievers), and what they do.
 */
#include "frames/internal.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/token.h"
#include "base/wait.h"

COLD void ashlar_frames_add_reliever(struct ashlar_frames *pool, struct ashlar_reliever *reliever)
{
    CONTEXTS(yes, yes, yes, yes, no);
    uintptr_t interrupts = ashlar_lock_take(&pool->lock);
    struct ashlar_reliever *volatile *link = &pool->relievers;
    while (*link != NULL) {
        ASHLAR_CHECK(*link != reliever, "frames: reliever %p registered a second time, by %p", (void *)reliever,
                     ASHLAR_CALLER());
        link = &(*link)->next;
    }
    reliever->next = NULL;
    reliever->token.taken = 0;
    __atomic_store_n(link, reliever, __ATOMIC_RELEASE);
    ashlar_lock_give(&pool->lock, interrupts);
}

COLD static size_t ask_reliever(struct ashlar_frames *pool, struct ashlar_reliever *reliever)
{
    if (!(reliever->takes_memory ? ashlar_token_enter(&reliever->token) : ashlar_token_get(&reliever->token))) {
        return 0;
    }
    size_t given = reliever->relieve(reliever->context);
    if (given != 0) {
        (void)atomic_fetch_add(&pool->reliefs, 1);
    }
    if (reliever->takes_memory) {
        ashlar_token_leave(&reliever->token);
    } else {
        ashlar_token_give(&reliever->token);
    }
    return given;
}

/* Whoever is in the list is there as a whole: it is added by a release. */
COLD static struct ashlar_reliever *reliever_at(struct ashlar_reliever *volatile *link)
{
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

COLD int ashlar_frames_relieve(struct ashlar_frames *pool)
{
    CONTEXTS(yes, yes, less, less, less);
    uintptr_t before = atomic_load(&pool->reliefs);
    size_t given = 0;
    if (!ashlar_may_wait()) {
        return 0;
    }
    for (struct ashlar_reliever *reliever = reliever_at(&pool->relievers); reliever != NULL && given == 0;
         reliever = reliever_at(&reliever->next)) {
        given = ask_reliever(pool, reliever);
    }
    return given != 0 || atomic_load(&pool->reliefs) != before;
}
