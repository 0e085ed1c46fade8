/* SPDX-License-Identifier: 0BSD */
/* mode.h - the only place that knows whether the paging format is fixed at build time.
 *
 * A kernel that runs with one format builds the library with, for example,
 * -DASHLAR_PAGING_FIXED=PAE (TWO_LEVEL, PAE, PAE_L1TF, 4LEVEL, 5LEVEL): every function
 * that takes a format passes it through paging_fold first, which then gives a
 * constant row, and the compiler does the rest.
 */
#ifndef ASHLAR_ARCH_MODE_H
#define ASHLAR_ARCH_MODE_H

#include "arch/rows.h"

#ifdef ASHLAR_PAGING_FIXED
#define PAGING_ROW_OF(format) PAGING_ROW_##format
#define PAGING_ROW(format) PAGING_ROW_OF(format)
static const struct ashlar_paging paging_fixed = PAGING_ROW(ASHLAR_PAGING_FIXED);
#endif

static inline const struct ashlar_paging *paging_fold(const struct ashlar_paging *paging)
{
#ifdef ASHLAR_PAGING_FIXED
    (void)paging;
    return &paging_fixed;
#else
    return paging;
#endif
}

#endif
