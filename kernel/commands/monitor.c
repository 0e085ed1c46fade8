/* SPDX-License-Identifier: 0BSD */
/* monitor.c - lines from the serial line to commands.
 *
 * Backspace, Ctrl-U (forget the line) and Ctrl-C (the same) are understood. The
 * line is polled once a tick: other tasks run meanwhile.
 */
#include "commands/command.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/serial.h"
#include "io/string.h"
#include "task/task.h"

#define LINE_BYTES 120u
#define WORDS_MAX 12u

#define CTRL_C 3
#define BACKSPACE 8
#define CTRL_U 21
#define DELETE 127

static const struct command *const tables[] = {commands_look, commands_try, commands_show};

static const struct command *find(const char *name)
{
    for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct command *command = tables[t]; command->name != NULL; command++) {
            if (text_equal(command->name, name)) {
                return command;
            }
        }
    }
    return NULL;
}

int command_run(char *line)
{
    char *words[WORDS_MAX];
    unsigned count = text_split(line, words, WORDS_MAX);
    if (count == 0) {
        return EXIT_GOOD;
    }
    const struct command *command = find(words[0]);
    if (command == NULL) {
        print("%s: no such command; try `help`\n", words[0]);
        return EXIT_FAILED;
    }
    return command->run(count, words);
}

int command_help(unsigned count, char **words)
{
    (void)count;
    (void)words;
    for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct command *command = tables[t]; command->name != NULL; command++) {
            char text[32];
            print_to(text, sizeof text, "%s %s", command->name, command->arguments);
            print("  %-20s %s\n", text, command->help);
        }
    }
    print("  %-20s %s\n", "quit", "end the machine");
    return EXIT_GOOD;
}

static int wait_for_character(void)
{
    int character;
    while ((character = serial_get()) < 0) {
        task_sleep(1);
    }
    return character;
}

static void erase(size_t *length, size_t to)
{
    while (*length > to) {
        print("\b \b");
        --*length;
    }
}

static void read_line(char *line)
{
    size_t length = 0;
    for (;;) {
        int character = wait_for_character();
        if (character == '\r' || character == '\n') {
            break;
        }
        if (character == BACKSPACE || character == DELETE) {
            erase(&length, length > 0 ? length - 1 : 0);
        } else if (character == CTRL_U || character == CTRL_C) {
            erase(&length, 0);
        } else if (character >= ' ' && character < DELETE && length + 1 < LINE_BYTES) {
            line[length++] = (char)character;
            print("%c", character);
        }
    }
    line[length] = '\0';
    print("\n");
}

int monitor_run(void)
{
    char line[LINE_BYTES];
    print("\nType `help` for what can be done, `quit` to end.\n");
    for (;;) {
        print("ashlar> ");
        read_line(line);
        if (text_equal(line, "quit")) {
            return EXIT_GOOD;
        }
        command_run(line);
    }
}
