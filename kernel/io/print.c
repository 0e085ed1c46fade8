/* SPDX-License-Identifier: 0BSD */
/* print.c - a small formatter: character by character into a sink.
 *
 * The sink is the serial line and the screen, or a buffer. No memory, bounded stack: it works in
 * every context. The text of one call stays together, whatever other CPUs print:
 * a lock sees to it, which the panic path does without. Numbers are divided in
 * digits of 16 bits, so that no 64-bit division is needed.
 */
#include "io/print.h"

#include "cpu/spin.h"
#include "io/screen.h"
#include "io/serial.h"
#include <stdbool.h>

static struct spin line;
static volatile bool is_unlocked;

struct sink {
    char *out; /* NULL: the serial line and the screen */
    size_t bytes;
    size_t length;
};

struct field {
    unsigned width;
    unsigned length; /* how many 'l' */
    bool zero;
    bool left;
    bool size;
};

static void put(struct sink *sink, char character)
{
    if (sink->out == NULL) {
        serial_put(character);
        screen_put(character);
    } else if (sink->length + 1 < sink->bytes) {
        sink->out[sink->length] = character;
    }
    sink->length++;
}

static void put_padded(struct sink *sink, const struct field *field, const char *text, size_t length)
{
    size_t padding = field->width > length ? field->width - length : 0;
    for (size_t i = 0; i < padding && !field->left; i++) {
        put(sink, field->zero ? '0' : ' ');
    }
    for (size_t i = 0; i < length; i++) {
        put(sink, text[i]);
    }
    for (size_t i = 0; i < padding && field->left; i++) {
        put(sink, ' ');
    }
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

static uint32_t divide(uint64_t *value, uint32_t base)
{
    uint64_t quotient = 0;
    uint32_t remainder = 0;
    for (unsigned shift = 64; shift != 0;) {
        shift -= 16;
        uint32_t digit = remainder << 16 | (uint32_t)(*value >> shift & 0xffff);
        quotient = quotient << 16 | digit / base;
        remainder = digit % base;
    }
    *value = quotient;
    return remainder;
}

static void put_number(struct sink *sink, const struct field *field, uint64_t value, uint32_t base, bool negative)
{
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = "0123456789abcdef"[divide(&value, base)];
    } while (value != 0);
    if (negative) {
        text[--at] = '-';
    }
    put_padded(sink, field, text + at, sizeof text - at);
}

static const char *parse_field(const char *format, struct field *field)
{
    *field = (struct field){0};
    for (; *format == '0' || *format == '-'; format++) {
        field->zero |= *format == '0';
        field->left |= *format == '-';
    }
    for (; *format >= '0' && *format <= '9'; format++) {
        field->width = field->width * 10 + (unsigned)(*format - '0');
    }
    for (; *format == 'l' || *format == 'z'; format++) {
        field->length += *format == 'l';
        field->size |= *format == 'z';
    }
    return format;
}

/* A va_list is passed on by address: in a structure it means the same on every machine. */
struct arguments {
    va_list list;
};

static uint64_t next_unsigned(const struct field *field, struct arguments *arguments)
{
    if (field->length >= 2) {
        return va_arg(arguments->list, unsigned long long);
    }
    if (field->size) {
        return va_arg(arguments->list, size_t);
    }
    return field->length == 1 ? va_arg(arguments->list, unsigned long) : va_arg(arguments->list, unsigned);
}

static int64_t next_signed(const struct field *field, struct arguments *arguments)
{
    if (field->length >= 2) {
        return va_arg(arguments->list, long long);
    }
    return field->length == 1 ? va_arg(arguments->list, long) : va_arg(arguments->list, int);
}

static void convert(struct sink *sink, char kind, struct field *field, struct arguments *arguments)
{
    if (kind == 's') {
        put_string(sink, field, va_arg(arguments->list, const char *));
    } else if (kind == 'c') {
        put(sink, (char)va_arg(arguments->list, int));
    } else if (kind == 'u') {
        put_number(sink, field, next_unsigned(field, arguments), 10, false);
    } else if (kind == 'x') {
        put_number(sink, field, next_unsigned(field, arguments), 16, false);
    } else if (kind == 'd') {
        int64_t value = next_signed(field, arguments);
        put_number(sink, field, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value, 10, value < 0);
    } else if (kind == 'p') {
        *field = (struct field){.width = sizeof(void *) * 2, .zero = true};
        put_string(sink, &(struct field){0}, "0x");
        put_number(sink, field, (uintptr_t)va_arg(arguments->list, void *), 16, false);
    } else {
        put(sink, kind);
    }
}

static void format_into(struct sink *sink, const char *format, va_list list)
{
    struct arguments arguments;
    va_copy(arguments.list, list);
    while (*format != '\0') {
        if (*format != '%') {
            put(sink, *format++);
            continue;
        }
        struct field field;
        format = parse_field(format + 1, &field);
        if (*format != '\0') {
            convert(sink, *format++, &field, &arguments);
        }
    }
    va_end(arguments.list);
}

void print_list(const char *format, va_list arguments)
{
    struct sink sink = {0};
    if (is_unlocked) {
        format_into(&sink, format, arguments);
        return;
    }
    uintptr_t interrupts = spin_take(&line);
    format_into(&sink, format, arguments);
    spin_give(&line, interrupts);
}

void print_unlock(void)
{
    is_unlocked = true;
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
}

size_t print_list_to(char *out, size_t bytes, const char *format, va_list arguments)
{
    struct sink sink = {.out = out, .bytes = bytes};
    format_into(&sink, format, arguments);
    size_t length = sink.length < bytes ? sink.length : bytes - 1;
    out[length] = '\0';
    return length;
}

size_t print_to(char *out, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = print_list_to(out, bytes, format, arguments);
    va_end(arguments);
    return length;
}

struct size_text size_text(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    unsigned unit = 0;
    while (unit < 3 && bytes != 0 && (bytes & 1023) == 0) {
        bytes >>= 10;
        unit++;
    }
    struct size_text result = {""};
    print_to(result.text, sizeof result.text, "%llu %s", (unsigned long long)bytes, units[unit]);
    return result;
}

/* English as far as this kernel's nouns need it. */
struct counted_text counted(uint64_t count, const char *noun)
{
    struct counted_text result = {""};
    size_t length = 0;
    while (noun[length] != '\0') {
        length++;
    }
    char last = length != 0 ? noun[length - 1] : ' ';
    bool is_y = last == 'y';
    const char *ending = is_y ? "ies" : last == 'h' || last == 's' ? "es" : "s";
    if (count == 1) {
        print_to(result.text, sizeof result.text, "1 %s", noun);
        return result;
    }
    size_t at = print_to(result.text, sizeof result.text, "%llu %s", (unsigned long long)count, noun);
    print_to(result.text + at - is_y, sizeof result.text - at, "%s", ending);
    return result;
}
