/* SPDX-License-Identifier: 0BSD */
/* reserved.h - pages within one reserved range. */
#ifndef ASHLAR_KVA_RESERVED_H
#define ASHLAR_KVA_RESERVED_H

#include "kva/internal.h"

/* What a cursor says of so many pages there; fatal, if they are not all of one range that somebody reserved: what is done to
 * them, in a word, and by whom. */
ashlar_status ashlar_reserved_status(ashlar_vpn first, size_t pages, const char *done, const void *caller);

#endif
