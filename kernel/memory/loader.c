/* SPDX-License-Identifier: 0BSD */
/* loader.c - what the loader left, whether it speaks Multiboot 1 or 2.
 *
 * Multiboot 2's command line lacks the image's name; it gets one, so that the
 * words that follow are the same.
 */
#include "memory/loader.h"

#include "io/print.h"
#include "io/string.h"
#include "memory/memory.h"
#include <ashlar/multiboot1.h>
#include <ashlar/multiboot2.h>
#include <ashlar/port.h>

static struct ashlar_multiboot1 one;
static struct ashlar_multiboot2 two;

static bool is_two(void)
{
    return two.magic == ASHLAR_MULTIBOOT2_MAGIC;
}

static void check(ashlar_status status)
{
    if (status != ASHLAR_OK && status != ASHLAR_ABSENT) {
        ashlar_port_fatal(is_two() ? two.problem : one.problem);
    }
}

void loader_init(uint32_t magic, uint32_t information)
{
    one = (struct ashlar_multiboot1){.magic = magic, .information = information, .read = memory_read};
    two = (struct ashlar_multiboot2){.magic = magic, .information = information, .read = memory_read};
}

void loader_command_line(char *line, size_t bytes)
{
    memset(line, 0, bytes);
    if (is_two()) {
        size_t length = print_to(line, bytes, "kernel ");
        check(ashlar_multiboot2_command_line(&two, line + length, bytes - length));
    } else {
        check(ashlar_multiboot1_command_line(&one, line, bytes));
    }
    if (line[bytes - 2] != '\0') {
        ashlar_port_fatal("the command line is longer than what this kernel reads of it, 510 characters");
    }
}

void loader_add_map(struct ashlar_memmap *map)
{
    check(is_two() ? ashlar_multiboot2_add(map, &two) : ashlar_multiboot1_add(map, &one));
}

int loader_first_module(struct loader_module *module)
{
    struct ashlar_multiboot1_module old = {0};
    struct ashlar_multiboot2_module new = {0};
    if (is_two()) {
        ashlar_status status = ashlar_multiboot2_module(&two, 0, &new);
        *module = (struct loader_module){new.base, new.bytes};
        return status == ASHLAR_OK;
    }
    ashlar_status status = ashlar_multiboot1_module(&one, 0, &old);
    *module = (struct loader_module){old.base, old.bytes};
    return status == ASHLAR_OK;
}

ashlar_phys loader_rsdp(void)
{
    ashlar_phys rsdp = 0;
    return is_two() && ashlar_multiboot2_rsdp(&two, &rsdp) == ASHLAR_OK ? rsdp : 0;
}
