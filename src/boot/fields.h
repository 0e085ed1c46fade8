/* SPDX-License-Identifier: 0BSD */
/* fields.h - what the caller said, checked. */
#ifndef ASHLAR_BOOT_FIELDS_H
#define ASHLAR_BOOT_FIELDS_H

#include <ashlar/boot.h>

/* All that can be told before the map is finished. Fatal: the field, its value, the rule, a value that would do. */
void ashlar_boot_check_fields(const struct ashlar_boot *boot);

#endif
