/* SPDX-License-Identifier: 0BSD */
/* pair.h - taking something and giving it back, as benches measure it. Inline, as a caller's own calls would be. */
#ifndef KERNEL_PAIR_H
#define KERNEL_PAIR_H

#include <ashlar/kva.h>
#include <stdbool.h>

/* Addresses, frames, mapping, and all of it back; purges come when they come. */
static inline bool pair_of_range(size_t pages, unsigned flags, const char *name)
{
    ashlar_vpn first;
    if (ashlar_kva_take(pages, flags, name, &first) != ASHLAR_OK) {
        return false;
    }
    ashlar_kva_give(first);
    return true;
}

static inline bool pair_of_stack(size_t pages, const char *name)
{
    uintptr_t top;
    if (ashlar_kva_take_stack(pages, name, &top) != ASHLAR_OK) {
        return false;
    }
    ashlar_kva_give_stack(top);
    return true;
}

#endif
