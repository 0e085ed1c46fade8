/* SPDX-License-Identifier: 0BSD */
/* string.h - bytes and words of text. */
#ifndef KERNEL_STRING_H
#define KERNEL_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

bool text_equal(const char *a, const char *b);
/* What follows prefix in text, or NULL if text does not begin with it. */
const char *text_after(const char *text, const char *prefix);
/* Cuts line into words, in place. Returns how many, at most capacity. */
unsigned text_split(char *line, char **words, unsigned capacity);
/* Decimal, or hexadecimal after 0x. False, and *value untouched, if it is no number of 32 bits. */
bool text_number(const char *text, uint32_t *value);
/* The same for an address. */
bool text_address(const char *text, uintptr_t *value);

#endif
