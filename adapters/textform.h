/* SPDX-License-Identifier: 0BSD */
/* textform.h - one line of a map as text, over a cursor that cannot pass the line's end. */
#ifndef ASHLAR_ADAPTERS_TEXTFORM_H
#define ASHLAR_ADAPTERS_TEXTFORM_H

#include <ashlar/textmap.h>
#include <stdbool.h>

struct text_cursor {
    const char *at;
    const char *end;
};

/* What a line is: nothing to say; a line of the map, or one that should be; or one that is passed by, its reason in
 * `problem`. */
enum line_kind { LINE_EMPTY, LINE_OF_MAP, LINE_LEFT_OUT };

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static inline char lower_case(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline void skip_blanks(struct text_cursor *line)
{
    while (line->at < line->end && is_blank(*line->at)) {
        line->at++;
    }
}

static inline struct text_cursor take_text_word(struct text_cursor *line)
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
static inline bool accept_text(struct text_cursor *line, const char *text)
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

static inline void trim_blanks(struct text_cursor *text)
{
    skip_blanks(text);
    while (text->end > text->at && is_blank(text->end[-1])) {
        text->end--;
    }
}

/* After the mark: [mem 0xFIRST-0xLAST] TYPE. */
bool ashlar_textform_linux(struct ashlar_textmap_line *line, struct text_cursor rest);
/* FIRST-LAST : NAME, as in /proc/iomem. False: the line has another form. */
bool ashlar_textform_iomem(struct ashlar_textmap_line *line, struct text_cursor rest, enum line_kind *kind);
/* BASE LENGTH TYPE. */
bool ashlar_textform_plain(struct ashlar_textmap_line *line, struct text_cursor rest);

#endif
