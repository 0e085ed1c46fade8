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

#define LINE_BYTES 512u
#define WORDS_MAX 64u

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

static size_t length_of(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

/* Are there as many arguments as the command's line of help says? */
static bool has_its_arguments(const struct command *command, unsigned count)
{
    const char *arguments = command->arguments;
    size_t length = length_of(arguments);
    bool takes_many = length > 3 && text_equal(arguments + length - 3, "...");
    unsigned most = length == 0 ? 0 : 1;
    unsigned least = takes_many || arguments[0] == '[' ? 0 : most;
    if (count - 1 >= least && (takes_many || count - 1 <= most)) {
        return true;
    }
    print("%s %s: %s. It takes %s, not %u\n", command->name, arguments, command->help,
          most == 0    ? "no argument"
          : least == 0 ? "one argument at most"
                       : "one argument",
          count - 1);
    return false;
}

static bool is_hex(const char *text)
{
    uintptr_t number;
    char prefixed[24];
    return length_of(text) + 3 < sizeof prefixed && print_to(prefixed, sizeof prefixed, "0x%s", text) != 0 &&
           text_address(prefixed, &number);
}

bool command_address(char **words, unsigned index, uintptr_t *address)
{
    if (text_address(words[index], address)) {
        return true;
    }
    bool is_meant_hex = is_hex(words[index]);
    print("%s: %s is no address: a number, 0x for hexadecimal%s%s%s\n", words[0], words[index],
          is_meant_hex ? "; did you mean 0x" : "", is_meant_hex ? words[index] : "", is_meant_hex ? "?" : "");
    return false;
}

bool command_number(char **words, unsigned index, uint32_t least, uint32_t most, uint32_t *number)
{
    uint32_t value;
    if (text_number(words[index], &value) && value >= least && value <= most) {
        *number = value;
        return true;
    }
    print("%s: %s is no number from %u to %u\n", words[0], words[index], least, most);
    return false;
}

int command_run(char *line)
{
    char *words[WORDS_MAX];
    unsigned count = text_split(line, words, WORDS_MAX);
    if (count == 0) {
        return EXIT_GOOD;
    }
    if (count == WORDS_MAX) {
        print("%s: %u words and more are too many: nothing was done\n", words[0], WORDS_MAX);
        return EXIT_FAILED;
    }
    const struct command *command = find(words[0]);
    if (command == NULL) {
        print("%s: no such command; try `help`\n", words[0]);
        return EXIT_FAILED;
    }
    return has_its_arguments(command, count) ? command->run(count, words) : EXIT_FAILED;
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
    size_t lost = 0;
    for (;;) {
        int character = wait_for_character();
        if (character == '\r' || character == '\n') {
            break;
        }
        if (character == BACKSPACE || character == DELETE) {
            erase(&length, length > 0 ? length - 1 : 0);
        } else if (character == CTRL_U || character == CTRL_C) {
            erase(&length, 0);
            lost = 0;
        } else if (character >= ' ' && character < DELETE && length + 1 < LINE_BYTES) {
            line[length++] = (char)character;
            print("%c", character);
        } else {
            lost += character >= ' ' && character < DELETE;
        }
    }
    print("\n");
    if (lost != 0) {
        print("a line has at most %u characters, and this one has %zu more: nothing was done\n", LINE_BYTES - 1, lost);
        length = 0;
    }
    line[length] = '\0';
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
