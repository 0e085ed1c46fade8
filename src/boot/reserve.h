/* SPDX-License-Identifier: 0BSD */
/* reserve.h - keep out of the pool what is in use already. */
#ifndef ASHLAR_BOOT_RESERVE_H
#define ASHLAR_BOOT_RESERVE_H

#include <ashlar/boot.h>

/* The image, the stack, and every table under the root in use: reserved in the map. */
void ashlar_boot_reserve(const struct ashlar_boot *boot);

#endif
