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

/* Both say the same in the same order, from different places on. */
struct loader_display {
    uint64_t address;
    uint32_t pitch_bytes;
    uint32_t width;
    uint32_t height;
    uint8_t bits;
    uint8_t kind; /* 1: dots by red, green and blue */
} __attribute__((packed));

#define DISPLAY_OF_DOTS 1u
#define ONE_DISPLAY 88u
#define ONE_HAS_DISPLAY (1u << 12)
#define TWO_TAG_DISPLAY 8u

/* The tags have been walked before, by whoever added the map: they have an end. */
static ashlar_phys find_display(void)
{
    uint32_t word[2] = {0, 0}; /* flags; or a tag's type, and its bytes */
    ashlar_phys at = two.information + 8;
    if (!is_two()) {
        memory_read(NULL, one.information, word, sizeof word[0]);
        return (word[0] & ONE_HAS_DISPLAY) != 0 ? (ashlar_phys)one.information + ONE_DISPLAY : 0;
    }
    for (;; at += (word[1] + 7u) & ~7u) {
        memory_read(NULL, at, word, sizeof word);
        if (word[0] == 0 || word[0] == TWO_TAG_DISPLAY) {
            return word[0] != 0 && word[1] >= 8 + sizeof(struct loader_display) ? at + 8 : 0;
        }
    }
}

bool loader_screen(struct screen_dots *dots)
{
    struct loader_display display = {.kind = 0};
    ashlar_phys at = find_display();
    if (at != 0) {
        memory_read(NULL, at, &display, sizeof display);
    }
    *dots = (struct screen_dots){.address = display.address,
                                 .pitch_bytes = display.pitch_bytes,
                                 .width = display.width,
                                 .height = display.height,
                                 .dot_bytes = display.bits / 8};
    return display.kind == DISPLAY_OF_DOTS;
}

ashlar_phys loader_rsdp(void)
{
    ashlar_phys rsdp = 0;
    return is_two() && ashlar_multiboot2_rsdp(&two, &rsdp) == ASHLAR_OK ? rsdp : 0;
}
