/* SPDX-License-Identifier: 0BSD */
/* mem.h - the four functions that come from outside (any kernel has them; compilers emit calls to them). */
#ifndef ASHLAR_BASE_MEM_H
#define ASHLAR_BASE_MEM_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
