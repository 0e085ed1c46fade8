/* SPDX-License-Identifier: 0BSD */
/* ashlar.h - all floors at once. */
#ifndef ASHLAR_ASHLAR_H
#define ASHLAR_ASHLAR_H

#include <ashlar/boot.h>
#include <ashlar/config.h>
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#endif
