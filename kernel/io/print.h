/* SPDX-License-Identifier: 0BSD */
/* print.h - text to the serial line and the screen. */
#ifndef KERNEL_PRINT_H
#define KERNEL_PRINT_H

#include <ashlar/types.h>
#include <stdarg.h>

/* The text of one call stays together: lines that several CPUs print are whole if each is one call.
 * %s %c %d %u %x %p %%, with l, ll or z; a minimal width, 0 and - flags. */
void print(const char *format, ...) ASHLAR_PRINTF(1, 2);
void print_list(const char *format, va_list arguments) ASHLAR_PRINTF(1, 0);

/* For a panic, once all other CPUs were stopped, whatever they held. */
void print_unlock(void);

/* The same into a buffer: at most bytes - 1 characters and a NUL. Returns the length. */
size_t print_to(char *out, size_t bytes, const char *format, ...) ASHLAR_PRINTF(3, 4);
size_t print_list_to(char *out, size_t bytes, const char *format, va_list arguments) ASHLAR_PRINTF(3, 0);

/* "12 KiB", "1023 MiB": the largest unit that gives a whole number. */
struct size_text {
    char text[16];
};
struct size_text size_text(uint64_t bytes);

/* "1 block", "2 blocks", "0 entries", "3 mismatches". */
struct counted_text {
    char text[48];
};
struct counted_text counted(uint64_t count, const char *noun);

#endif
