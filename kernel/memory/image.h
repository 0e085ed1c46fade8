/* SPDX-License-Identifier: 0BSD */
/* image.h - the image and its tables. */
#ifndef KERNEL_IMAGE_H
#define KERNEL_IMAGE_H

#include "cpu/mode.h"
#include "width.h"

#define IMAGE_SLOT_ADDRESS IMAGE_OFFSET          /* windows, and the image behind them */
#define IMAGE_ADDRESS (IMAGE_OFFSET + 0x100000u) /* the image is loaded at 1 MiB */

extern char image_start[], image_text_end[], image_rodata_end[], image_end[];
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];

/* Tables of the image in this mode, in which each part has its rights, the boot stack a guard page, and frames windows;
 * the CPU runs with them. No window may be open. This CPU has to be loaded again afterwards (percpu.h). */
void image_enter(const struct paging_mode *mode);
/* The mode in use. */
const struct paging_mode *image_mode(void);

/* The root of the image's own tables, which CPUs that start go through, and whether it maps the image low as well. */
uintptr_t image_root(void);
void image_show_low(bool show);

/* Where the entry of a page of the last 4 MiB lies: 4 or 8 bytes. */
volatile void *image_entry(uintptr_t address);
const char *image_place(uintptr_t address);

/* Pages have no sign extension, addresses do. */
uintptr_t address_of_page(ashlar_vpn page);

#endif
