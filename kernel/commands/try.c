/* SPDX-License-Identifier: 0BSD */
/* try.c - commands that do what a kernel should not, to see what is said about it.
 *
 * `fault` and `poke` come back to the prompt: the address is probed. All others
 * end in the panic that a kernel author would meet.
 */
#include "commands/command.h"
#include "cpu/smp.h"
#include "cpu/trap.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "task/process.h"
#include "task/task.h"
#include "x86/cpu.h"
#include "x86/window.h"
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

static const uint32_t constant = 0x1234;

static int run_fault(unsigned count, char **words)
{
    uintptr_t address;
    uint32_t value;
    char place[200];
    (void)count;
    if (!command_address(words, 1, &address)) {
        return EXIT_FAILED;
    }
    trap_set_probe_report(true);
    bool readable = probe_read(address, &value);
    trap_set_probe_report(false);
    if (readable) {
        explain_address(address, place, sizeof place);
        print("0x%08lx reads 0x%08x: %s\n", (unsigned long)address, value, place);
    }
    return EXIT_GOOD;
}

static int run_poke(unsigned count, char **words)
{
    uintptr_t address;
    uint32_t value;
    (void)count;
    if (!command_address(words, 1, &address)) {
        return EXIT_FAILED;
    }
    trap_set_probe_report(true);
    bool written = probe_read(address, &value) && probe_write(address, value);
    trap_set_probe_report(false);
    if (written) {
        print("0x%08lx can be written\n", (unsigned long)address);
    }
    return EXIT_GOOD;
}

/* Data that would return at once, if it could be executed. */
static int run_execute(unsigned count, char **words)
{
    static uint8_t data[] = {0xc3};
    void (*function)(void) = (void (*)(void))(uintptr_t)data;
    (void)count;
    (void)words;
    __asm__("" : "+r"(function));
    function();
    print("data was executed: the CPU has no NX, or two-level paging is in use\n");
    return EXIT_FAILED;
}

static int run_null(unsigned count, char **words)
{
    volatile uint32_t *pointer = NULL;
    (void)words;
    __asm__("" : "+r"(pointer)); /* the compiler must not know */
    return (int)pointer[count];
}

static int run_readonly(unsigned count, char **words)
{
    volatile uint32_t *pointer = (volatile uint32_t *)(uintptr_t)&constant;
    (void)words;
    *pointer = count;
    return EXIT_FAILED;
}

/* NOLINTNEXTLINE(misc-no-recursion): to use up a stack is its purpose. */
static uint32_t deepen(uint32_t level)
{
    volatile uint32_t block[64];
    block[level % 64] = level;
    return level == UINT32_MAX ? 0 : deepen(level + 1) + block[level % 64];
}

static void overflow_thread(void *argument)
{
    *(uint32_t *)argument = deepen(0);
}

static int run_overflow(unsigned count, char **words)
{
    static struct task task;
    static uint32_t sum;
    (void)count;
    (void)words;
    ashlar_status status = task_start(&task, "deep thread", overflow_thread, &sum, NULL);
    if (status != ASHLAR_OK) {
        print("no stack: %s\n", ashlar_status_text(status));
        return EXIT_FAILED;
    }
    task_join(&task);
    return EXIT_FAILED;
}

/* The report of the first fault prints the task's name, and meets the second. */
static int run_nested(unsigned count, char **words)
{
    task_current()->name = (const char *)(uintptr_t)0xdeadb000u;
    return run_null(count, words);
}

/* 64-bit entries have reserved bits above the CPU's physical address; of 32-bit ones, those of a 4 MiB page alone: bit 21.
 * The entry is a window's, or lies in this task's own root, in the user half. */
static int run_reserved(unsigned count, char **words)
{
    uintptr_t address = PROCESS_PAGE_ADDRESS;
    (void)count;
    (void)words;
    ashlar_port_pin();
    char *window = ashlar_x86_window_open((ashlar_pfn)(ashlar_port_get_root() >> ASHLAR_PAGE_SHIFT));
    if (image_mode()->reserved_bits != 0) {
        address = (uintptr_t)window;
        *(volatile uint64_t *)image_entry(address) |= image_mode()->reserved_bits;
    } else {
        ((volatile uint32_t *)(void *)window)[address >> 22] = 0x200083;
    }
    x86_invlpg(address);
    uint32_t value = *(volatile uint32_t *)address;
    ashlar_x86_window_close(window);
    return (int)value;
}

static int run_panic(unsigned count, char **words)
{
    ashlar_port_fatal(count > 1 ? words[1] : "asked for");
}

static void *volatile given_there;
static volatile bool freed_there;

