/* SPDX-License-Identifier: 0BSD */
/* kernel_read.h - kernel memory, read where it may be gone. */
#ifndef ASHLAR_BOOT_KERNEL_READ_H
#define ASHLAR_BOOT_KERNEL_READ_H

#include <ashlar/paging.h>
#include <stdbool.h>

/* Copies bytes from kernel pages of the pool; false, and no fault, if one of them is not mapped. Any context; takes no
 * lock, waits for nothing. */
bool ashlar_kernel_read(const struct ashlar_paging *paging, uintptr_t address, void *to, size_t bytes);

#endif
