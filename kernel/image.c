/* SPDX-License-Identifier: 0BSD */
/* image.c - the kernel's own pages: who may write what, and the windows beside them.
 *
 * boot.S maps the whole image writable. Here text and constants lose the right
 * to be written (CR0.WP makes that hold in ring 0), the page below the boot
 * stack goes, and the 256 entries before the image become the port's windows.
 * Two-level paging has no execute permission to take away.
 */
#include "machine.h"

#include "cpu.h"
#include "window.h"

#define ENTRY_PRESENT 1u
#define ENTRY_WRITABLE 2u

static unsigned entry_of(const char *address)
{
    return (unsigned)(((uintptr_t)address - IMAGE_SLOT_ADDRESS) / ASHLAR_PAGE_BYTES);
}

void image_init(void)
{
    for (unsigned i = entry_of(image_start); i < entry_of(image_rodata_end); i++) {
        boot_page_table[i] &= ~ENTRY_WRITABLE;
    }
    boot_page_table[entry_of(boot_stack_guard)] = 0;
    x86_write_cr3(x86_read_cr3());
    ashlar_x86_windows_init(boot_page_table, sizeof boot_page_table[0], IMAGE_SLOT_ADDRESS);
}

static bool within(uintptr_t address, const char *from, const char *end)
{
    return address >= (uintptr_t)from && address < (uintptr_t)end;
}

/* What part of the last 4 MiB an address lies in, or NULL if it lies elsewhere. */
const char *image_place(uintptr_t address)
{
    if (within(address, boot_stack_guard, boot_stack)) {
        return "guard page of the boot stack";
    }
    if (within(address, boot_stack, boot_stack_top)) {
        return "boot stack";
    }
    if (within(address, image_start, image_text_end)) {
        return "kernel text (read-only)";
    }
    if (within(address, image_text_end, image_rodata_end)) {
        return "kernel constants (read-only)";
    }
    if (within(address, image_rodata_end, image_end)) {
        return "kernel data";
    }
    if (address >= IMAGE_SLOT_ADDRESS) {
        return address < IMAGE_ADDRESS ? "windows" : "beyond the kernel image";
    }
    return NULL;
}

void machine_exit(unsigned status)
{
    x86_irq_disable();
    x86_out8(0xf4, (uint8_t)status); /* QEMU's isa-debug-exit; nothing happens on a machine without it */
    for (;;) {
        x86_halt();
    }
}
