/* SPDX-License-Identifier: 0BSD */
/* main.c - the smallest kernel that boots the whole stack: one CPU, i386, a serial line. */
#include "io/string.h"
#include "x86/cpu.h"
#include "x86/window.h"
#include <ashlar/ashlar.h>
#include <ashlar/multiboot1.h>

#define IMAGE_BASE 0x100000u /* in RAM */
extern char image_start[], image_end[];
extern volatile uint32_t page_table[1024]; /* of the 4 MiB in which the image is linked */
ASHLAR_NORETURN void kernel_main(uint32_t magic, uint32_t information);

/* The port: six hooks; port/x86 has the others. */
unsigned ashlar_port_cpu(void)
{
    return 0;
}

unsigned ashlar_port_pin(void)
{
    return 0;
}

void ashlar_port_unpin(void)
{
}

unsigned ashlar_port_context(void)
{
    return ASHLAR_CONTEXT_THREAD;
}

void ashlar_port_log(const char *message)
{
    while (*message != '\0') {
        x86_out8(0x3f8, (uint8_t)*message++);
    }
    x86_out8(0x3f8, '\n');
}

static ASHLAR_NORETURN void stop(uint8_t status)
{
    x86_out8(0xf4, status); /* QEMU's isa-debug-exit */
    for (;;) {
        x86_halt();
    }
}

void ashlar_port_fatal(const char *message)
{
    ashlar_port_log(message);
    stop(1);
}

/* Nothing but the image is mapped: what the loader left is read through a window. */
static void read(void *context, ashlar_phys address, void *buffer, size_t bytes)
{
    (void)context;
    for (char *to = buffer; bytes != 0; bytes--, address++) {
        char *window = ashlar_port_open_frame((ashlar_pfn)(address >> ASHLAR_PAGE_SHIFT));
        *to++ = window[address % ASHLAR_PAGE_BYTES];
        ashlar_port_close_frame(window);
    }
}

void kernel_main(uint32_t magic, uint32_t information)
{
    static struct ashlar_memmap_entry entries[128];
    struct ashlar_multiboot1 loader = {.magic = magic, .information = information, .read = read};
    struct ashlar_memmap map;
    struct ashlar_boot boot = {.map = &map,
                               .paging = &ashlar_paging_two_level,
                               .max_cpus = 1,
                               .image_base = IMAGE_BASE,
                               .image_bytes = (uintptr_t)image_end - (uintptr_t)image_start,
                               .image_address = (uintptr_t)image_start};
    struct ashlar_booted booted;
    uintptr_t windows = (uintptr_t)image_end; /* the pages behind the image */
    ashlar_x86_windows_init(&page_table[windows / ASHLAR_PAGE_BYTES % 1024], sizeof page_table[0], windows, 0);
    ashlar_memmap_init(&map, entries, 128, (ashlar_phys)1 << 32, NULL, NULL);
    if (ashlar_multiboot1_add(&map, &loader) != ASHLAR_OK) {
        ashlar_port_fatal(loader.problem);
    }
    ashlar_boot_up(&boot, &booted);
    char *text = ashlar_kmalloc(1 << 20);
    if (text != NULL) {
        memcpy(text, "kmalloc works", 14);
        ashlar_port_log(text);
        ashlar_kfree(text);
    }
    stop(text == NULL);
}
