/* SPDX-License-Identifier: 0BSD */
/* main.c - the first C that runs, and the words that say what to do.
 *
 * The kernel's command line is a list of monitor commands, an `=` or `,` in place
 * of each space: `audit`, `fault=0x10`, `test=heap,space`. With none of them, and
 * without `monitor`, it is the tour. The word `exit` ends the machine afterwards
 * with the worst of their statuses; otherwise the monitor waits at the prompt.
 * `map=module`, `low-memory`, `paging=FORMAT`, `cpus=N`, `waiting=` and `priorities=` are words of memory.c; so are
 * `apic=x2`, which turns on x2APIC mode as some firmware does, and `ghost=ID`, a CPU that is tried first although no table
 * has it.
 *
 * The thread that booted becomes the idle task: the rest runs on a guarded stack.
 */
#include "commands/command.h"
#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/screen.h"
#include "io/serial.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/loader.h"
#include "memory/memory.h"
#include "task/task.h"
#include <ashlar/port.h>

ASHLAR_NORETURN void kernel_main(uint32_t magic, uint32_t information);

static bool is_option(const char *word)
{
    return text_equal(word, "exit") || text_equal(word, "monitor") || text_equal(word, "low-memory") ||
           text_after(word, "map=") != NULL || text_after(word, "policy=") != NULL ||
           text_after(word, "kernel-space=") != NULL || text_after(word, "heap-space=") != NULL ||
           text_after(word, "paging=") != NULL || text_after(word, "cpus=") != NULL ||
           text_after(word, "ghost=") != NULL || text_after(word, "apic=") != NULL ||
           text_after(word, "waiting=") != NULL || text_after(word, "priorities=") != NULL;
}

static int run_word(char *word)
{
    for (char *at = word; *at != '\0'; at++) {
        if (*at == '=' || *at == ',') {
            *at = ' ';
        }
    }
    return command_run(word);
}

static void main_thread(void *argument)
{
    static char line[MEMORY_LINE_BYTES];
    static char *words[MEMORY_LINE_WORDS];
    char tour[] = "tour";
    bool ends = false;
    bool waits = false;
    unsigned commands = 0;
    int status = EXIT_GOOD;
    (void)argument;
    task_start_worker();
    smp_start();
    print("%u CPU%s\n", smp_count(), smp_count() == 1 ? "" : "s");
    memcpy(line, kernel_memory.line, sizeof line);
    unsigned count = text_split(line, words, MEMORY_LINE_WORDS);
    for (unsigned i = 1; i < count; i++) { /* the first word is the image's name */
        ends = ends || text_equal(words[i], "exit");
        waits = waits || text_equal(words[i], "monitor");
        if (!is_option(words[i])) {
            int result = run_word(words[i]);
            status = result > status ? result : status;
            commands++;
        }
    }
    if (commands == 0 && !waits) {
        status = run_word(tour);
    }
    machine_exit((unsigned)(ends ? status : monitor_run()));
}

void kernel_main(uint32_t magic, uint32_t information)
{
    static struct task main_task;
    serial_init();
    cpu_load(0);
    task_init("idle", (uintptr_t)boot_stack_top);
    image_enter(&paging_modes[0]);
    screen_init();
    cpu_load(0);
    trap_init();
    memory_init(magic, information);
    timer_init(loader_rsdp(), smp_lapic_registers());
    if (task_start(&main_task, "main", main_thread, NULL, NULL) != ASHLAR_OK) {
        ashlar_port_fatal("no stack for the main thread");
    }
    task_idle();
}
