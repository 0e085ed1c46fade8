/* SPDX-License-Identifier: 0BSD */
/* readback.h - does RAM that the map lists keep what is written to it? */
#ifndef ASHLAR_BOOT_READBACK_H
#define ASHLAR_BOOT_READBACK_H

#include <ashlar/types.h>
#include <stdbool.h>

/* A frame in each 64 KiB of the run, and its last one; what was in them is lost. False: *bad is one that does not. */
bool ashlar_boot_reads_back(ashlar_pfn first, size_t frames, ashlar_pfn *bad);

#endif
