/* SPDX-License-Identifier: 0BSD */
/* textmap.c - one line at a time, over a cursor that cannot pass the line's end.
 *
 * Two forms (ashlar/textmap.h). Words of either are read by the same few verbs:
 * skip blanks, take a word, take a number. The first verb that fails says why and
 * where, and the line is over; the next one is read all the same.
 *
 * Linux's words for types are those of e820_print_type() in its versions since 3.5.
 * Newer ones print a size before the type, and lines for gaps, which are no memory.
 */
#include <ashlar/textmap.h>
#include <stdbool.h>

static const char linux_mark[] = "BIOS-e820:";

struct text_cursor {
    const char *at;
    const char *end;
};

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

/* --- characters ---------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char lower_case(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* 16 if it is none. */
static unsigned digit_of(char c)
{
    c = lower_case(c);
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10u : 16u;
}

static void skip_blanks(struct text_cursor *line)
{
    while (line->at < line->end && is_blank(*line->at)) {
        line->at++;
    }
}

static struct text_cursor take_text_word(struct text_cursor *line)
{
    skip_blanks(line);
    struct text_cursor word = {line->at, line->at};
    while (word.end < line->end && !is_blank(*word.end)) {
        word.end++;
    }
    line->at = word.end;
    return word;
}

/* Steps over the text, in any case, if it stands here. */
static bool accept_text(struct text_cursor *line, const char *text)
{
    const char *at = line->at;
    while (*text != '\0' && at < line->end && lower_case(*at) == lower_case(*text)) {
        at++;
        text++;
    }
    if (*text != '\0') {
        return false;
    }
    line->at = at;
    return true;
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

/* --- the two forms ------------------------------------------------------- */

static void trim_blanks(struct text_cursor *text)
{
    skip_blanks(text);
    while (text->end > text->at && is_blank(text->end[-1])) {
        text->end--;
    }
}

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

static bool linux_type_of(struct text_cursor text, uint32_t *type)
{
    struct text_cursor number = text;
    for (size_t i = 0; i < sizeof linux_words / sizeof linux_words[0]; i++) {
        if (is_whole_text(text, linux_words[i].text)) {
            *type = linux_words[i].type;
            return true;
        }
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

/* 0xFIRST-0xLAST, of which LAST is the last byte's. */
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
static bool read_linux_line(struct ashlar_textmap_line *line, struct text_cursor rest)
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

static bool read_plain_line(struct ashlar_textmap_line *line, struct text_cursor rest)
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

/* --- texts --------------------------------------------------------------- */

/* Puts the cursor behind the mark, if there is one. */
static bool find_mark(struct text_cursor *text)
{
    for (struct text_cursor rest = *text; rest.at < rest.end; rest.at++) {
        struct text_cursor found = rest;
        if (*rest.at == linux_mark[0] && accept_text(&found, linux_mark)) {
            *text = found;
            return true;
        }
    }
    return false;
}

static bool begins_with_two_numbers(struct text_cursor rest)
{
    bool both = true;
    for (unsigned i = 0; i < 2; i++) {
        struct text_cursor word = take_text_word(&rest);
        both &= accept_text(&word, "0x");
    }
    return both;
}

/* Takes the next line, and steps over its end. */
static struct text_cursor take_line(struct text_cursor *rest)
{
    struct text_cursor line = {rest->at, rest->at};
    while (line.end < rest->end && *line.end != '\n') {
        line.end++;
    }
    rest->at = line.end < rest->end ? line.end + 1 : line.end;
    return line;
}

/* What a line says: without its comment, and without blanks around it. */
static struct text_cursor line_content(struct text_cursor line)
{
    struct text_cursor content = {line.at, line.at};
    while (content.end < line.end && *content.end != '#') {
        content.end++;
    }
    trim_blanks(&content);
    return content;
}

static bool has_linux_line(struct text_cursor rest)
{
    bool found = false;
    while (rest.at < rest.end && !found) {
        struct text_cursor content = line_content(take_line(&rest));
        found = find_mark(&content);
    }
    return found;
}

/* Fills the line, of which the number is known. False: nothing to visit. */
static bool read_text_line(struct ashlar_textmap_line *line, struct text_cursor text, bool is_log)
{
    struct text_cursor content = line_content(text);
    *line = (struct ashlar_textmap_line){.number = line->number,
                                         .text = text.at,
                                         .text_bytes = (size_t)(text.end - text.at),
                                         .culprit = text.at};
    if (find_mark(&content)) {
        skip_blanks(&content);
        if (accept_text(&content, "[gap ")) {
            return false;
        }
        read_linux_line(line, content);
        return true;
    }
    if (content.at == content.end || (is_log && !begins_with_two_numbers(content))) {
        return false;
    }
    read_plain_line(line, content);
    return true;
}

size_t ashlar_textmap_read(const char *text, size_t bytes, ashlar_textmap_visitor visit, void *context)
{
    struct ashlar_textmap_line line = {0};
    struct text_cursor rest = {text, text + bytes};
    bool is_log = has_linux_line(rest);
    size_t bad = 0;
    while (rest.at < rest.end) {
        line.number++;
        if (read_text_line(&line, take_line(&rest), is_log)) {
            bad += line.problem != NULL;
            visit(context, &line);
        }
    }
    return bad;
}

struct textmap_adding {
    struct ashlar_memmap *map;
    struct ashlar_textmap_line *bad;
    bool failed;
};

static void add_line(void *context, const struct ashlar_textmap_line *line)
{
    struct textmap_adding *add = context;
    if (line->problem == NULL) {
        ashlar_memmap_add(add->map, line->base, line->length, line->type);
    } else if (!add->failed) {
        *add->bad = *line;
        add->failed = true;
    }
}

ashlar_status ashlar_textmap_add(struct ashlar_memmap *map, const char *text, size_t bytes,
                                 struct ashlar_textmap_line *bad)
{
    struct textmap_adding add = {map, bad, false};
    return ashlar_textmap_read(text, bytes, add_line, &add) == 0 ? ASHLAR_OK : ASHLAR_BAD_MAP;
}
