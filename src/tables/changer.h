/* SPDX-License-Identifier: 0BSD */
/* changer.h - the one that changes a user half.
 *
 * Its token is held from the look at what is there to the last change, flushes and reserves included, so that what was
 * found stays true while the space's lock is open. Whoever has it may read the space's tables without the lock: only with
 * the token is a table taken away. Faults, queries and walks take the lock, never the token.
 *
 * Context: take waits in threads, where waiting is allowed; give: any but NMI.
 */
#ifndef ASHLAR_TABLES_CHANGER_H
#define ASHLAR_TABLES_CHANGER_H

#include <ashlar/space.h>

/* ASHLAR_MAY_NOT_WAIT: somebody else has it, and this is no place to wait. The kernel half (NULL) has none. */
ashlar_status ashlar_changer_take(struct ashlar_space *space);
void ashlar_changer_give(struct ashlar_space *space);

#endif
