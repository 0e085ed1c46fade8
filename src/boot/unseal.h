/* SPDX-License-Identifier: 0BSD */
/* unseal.h - a second boot, for tests. */
#ifndef ASHLAR_BOOT_UNSEAL_H
#define ASHLAR_BOOT_UNSEAL_H

/* Allow a second ashlar_boot_up: for tests, each with a machine of its own. */
void ashlar_boot_unseal(void);

#endif
