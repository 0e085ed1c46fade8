/* SPDX-License-Identifier: 0BSD */
/* textform.c - a line of a map as text, in one of three forms (ashlar/textmap.h).
 *
 * Words of each form are read by the same few verbs: skip blanks, take a word,
 * take a number. The first verb that fails says why and where, and the line is
 * over.
 *
 * Linux's words for types are those of e820_print_type() in its versions since 3.5.
 * Newer ones print a size before the type.
 */
#include "textform.h"

struct linux_word {
    const char *text;
    uint32_t type;
};

/* As Linux prints them; "type N" and "persistent (type N)" are read by their number. */
static const struct linux_word linux_words[] = {
    {"usable", ASHLAR_MEMMAP_USABLE},
    {"System RAM", ASHLAR_MEMMAP_USABLE},
    {"kernel usable RAM", ASHLAR_MEMMAP_USABLE},
    {"reserved", ASHLAR_MEMMAP_RESERVED},
    {"device reserved", ASHLAR_MEMMAP_RESERVED},
    {"soft reserved", ASHLAR_MEMMAP_RESERVED},
    {"persistent", ASHLAR_MEMMAP_RESERVED},
    {"ACPI data", ASHLAR_MEMMAP_ACPI},
    {"ACPI NVS", ASHLAR_MEMMAP_NVS},
    {"unusable", ASHLAR_MEMMAP_BAD},
};

/* Names in /proc/iomem that are memory. */
static const struct linux_word iomem_words[] = {
    {"System RAM", ASHLAR_MEMMAP_USABLE},          {"Reserved", ASHLAR_MEMMAP_RESERVED},
    {"Soft Reserved", ASHLAR_MEMMAP_RESERVED},     {"RAM buffer", ASHLAR_MEMMAP_RESERVED},
    {"Persistent Memory", ASHLAR_MEMMAP_RESERVED}, {"Persistent Memory (legacy)", ASHLAR_MEMMAP_RESERVED},
    {"ACPI Tables", ASHLAR_MEMMAP_ACPI},           {"ACPI Non-volatile Storage", ASHLAR_MEMMAP_NVS},
    {"Unusable memory", ASHLAR_MEMMAP_BAD},
};

/* --- characters ---------------------------------------------------------- */

/* 16 if it is none. */
static unsigned digit_of(char c)
{
    c = lower_case(c);
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10u : 16u;
}

/* Is this all that the cursor has? */
static bool is_whole_text(struct text_cursor text, const char *wanted)
{
    return accept_text(&text, wanted) && text.at == text.end;
}

/* --- numbers ------------------------------------------------------------- */

static bool fail_line(struct ashlar_textmap_line *line, struct text_cursor culprit, const char *problem)
{
    line->problem = problem;
    line->culprit = culprit.at;
    line->culprit_bytes = (size_t)(culprit.end - culprit.at);
    return false;
}

/* Digits up to the first character that is none; base 10 or 16. 0 digits, or too large: false. */
static bool take_digits(struct text_cursor *text, unsigned base, uint64_t *value)
{
    const char *begin = text->at;
    uint64_t sum = 0;
    while (text->at < text->end && digit_of(*text->at) < base) {
        uint64_t more = base == 16 ? sum << 4 : (sum << 3) + (sum << 1);
        if (sum >> 60 != 0) {
            return false;
        }
        sum = more + digit_of(*text->at++);
    }
    *value = sum;
    return text->at != begin;
}

/* A whole word that is a hex number. */
static bool hex_of(struct ashlar_textmap_line *line, struct text_cursor word, const char *what, uint64_t *value)
{
    struct text_cursor digits = word;
    accept_text(&digits, "0x");
    if (take_digits(&digits, 16, value) && digits.at == digits.end) {
        return true;
    }
    return fail_line(line, word, what);
}

/* A whole text that is a number of E820, decimal or with 0x. */
static bool e820_type_of(struct text_cursor text, uint32_t *type)
{
    uint64_t number;
    unsigned base = accept_text(&text, "0x") ? 16 : 10;
    if (!take_digits(&text, base, &number) || text.at != text.end || number > UINT32_MAX) {
        return false;
    }
    *type = ashlar_memmap_type_of_e820((uint32_t)number);
    return true;
}

/* --- the forms ----------------------------------------------------------- */

/* "639 KB", or "1.5 GB", in front of the type. */
static void skip_size(struct text_cursor *line)
{
    struct text_cursor rest = *line;
    uint64_t number;
    skip_blanks(&rest);
    if (!take_digits(&rest, 10, &number)) {
        return;
    }
    if (accept_text(&rest, ".")) {
        (void)take_digits(&rest, 10, &number);
    }
    skip_blanks(&rest);
    bool has_prefix =
        accept_text(&rest, "K") || accept_text(&rest, "M") || accept_text(&rest, "G") || accept_text(&rest, "T");
    if (accept_text(&rest, has_prefix ? "B" : "bytes") && rest.at < rest.end && is_blank(*rest.at)) {
        *line = rest;
    }
}

