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

static ashlar_status fill(void *loader, struct ashlar_memmap *map)
{
    return ashlar_multiboot1_add(map, loader);
}

void kernel_main(uint32_t magic, uint32_t information)
{
    struct ashlar_multiboot1 loader = {magic, information, read, NULL, "no room for a memory map"};
    struct ashlar_memmap map;
    ashlar_phys at;
    size_t entries;
    struct ashlar_boot boot = {.map = &map,
                               .paging = &ashlar_paging_two_level,
                               .max_cpus = 1,
                               .image_base = IMAGE_BASE,
                               .image_bytes = (uintptr_t)image_end - (uintptr_t)image_start,
                               .image_address = (uintptr_t)image_start};
    struct ashlar_booted booted;
    uintptr_t windows = (uintptr_t)image_end, storage = windows + ASHLAR_X86_WINDOWS_BYTES; /* pages behind the image */
    ashlar_x86_windows_init(&page_table[windows / ASHLAR_PAGE_BYTES % 1024], sizeof page_table[0], windows, 0);
    if (ashlar_memmap_find_storage(fill, &loader, boot.image_base + boot.image_bytes, 0x400000, &at, &entries) !=
        ASHLAR_OK) {
        ashlar_port_fatal(loader.problem);
    }
    size_t bytes = entries * sizeof(struct ashlar_memmap_entry); /* as many as this loader asks for */
    for (size_t i = 0; i < bytes; i += ASHLAR_PAGE_BYTES) {
        page_table[(storage + i) / ASHLAR_PAGE_BYTES % 1024] = (uint32_t)(at + i) | 0x63;
    }
    ashlar_memmap_init(&map, (void *)storage, entries, (ashlar_phys)1 << 32, NULL, NULL);
    ashlar_memmap_reserve(&map, at, bytes, ASHLAR_MEMMAP_KERNEL);
    (void)fill(&loader, &map);
    ashlar_boot_up(&boot, &booted);
    char *text = ashlar_kmalloc(1 << 20);
    if (text != NULL) {
        memcpy(text, "kmalloc works", 14);
        ashlar_port_log(text);
        ashlar_kfree(text);
    }
    stop(text == NULL);
}
