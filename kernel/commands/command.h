/* SPDX-License-Identifier: 0BSD */
/* command.h - the one table of what this kernel can be told to do.
 *
 * The monitor's lines and the words of the kernel's command line name entries of
 * it. A command gets its words, its own name first, and returns an exit status.
 */
#ifndef KERNEL_COMMAND_H
#define KERNEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

struct command {
    const char *name;
    const char *arguments; /* for help, and for who gives too many or too few: [OPTIONAL], MANY... */
    const char *help;
    int (*run)(unsigned count, char **words);
};

/* Each file of commands has a table; the last entry's name is NULL. */
extern const struct command commands_look[], commands_try[], commands_show[];

/* The tour, the tests and the benches: commands with files of their own. */
int tour_run(unsigned count, char **words);
int test_run(unsigned count, char **words);
int bench_run(unsigned count, char **words);
int growth_run(unsigned count, char **words);
int ipis_run(unsigned count, char **words);
int irqs_off_run(unsigned count, char **words);

/* The argument of words[index] as an address, or as a number from least to most. False, and it is said what would do. */
bool command_address(char **words, unsigned index, uintptr_t *address);
bool command_number(char **words, unsigned index, uint32_t least, uint32_t most, uint32_t *number);

/* Runs one line, whose words are cut in place. An empty line is fine; an unknown command says so and fails; so do words too
 * many and too few. */
int command_run(char *line);
int command_help(unsigned count, char **words);

/* Reads lines from the serial line until `quit`. */
int monitor_run(void);

#endif
