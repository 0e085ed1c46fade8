/* SPDX-License-Identifier: 0BSD */
/* site.h - where the image lies, and what follows from it for kernel space. Fatal, by name, where that cannot be. */
#ifndef ASHLAR_BOOT_SITE_H
#define ASHLAR_BOOT_SITE_H

#include <ashlar/boot.h>

/* Image, windows and home, and where kernel space begins with so much RAM. */
void ashlar_boot_site(const struct ashlar_boot *boot, size_t ram_frames, struct ashlar_space_options *space);

#endif