static bool find_word(const struct linux_word *words, size_t count, struct text_cursor text, uint32_t *type)
{
    for (size_t i = 0; i < count; i++) {
        if (is_whole_text(text, words[i].text)) {
            *type = words[i].type;
            return true;
        }
    }
    return false;
}

static bool linux_type_of(struct text_cursor text, uint32_t *type)
{
    struct text_cursor number = text;
    if (find_word(linux_words, sizeof linux_words / sizeof linux_words[0], text, type)) {
        return true;
    }
    if (accept_text(&number, "persistent (type ")) {
        *type = ASHLAR_MEMMAP_RESERVED;
        return number.end - number.at >= 2 && number.end[-1] == ')';
    }
    return accept_text(&number, "type ") && e820_type_of(number, type);
}

/* All up to one of two characters, or to the end. */
static struct text_cursor take_until(struct text_cursor *rest, char stop, char other_stop)
{
    struct text_cursor part = {rest->at, rest->at};
    while (part.end < rest->end && *part.end != stop && *part.end != other_stop) {
        part.end++;
    }
    rest->at = part.end;
    return part;
}

/* FIRST-LAST, of which LAST is the last byte's. */
static bool read_linux_range(struct ashlar_textmap_line *line, struct text_cursor first, struct text_cursor last)
{
    uint64_t last_byte;
    if (!hex_of(line, first, "the first address is no hex number of 64 bits", &line->base) ||
        !hex_of(line, last, "the last address is no hex number of 64 bits", &last_byte)) {
        return false;
    }
    if (line->base != 0 && last_byte == line->base - 1) {
        return true; /* so is an empty one printed */
    }
    if (last_byte < line->base) {
        return fail_line(line, (struct text_cursor){first.at, last.end}, "the last address is below the first");
    }
    /* All 2^64 bytes do not fit a length: the last one is above every limit anyhow. */
    line->length = last_byte - line->base;
    line->length += line->length != UINT64_MAX ? 1 : 0;
    return true;
}

/* After the mark: [mem 0xFIRST-0xLAST] TYPE. */
bool ashlar_textform_linux(struct ashlar_textmap_line *line, struct text_cursor rest)
{
    if (!accept_text(&rest, "[mem ")) {
        return fail_line(line, rest, "there should be [mem 0xFIRST-0xLAST] here");
    }
    struct text_cursor first = take_until(&rest, '-', ']');
    accept_text(&rest, "-");
    struct text_cursor last = take_until(&rest, ']', ']');
    accept_text(&rest, "]");
    if (!read_linux_range(line, first, last)) {
        return false;
    }
    skip_size(&rest);
    trim_blanks(&rest);
    return linux_type_of(rest, &line->type) || fail_line(line, rest, "this is no type that Linux prints");
}

static bool word_type_of(struct text_cursor word, uint32_t *type)
{
    for (uint32_t known = ASHLAR_MEMMAP_USABLE; known <= ASHLAR_MEMMAP_BAD; known++) {
        if (is_whole_text(word, ashlar_memmap_type_text(known))) {
            *type = known;
            return true;
        }
    }
    return e820_type_of(word, type);
}

bool ashlar_textform_plain(struct ashlar_textmap_line *line, struct text_cursor rest)
{
    struct text_cursor base = take_text_word(&rest);
    struct text_cursor length = take_text_word(&rest);
    struct text_cursor type = take_text_word(&rest);
    trim_blanks(&rest);
    if (!hex_of(line, base, "the base is no hex number of 64 bits", &line->base)) {
        return false;
    }
    if (length.at == length.end || type.at == type.end) {
        return fail_line(line, (struct text_cursor){line->text, line->text + line->text_bytes},
                         "a line is BASE LENGTH TYPE: something is missing");
    }
    if (!hex_of(line, length, "the length is no hex number of 64 bits", &line->length)) {
        return false;
    }
    if (!word_type_of(type, &line->type)) {
        return fail_line(line, type, "this is no type of memory that is known");
    }
    return rest.at == rest.end || fail_line(line, rest, "there should be nothing after the type");
}

static bool begins_with_digit(struct text_cursor text)
{
    return text.at < text.end && digit_of(*text.at) < 16;
}

bool ashlar_textform_iomem(struct ashlar_textmap_line *line, struct text_cursor rest, enum line_kind *kind)
{
    struct text_cursor first = take_until(&rest, '-', ' ');
    bool has_both = accept_text(&rest, "-");
    struct text_cursor last = take_until(&rest, ' ', ' ');
    if (!has_both || !begins_with_digit(first) || !begins_with_digit(last) || !accept_text(&rest, " : ")) {
        return false;
    }
    trim_blanks(&rest);
    if (!find_word(iomem_words, sizeof iomem_words / sizeof iomem_words[0], rest, &line->type)) {
        line->problem = "no memory: a device, or a part of something else";
        *kind = LINE_LEFT_OUT;
        return true;
    }
    *kind = LINE_OF_MAP;
    if (read_linux_range(line, first, last) && line->base == 0 && line->length == 1) {
        fail_line(line, (struct text_cursor){first.at, last.end},
                  "Linux hides addresses from all but root: read it as root");
    }
    return true;
}
