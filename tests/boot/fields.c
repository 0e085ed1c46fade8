/* SPDX-License-Identifier: 0BSD */
/* fields.c - each field of struct ashlar_boot, wrong in every way: boot is fatal, and says what is wrong with which field.
 *
 * A row is what is wrong with an otherwise right structure, and the whole message; * in it stands for whatever a machine's
 * numbers are. docs/porting.md shows the rows: `build/gcc64/tests/boot/fields table` writes them, and this compares. Where a
 * message names a value that would do, boot is tried with that.
 */
#include "boot/fields_rows.h"

#include <ashlar/kmalloc.h>
#include <stdio.h>

#define TABLE_BEGIN "<!-- tests/boot/fields.c -->\n"
#define TABLE_END "<!-- end of tests/boot/fields.c -->\n"

/* All of it; * is any text. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

/* --- on a machine ------------------------------------------------------------------- */

static bool applies(const struct row *row, const struct world_format *format)
{
    unsigned bits = ashlar_paging_virtual_bits(format->paging);
    bool is_wide = bits > 32u, has_words = is_wide == (sizeof(uintptr_t) == 8u);
    return ((row->flags & ROW_NARROW) == 0 || !is_wide) && ((row->flags & ROW_WIDE) == 0 || is_wide) &&
           ((row->flags & ROW_32_BITS) == 0 || sizeof(uintptr_t) == 4u) &&
           ((row->flags & (ROW_WORDS | ROW_STACK)) == 0 || has_words);
}

static void prepare_row(const struct row *row, const struct world_format *format)
{
    if ((row->flags & (ROW_STACK | ROW_START)) != 0) {
        prepare_site(format, 64u * MIB, ashlar_paging_virtual_bits(format->paging) > 32u ? 0 : GIB, WORLD_START);
    } else {
        prepare(format, 64u * MIB);
    }
    row->set();
}

/* The heap grows when it is first used. */
static void boot_and_grow(const struct row *row)
{
    ashlar_boot_up(&boot, &booted);
    if (strcmp(row->field, "heap_commit") == 0) {
        ashlar_kfree(ashlar_kmalloc(16));
    }
}

static uint64_t last_number(const char *message)
{
    uint64_t number = 0;
    for (const char *at = message; *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9' && (at == message || at[-1] == ' ')) {
            number = strtoull(at, NULL, 0);
        }
    }
    return number;
}

/* Boot with the value that the message names. */
static void check_advice(const struct row *row, const struct world_format *format, uint64_t value)
{
    size_t *field = strcmp(row->field, "stacks") == 0       ? &boot.stacks
                    : strcmp(row->field, "heap_bytes") == 0 ? &boot.heap_bytes
                                                            : &boot.kernel_space_bytes;
    prepare_row(row, format);
    *field = (size_t)value;
    if (field == &boot.kernel_space_bytes) { /* what the world's pointers reach is less */
        is_str(SIM_FATAL(ashlar_boot_up(&boot, &booted)), NULL, "the value that is named does");
        return;
    }
    up();
    ok(booted.heap != NULL, "%s: %s, %s: with 0x%llx it boots", world.name, row->field, row->value,
       (unsigned long long)value);
    world_ok("%s", row->field);
}

static void check_row(const struct row *row, const struct world_format *format)
{
    static char message[512];
    prepare_row(row, format);
    sim_violations_echo(false);
    const char *said = SIM_FATAL(boot_and_grow(row));
    sim_violations_clear(); /* a wrong format, or RAM that is not there, was looked at */
    sim_violations_echo(true);
    snprintf(message, sizeof message, "%s", said != NULL ? said : "nothing");
    ok(matches(row->message, message), "%s: [fault 230] %s, %s: %s", world.name, row->field, row->value, message);
    ok(sim_pins() == 0 && sim_windows_open(0) == 0, "%s: no window is open", world.name);
    if ((row->flags & ROW_ADVISES) != 0 && !world_is_64()) { /* of 64 bits the world's pointers reach too little */
        check_advice(row, format, last_number(message));
    }
}

/* --- in the document ------------------------------------------------------------------ */

static void add_text(char *to, const char *text)
{
    size_t at = strlen(to);
    for (; *text != '\0'; text++) {
        at += (size_t)sprintf(to + at, *text == '*' ? "…" : "%c", *text);
    }
}

static const char *make_table(void)
{
    static char table[32768];
    strcpy(table, TABLE_BEGIN "| Field | Value | Message |\n|---|---|---|\n");
    for (size_t i = 0; i < ROWS; i++) {
        char line[512] = "";
        add_text(line, rows[i].message);
        sprintf(table + strlen(table), "| `%s` | %s | %s |\n", rows[i].field, rows[i].value, line);
    }
    return strcat(table, TABLE_END);
}

static void check_document(void)
{
    static char text[131072];
    FILE *file = fopen("docs/porting.md", "r");
    size_t bytes = file != NULL ? fread(text, 1, sizeof text - 1u, file) : 0;
    text[bytes] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    const char *table = strstr(text, TABLE_BEGIN), *wanted = make_table();
    ok(table != NULL && strncmp(table, wanted, strlen(wanted)) == 0,
       "docs/porting.md has the table that `build/gcc64/tests/boot/fields table` writes");
}

int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "table") == 0) {
        printf("%s", make_table());
        return 0;
    }
    check_document();
    FOR_EACH_FORMAT(format)
    {
        for (size_t i = 0; i < ROWS; i++) {
            if (applies(&rows[i], format)) {
                check_row(&rows[i], format);
            }
        }
    }
    return done_testing();
}
