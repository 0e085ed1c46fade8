/* SPDX-License-Identifier: 0BSD */
/* config.h - options fixed when the library is built.
 *
 * Each has a default and a range that is checked. Set them with -D, or in a
 * header of your own named by -DASHLAR_CONFIG_HEADER='"my_config.h"'.
 */
#ifndef ASHLAR_CONFIG_H
#define ASHLAR_CONFIG_H

#include <ashlar/types.h>

#ifdef ASHLAR_CONFIG_HEADER
#include ASHLAR_CONFIG_HEADER
#endif

/* 1: ASHLAR_ASSERT, lock ranks, a byte of state for each frame (order of each
 * block, what is mapped). Costs speed and about 256 KiB per GiB of RAM. */
#ifndef ASHLAR_DEBUG
#define ASHLAR_DEBUG 0
#endif
#if ASHLAR_DEBUG != 0 && ASHLAR_DEBUG != 1
#error "ASHLAR_DEBUG must be 0 or 1"
#endif

/* The most CPUs that any kernel built with this library can name. Boot states
 * the machine's own maximum; this one only bounds static tables. A plain decimal number: it is a part of a symbol's name,
 * so that a kernel that says another one than the library does not link (struct ashlar_space would differ in size). */
#ifndef ASHLAR_MAX_CPUS
#define ASHLAR_MAX_CPUS 64
#endif
#if ASHLAR_MAX_CPUS < 1 || ASHLAR_MAX_CPUS > 4096
#error "ASHLAR_MAX_CPUS must be 1 to 4096"
#endif

/* From this many pages on, a flush drops the whole TLB instead of single
 * pages. Linux uses 33; software CPUs model no TLB cost, so it is not tuned. */
#ifndef ASHLAR_FLUSH_THRESHOLD_PAGES
#define ASHLAR_FLUSH_THRESHOLD_PAGES 33
#endif
#if ASHLAR_FLUSH_THRESHOLD_PAGES < 1 || ASHLAR_FLUSH_THRESHOLD_PAGES > 65536
#error "ASHLAR_FLUSH_THRESHOLD_PAGES must be 1 to 65536"
#endif

/* Sharing policies that are built in: bit n for the policy with the number n + 1 (space.h). Without the others their code
 * is not there, and naming one at boot is an error. PREALLOCATE always is. */
#ifndef ASHLAR_SHARING_BUILT
#define ASHLAR_SHARING_BUILT 0x1f
#endif
#if (ASHLAR_SHARING_BUILT & 1) == 0 || ASHLAR_SHARING_BUILT > 0x1f
#error "ASHLAR_SHARING_BUILT must have bit 0, and none above bit 4"
#endif

#endif
