/* SPDX-License-Identifier: 0BSD */
/* textmap.c - one line of a text after the other: which is of a map, in which form, and which is left out.
 *
 * A line that makes no sense says so (textform.c); the next one is read all the
 * same. Linux prints lines for gaps, which are no memory, and maps that it has
 * changed itself (`user:`, `modified:`), which are no map of the firmware's.
 */
#include "textform.h"

/* What stands in front of Linux's form, by where Linux had the map from. */
static const char *const linux_marks[] = {"BIOS-e820:", "BIOS-e801:", "BIOS-88:", "Xen:"};
#define MARKS (sizeof linux_marks / sizeof linux_marks[0])

/* Puts the cursor behind a mark, if there is one; a strict one has what belongs behind it, too. */
static bool find_mark(struct text_cursor *text, bool is_strict)
{
    for (struct text_cursor rest = *text; rest.at < rest.end; rest.at++) {
        for (size_t i = 0; i < MARKS; i++) {
            struct text_cursor found = rest;
            if (!accept_text(&found, linux_marks[i])) {
                continue;
            }
            skip_blanks(&found);
            struct text_cursor after = found;
            if ((i == 0 && !is_strict) || accept_text(&after, "[mem ") || accept_text(&after, "[gap ")) {
                *text = found;
                return true;
            }
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

static bool is_comment(struct text_cursor line)
{
    skip_blanks(&line);
    return line.at < line.end && *line.at == '#';
}

/* Does a line of Linux's form stand here? Behind its mark, then. What stands in front may hold a #, unless it is a line
 * of another form with a comment. */
static bool find_linux_form(struct text_cursor *text, struct text_cursor content)
{
    struct ashlar_textmap_line plain = {.problem = NULL};
    struct text_cursor found = content;
    enum line_kind kind;
    bool is_other = ashlar_textform_iomem(&plain, content, &kind) || ashlar_textform_plain(&plain, content);
    if (find_mark(&found, false)) {
        *text = found;
        return true;
    }
    found = *text;
    if (is_other || is_comment(*text) || !find_mark(&found, true)) {
        return false;
    }
    *text = line_content(found);
    return true;
}

static bool has_linux_line(struct text_cursor rest)
{
    bool found = false;
    while (rest.at < rest.end && !found) {
        struct text_cursor line = take_line(&rest);
        found = find_linux_form(&line, line_content(line));
    }
    return found;
}

static enum line_kind leave_out(struct ashlar_textmap_line *line, const char *why)
{
    line->problem = why;
    return LINE_LEFT_OUT;
}

/* Fills the line, of which the number is known. */
static enum line_kind read_text_line(struct ashlar_textmap_line *line, struct text_cursor text, bool is_log)
{
    struct text_cursor content = line_content(text);
    struct text_cursor rest = text;
    enum line_kind kind;
    *line = (struct ashlar_textmap_line){.number = line->number,
                                         .text = text.at,
                                         .text_bytes = (size_t)(text.end - text.at),
                                         .culprit = text.at};
    if (find_linux_form(&rest, content)) {
        if (accept_text(&rest, "[gap ")) {
            return leave_out(line, "a gap: no memory");
        }
        ashlar_textform_linux(line, rest);
        return LINE_OF_MAP;
    }
    if (content.at == content.end) {
        return find_mark(&rest, true) ? leave_out(line, "a comment") : LINE_EMPTY;
    }
    if (ashlar_textform_iomem(line, content, &kind)) {
        return kind;
    }
    if (is_log && !begins_with_two_numbers(content)) {
        return leave_out(line, "no line of a map");
    }
    ashlar_textform_plain(line, content);
    return LINE_OF_MAP;
}

/* Visits all lines of one kind. Returns how many of them have a problem. */
static size_t visit_lines(const char *text, size_t bytes, enum line_kind wanted, ashlar_textmap_visitor visit,
                          void *context)
{
    struct ashlar_textmap_line line = {0};
    struct text_cursor rest = {text, text + bytes};
    bool is_log = has_linux_line(rest);
    size_t problems = 0;
    while (rest.at < rest.end) {
        line.number++;
        if (read_text_line(&line, take_line(&rest), is_log) == wanted) {
            problems += line.problem != NULL;
            visit(context, &line);
        }
    }
    return problems;
}

size_t ashlar_textmap_read(const char *text, size_t bytes, ashlar_textmap_visitor visit, void *context)
{
    return visit_lines(text, bytes, LINE_OF_MAP, visit, context);
}

size_t ashlar_textmap_left_out(const char *text, size_t bytes, ashlar_textmap_visitor visit, void *context)
{
    return visit_lines(text, bytes, LINE_LEFT_OUT, visit, context);
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
