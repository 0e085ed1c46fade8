/* SPDX-License-Identifier: 0BSD */
/* internal.h - what the files of the boot floor share. */
#ifndef ASHLAR_BOOT_INTERNAL_H
#define ASHLAR_BOOT_INTERNAL_H

#include <ashlar/boot.h>

/* Keep out of the pool what is in use already: the image, the stack, and every table under the root in use. */
void ashlar_boot_reserve(const struct ashlar_boot *boot);

/* Allow a second ashlar_boot_up: for tests, each with a machine of its own. */
void ashlar_boot_unseal(void);

#endif
