/* SPDX-License-Identifier: 0BSD */
/* check.c - messages for people, made on the caller's stack: a panic may happen when nothing else works. */
#include "base/check.h"

#include "base/format.h"

#define MESSAGE_BYTES 240

void ashlar_panic(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    ashlar_format_list(message, sizeof message, format, arguments);
    va_end(arguments);
    ashlar_port_fatal(message);
}

void ashlar_log(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    ashlar_format_list(message, sizeof message, format, arguments);
    va_end(arguments);
    ashlar_port_log(message);
}
