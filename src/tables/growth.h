/* SPDX-License-Identifier: 0BSD */
/* growth.h - top-level entries that the kernel half lacks. */
#ifndef ASHLAR_TABLES_GROWTH_H
#define ASHLAR_TABLES_GROWTH_H

#include <ashlar/space.h>

/* Top-level entries for these pages of the kernel half, in the reference root and as the policy has it. Nobody is asked
 * for relief. ASHLAR_NO_FRAMES, ASHLAR_MAY_NOT_WAIT. */
ashlar_status ashlar_kernel_grow(ashlar_vpn first, size_t pages);

#endif