static void free_there(void *unused)
{
    (void)unused;
    while (given_there == NULL) {
        task_yield();
    }
    ashlar_kfree(given_there);
    freed_there = true;
}

/* Pinned, the caller keeps its CPU: the other task can only run elsewhere. It is started before, for that takes a stack. */
static void *allocate_here_free_there(void)
{
    static struct task task;
    if (task_start(&task, "freer", free_there, NULL, NULL) != ASHLAR_OK) {
        return NULL;
    }
    ashlar_port_pin();
    void *object = ashlar_kmalloc(100);
    given_there = object;
    while (object != NULL && !freed_there) {
        ashlar_port_relax();
    }
    ashlar_port_unpin();
    if (object != NULL) {
        task_join(&task);
    }
    return object;
}

static void *allocate_and_free(void)
{
    void *object = ashlar_kmalloc(100);
    ashlar_kfree(object);
    return object;
}

/* Frees an object twice: at once, with other calls in between, or first on another CPU. */
static int run_doublefree(unsigned count, char **words)
{
    bool on_two = count > 1 && text_equal(words[1], "cpus") && smp_count() > 1;
    void *other = ashlar_kmalloc(100);
    void *object = on_two ? allocate_here_free_there() : allocate_and_free();
    if (count > 1 && text_equal(words[1], "later")) {
        ashlar_kfree(other);
        ashlar_kfree(ashlar_kmalloc(3000));
    }
    ashlar_kfree(object);
    return EXIT_FAILED;
}

static int run_interior(unsigned count, char **words)
{
    char *object = ashlar_kmalloc(100);
    (void)words;
    if (object != NULL) {
        ashlar_kfree(object + 15 + count);
    }
    return EXIT_FAILED;
}

static int run_wild(unsigned count, char **words)
{
    static uint32_t mine[16];
    (void)count;
    (void)words;
    ashlar_kfree(&mine[4]);
    return EXIT_FAILED;
}

static int run_wrongsize(unsigned count, char **words)
{
    (void)count;
    (void)words;
    ashlar_kfree_sized(ashlar_kmalloc(100), 1000);
    return EXIT_FAILED;
}

static int run_doublegive(unsigned count, char **words)
{
    ashlar_pfn frame;
    (void)count;
    (void)words;
    if (ashlar_frames_take(kernel_memory.frames, 0, &frame) == ASHLAR_OK) {
        ashlar_frames_give(kernel_memory.frames, frame, 0);
        ashlar_frames_give(kernel_memory.frames, frame, 0);
    }
    return EXIT_FAILED;
}

static int run_doublerange(unsigned count, char **words)
{
    ashlar_vpn first;
    (void)count;
    (void)words;
    if (ashlar_kva_take(4, ASHLAR_MAP_WRITE, "a range given twice", &first) == ASHLAR_OK) {
        ashlar_kva_give(first);
        ashlar_kva_give(first);
    }
    return EXIT_FAILED;
}

static int run_destroy(unsigned count, char **words)
{
    static struct ashlar_space space;
    (void)count;
    (void)words;
    if (ashlar_space_create(&space) == ASHLAR_OK) {
        ashlar_port_pin();
        ashlar_space_switch(&space);
        ashlar_space_destroy(&space);
    }
    return EXIT_FAILED;
}

const struct command commands_try[] = {
    {"fault", "ADDR", "read an address, and explain what happens", run_fault},
    {"poke", "ADDR", "read it and write the same back, and explain what happens", run_poke},
    {"null", "", "follow a null pointer: panics", run_null},
    {"readonly", "", "write to one of the kernel's constants: panics", run_readonly},
    {"execute", "", "execute data: panics where the CPU has NX", run_execute},
    {"overflow", "", "use up a kernel stack: panics, naming the stack", run_overflow},
    {"nested", "", "fault inside the report of a fault: panics", run_nested},
    {"reserved", "", "set a reserved bit in a page table: panics", run_reserved},
    {"doublefree", "[later|cpus]", "free an object twice, at once, later, or on two CPUs: panics, naming it",
     run_doublefree},
    {"interior", "", "free a pointer into an object: panics", run_interior},
    {"wild", "", "free what is not the heap's: panics", run_wild},
    {"wrongsize", "", "free with the wrong size: panics", run_wrongsize},
    {"doublegive", "", "give a frame back twice: panics", run_doublegive},
    {"doublerange", "", "give a range of pages back twice: panics", run_doublerange},
    {"destroy", "", "destroy the address space in use: panics", run_destroy},
    {"panic", "[TEXT]", "stop, and say so", run_panic},
    {NULL, NULL, NULL, NULL},
};
