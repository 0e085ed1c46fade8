/* SPDX-License-Identifier: 0BSD */
/* format.c - the small part of printf that messages need.
 *
 * Messages are made where nothing can be trusted any more: no allocation, no
 * lock, no recursion, and no division of 64-bit numbers, which 32-bit machines
 * leave to a library. Decimal digits of 64-bit numbers come from two 32-bit
 * halves by long division in base 2^16.
 */
#include "base/format.h"

#include "base/mem.h"
#include <stdbool.h>

struct sink {
    char *out;
    size_t room; /* characters that still fit, the final NUL not counted */
    size_t length;
};

struct field {
    unsigned width;
    bool zeros;
    bool left;
    unsigned long_count; /* l or ll */
    bool is_size;
};

static void put(struct sink *sink, char c)
{
    if (sink->room != 0) {
        sink->out[sink->length++] = c;
        sink->room--;
    }
}

/* So many of one character; or, where there is a text, of its characters. */
static void put_many(struct sink *sink, char c, const char *text, size_t length)
{
    length = length < sink->room ? length : sink->room;
    if (text != NULL) {
        memcpy(sink->out + sink->length, text, length);
    } else {
        memset(sink->out + sink->length, c, length);
    }
    sink->length += length;
    sink->room -= length;
}

static void put_padded(struct sink *sink, const struct field *field, const char *text, size_t length)
{
    size_t padding = field->width > length ? field->width - length : 0;
    if (!field->left) {
        put_many(sink, field->zeros ? '0' : ' ', NULL, padding);
    }
    put_many(sink, '\0', text, length);
    if (field->left) {
        put_many(sink, ' ', NULL, padding);
    }
}

/* value /= 10, the remainder returned: of long ones 16 bits at a time, so that 32-bit division is enough. */
static unsigned divide_by_ten(uint64_t *value)
{
    uint64_t quotient = 0;
    uint32_t remainder = 0;
    if (*value <= UINT32_MAX) {
        remainder = (uint32_t)*value % 10u;
        *value = (uint32_t)*value / 10u;
        return remainder;
    }
    for (unsigned shift = 64; shift != 0;) {
        shift -= 16;
        uint32_t part = (remainder << 16) | (uint32_t)((*value >> shift) & 0xffffu);
        quotient |= (uint64_t)(part / 10u) << shift;
        remainder = part % 10u;
    }
    *value = quotient;
    return remainder;
}

static void put_number(struct sink *sink, struct field *field, uint64_t value, bool hex, bool negative)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        unsigned digit = hex ? (unsigned)(value & 15u) : 0;
        if (hex) {
            value >>= 4;
        } else {
            digit = divide_by_ten(&value);
        }
        digits[--at] = "0123456789abcdef"[digit];
    } while (value != 0);
    if (negative && !field->zeros) {
        digits[--at] = '-';
    } else if (negative) { /* before the zeros */
        put(sink, '-');
        field->width -= field->width != 0;
    }
    put_padded(sink, field, digits + at, sizeof digits - at);
}

static void put_string(struct sink *sink, const struct field *field, const char *text)
{
    size_t length = 0;
    if (text == NULL) {
        text = "(null)";
    }
    while (text[length] != '\0') {
        length++;
    }
    put_padded(sink, field, text, length);
}

static const char *parse_field(const char *format, struct field *field)
{
    *field = (struct field){0};
    for (; *format == '0' || *format == '-'; format++) {
        field->zeros |= *format == '0';
        field->left |= *format == '-';
    }
    for (; *format >= '0' && *format <= '9'; format++) {
        field->width = field->width * 10u + (unsigned)(*format - '0');
    }
    for (; *format == 'l' || *format == 'z'; format++) {
        field->long_count += *format == 'l';
        field->is_size |= *format == 'z';
    }
    return format;
}

static uint64_t unsigned_argument(const struct field *field, va_list *arguments)
{
    if (field->is_size) {
        return va_arg(*arguments, size_t);
    }
    switch (field->long_count) {
    case 0:
        return va_arg(*arguments, unsigned);
    case 1:
        return va_arg(*arguments, unsigned long);
    default:
        return va_arg(*arguments, unsigned long long);
    }
}

static void put_signed(struct sink *sink, struct field *field, int value)
{
    put_number(sink, field, value < 0 ? 0u - (unsigned)value : (unsigned)value, false, value < 0);
}

static void put_pointer(struct sink *sink, struct field *field, const void *pointer)
{
    put(sink, '0');
    put(sink, 'x');
    put_number(sink, field, (uintptr_t)pointer, true, false);
}

static void put_conversion(struct sink *sink, struct field *field, char kind, va_list *arguments)
{
    char c;
    switch (kind) {
    case 's':
        put_string(sink, field, va_arg(*arguments, const char *));
        break;
    case 'd':
        put_signed(sink, field, va_arg(*arguments, int));
        break;
    case 'u':
    case 'x':
        put_number(sink, field, unsigned_argument(field, arguments), kind == 'x', false);
        break;
    case 'p':
        put_pointer(sink, field, va_arg(*arguments, void *));
        break;
    case 'c':
        c = (char)va_arg(*arguments, int);
        put_padded(sink, field, &c, 1);
        break;
    default:
        put(sink, kind);
        break;
    }
}

size_t ashlar_format_list(char *out, size_t bytes, const char *format, va_list arguments)
{
    struct sink sink = {out, bytes - 1u, 0};
    va_list list; /* a va_list that is a parameter may be an array: its address is not a va_list * */
    va_copy(list, arguments);
    for (; *format != '\0'; format++) {
        struct field field;
        if (*format != '%') {
            put(&sink, *format);
            continue;
        }
        format = parse_field(format + 1, &field);
        if (*format == '\0') {
            break;
        }
        put_conversion(&sink, &field, *format, &list);
    }
    va_end(list);
    out[sink.length] = '\0';
    return sink.length;
}

size_t ashlar_format(char *out, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = ashlar_format_list(out, bytes, format, arguments);
    va_end(arguments);
    return length;
}
