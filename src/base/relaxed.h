/* SPDX-License-Identifier: 0BSD */
/* relaxed.h - words that one CPU writes, and others peek at: no order, but never half a value. Inline for the fast
 * paths.
 */
#ifndef ASHLAR_BASE_RELAXED_H
#define ASHLAR_BASE_RELAXED_H

#include "base/atomic.h"
#include <stddef.h>

/* Of two at once, one may be lost. */
static inline void count_up(size_t *counter)
{
    store_relaxed(counter, load_relaxed(counter) + 1u);
}

#endif
