/* SPDX-License-Identifier: 0BSD */
/* string.c - the four functions that compilers and the library take for granted, and words of a line.
 *
 * `rep` strings: compact, and as fast as anything on the machines of today.
 * They count one instruction for each iteration under QEMU's icount, so words
 * are moved where the count allows.
 */
#include "io/string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *at = to;
    const void *source = from;
    size_t words = bytes / sizeof(uint32_t);
    size_t rest = bytes % sizeof(uint32_t);
    __asm__ volatile("rep movsl" : "+D"(at), "+S"(source), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(rest) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        return memcpy(to, from, bytes);
    }
    void *at = (char *)to + bytes - 1;
    const void *source = (const char *)from + bytes - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(at), "+S"(source), "+c"(bytes) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    void *at = to;
    size_t words = bytes / sizeof(uint32_t);
    size_t rest = bytes % sizeof(uint32_t);
    uint32_t pattern = (uint8_t)byte * 0x01010101u;
    __asm__ volatile("rep stosl" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < bytes; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

bool text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

const char *text_after(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++) {
            return NULL;
        }
    }
    return text;
}

static bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

unsigned text_split(char *line, char **words, unsigned capacity)
{
    unsigned count = 0;
    while (count < capacity) {
        while (is_space(*line)) {
            *line++ = '\0';
        }
        if (*line == '\0') {
            break;
        }
        words[count++] = line;
        while (*line != '\0' && !is_space(*line)) {
            line++;
        }
    }
    return count;
}

static int digit_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character = (char)(character | 0x20);
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* No overflow: 60 bits of a number are checked before each digit is added, which leaves room for one more. */
static bool parse(const char *text, uint64_t most, uint64_t *value)
{
    const char *hex = text_after(text, "0x");
    uint32_t base = hex != NULL ? 16 : 10;
    text = hex != NULL ? hex : text;
    *value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        int digit = digit_of(*text);
        if (digit < 0 || (uint32_t)digit >= base || *value >> 60 != 0) {
            return false;
        }
        *value = *value * base + (uint32_t)digit;
    }
    return *value <= most;
}

bool text_number(const char *text, uint32_t *value)
{
    uint64_t number;
    bool good = parse(text, UINT32_MAX, &number);
    *value = good ? (uint32_t)number : *value;
    return good;
}

bool text_address(const char *text, uintptr_t *value)
{
    uint64_t number;
    bool good = parse(text, UINTPTR_MAX, &number);
    *value = good ? (uintptr_t)number : *value;
    return good;
}
