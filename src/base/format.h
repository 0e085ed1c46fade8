/* SPDX-License-Identifier: 0BSD */
/* format.h - text for messages.
 *
 * Knows %s %c %d %u %x %lu %lx %llu %llx %zu %zx %p %%, a minimal width and a
 * leading 0 flag (%08lx), and - for left-aligned strings (%-12s).
 */
#ifndef ASHLAR_BASE_FORMAT_H
#define ASHLAR_BASE_FORMAT_H

#include <ashlar/types.h>
#include <stdarg.h>

/* Writes at most bytes - 1 characters and a final NUL; what does not fit is cut. Returns the length written. */
size_t ashlar_format(char *out, size_t bytes, const char *format, ...) ASHLAR_PRINTF(3, 4);
size_t ashlar_format_list(char *out, size_t bytes, const char *format, va_list arguments) ASHLAR_PRINTF(3, 0);

#endif
